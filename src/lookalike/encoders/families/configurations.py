"""What of a folder's configuration changes numbers, and its hash.

The same weights answer otherwise in a network with another activation, another
number of heads or other arguments. What libraries write beside that, such as their
version or the names of classes, does not count: two copies are one encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lookalike.encoders.families.timm_networks import is_projected as is_timm_projected
from lookalike.encoders.families.transformers_cards import is_projected

if TYPE_CHECKING:
    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["configuration_digest"]

# Of OpenCLIP's towers: where weights could be fetched from, and another form of answer.
OPENCLIP_NOISE = {"hf_model_pretrained", "output_tokens", "timm_model_pretrained"}
# Of Transformers: where it came from, numeric types (it is loaded in float32), labels,
# what is answered beside the features, and what only training or generation reads.
TRANSFORMERS_NOISE = {
    "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path",
    "architectures", "attn_implementation", "auto_map", "dtype", "finetuning_task",
    "gradient_checkpointing", "id2label", "initializer_factor", "initializer_range", "label2id",
    "num_labels", "output_attentions", "output_hidden_states", "problem_type", "return_dict",
    "task_specific_params", "tokenizer_class", "torch_dtype", "torchscript",
    "transformers_version", "use_cache",
}  # fmt: skip


def configuration_digest(folder: WeightsFolder) -> str:
    """Hash what a folder's configuration says of its network: sha256, hexadecimal.

    Raises:
        KeyError, TypeError, ValueError: It lacks something, or makes no sense.
    """
    reduce = {"timm": timm_facts, "openclip": openclip_facts}.get(folder.family, transformers_facts)
    text = json.dumps(reduce(folder.config()), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def timm_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the architecture, its arguments, and whether its last layer is a projection."""
    return {
        "architecture": str(config["architecture"]),
        "model_args": config.get("model_args") or {},
        "is_projected": is_timm_projected(config),
    }


def openclip_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the description of both towers; an activation that is not said is the usual one."""
    model = dict(config["model_cfg"])
    is_quick = bool(model.pop("quick_gelu", False))
    return {**without(model, OPENCLIP_NOISE), "quick_gelu": is_quick}


def transformers_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keep all but the noise, and whether the pictures' rows are projected."""
    return {**without(config, TRANSFORMERS_NOISE), "is_projected": is_projected(config)}


def without(facts: Mapping[str, Any], noise: set[str]) -> dict[str, Any]:
    """Leave keys out, in objects inside of objects too."""
    return {
        key: without(value, noise) if isinstance(value, Mapping) else value
        for key, value in facts.items()
        if key not in noise
    }
