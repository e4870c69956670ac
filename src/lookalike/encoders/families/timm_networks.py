"""Networks of the timm library, from a folder as the hub keeps them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import EncoderCard, per_channel
from lookalike.encoders.families.importing import library
from lookalike.encoders.families.network import TorchNetwork, adapted, torch_network
from lookalike.encoders.families.pooling import Layout, pool_of
from lookalike.encoders.families.preprocessings import square
from lookalike.encoders.families.weights import refused_weights
from lookalike.errors import EncoderError, UsageError, first_line
from lookalike.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["describe_timm", "load_timm", "timm_layout"]

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]
USUAL_CROP = 0.875

# Towers of CLIP models: what looks like a classifier is their projection, and the
# embedding that they were trained for comes after it.
PROJECTED = re.compile(r"clip|_mci\d*|_pe_core_")
FINE_TUNED = re.compile(r"ft_in\d+k")

# Whose num_features tells the truth about the rows before the classifier.
# MobileNetV3's, for one, does not: 960, but its rows have 1280 numbers.
HONEST = (
    "beit", "convnext", "deit", "densenet", "efficientnet_b", "eva", "mobilenetv2", "regnet",
    "resnet", "resnext", "swin", "vit_",
)  # fmt: skip


# Classes whose features are tokens, all of them of patches, though they do not say so: Mixer,
# gMLP and ResMLP are one class. What other classes answer is a map, or is refused.
PATCHES_ONLY = {"MlpMixer"}

# Arguments of create_model itself: they load or change weights, or how the library builds.
REFUSED_ARGUMENTS = {
    "cache_dir", "checkpoint_path", "exportable", "no_jit", "pretrained", "pretrained_cfg",
    "pretrained_cfg_overlay", "scriptable",
}  # fmt: skip


def describe_timm(
    config: Mapping[str, Any], name: str, pooling: str, size: int | None
) -> EncoderCard:
    """Read a card off ``config.json``.

    Raises:
        KeyError, TypeError, ValueError: The configuration lacks something, or makes no sense.
    """
    facts = pretrained_facts(config)
    architecture = str(config["architecture"])
    tag = facts.get("tag") or ""
    return EncoderCard(
        name=name,
        weights="",
        dim=stated_dim(config, pooling),
        preprocessing=timm_preprocessing(facts, size),
        family="timm",
        architecture=f"{architecture}.{tag}" if tag else architecture,
        pooling=pooling,
        licence=facts.get("license") or "",
    )


def load_timm(folder: WeightsFolder, card: EncoderCard) -> TorchNetwork:
    """Build the network and load its weights, all of them.

    Raises:
        MissingExtra: timm is not installed.
        EncoderError: It does not know the architecture, or the weights do not fit.
        UsageError: The network has no such pooling, or does not take this size.
    """
    config = folder.config()
    model = built(folder, config, card)
    if not (card.pooling == "own" and is_projected(config)):
        model.reset_classifier(0)
    if card.pooling == "own":
        return torch_network(model, card)
    pool = pool_of(card.pooling, timm_layout(model), name=card.name)
    run = adapted(model, lambda tower, pictures: pool(tower.forward_features(pictures)))
    return torch_network(run, card)


def timm_layout(model: Any) -> Layout:
    """Learn how a timm network lays out what its ``forward_features`` answers."""
    prefix = getattr(model, "num_prefix_tokens", None)
    if prefix is not None:
        has_class = getattr(model, "cls_token", None) is not None
        return Layout("tokens", int(prefix), has_class)
    if type(model).__name__ in PATCHES_ONLY:
        return Layout("tokens")
    if getattr(model, "output_fmt", "NCHW") == "NHWC":
        return Layout("channels_last")
    return Layout("channels_first")


def built(folder: WeightsFolder, config: Mapping[str, Any], card: EncoderCard) -> Any:
    """Create the network as its configuration says, at the card's size, with its weights."""
    timm = library("timm", extra="timm", purpose=f"Encoder {card.name!r}")
    architecture = str(config["architecture"])
    if not timm.is_model(architecture):
        raise EncoderError(
            f"timm {timm.__version__} knows no architecture {architecture!r}, which the "
            f"configuration of {folder.path} asks for: upgrade timm, or check the name."
        )
    if len(folder.weights) != 1:
        raise EncoderError(
            f"{folder.path} holds {len(folder.weights)} weights files, but a timm network has one."
        )
    check_arguments(config, folder)
    given = arguments(config, card)
    try:
        return timm.create_model(
            architecture,
            pretrained=True,
            # A file that is named comes before every address, and is no pickle.
            pretrained_cfg={**known_facts(config), "file": str(folder.weights[0])},
            **given,
        )
    except (RuntimeError, KeyError) as error:
        if "img_size" in given and "loading state_dict" not in str(error):
            raise UsageError(
                f"Encoder {card.name!r} does not take pictures of {card.preprocessing.size} "
                f"pixels ({first_line(error).rstrip('.')}): ask for another size."
            ) from error
        raise refused_weights(folder.path, error) from error
    except (AssertionError, TypeError, ValueError) as error:
        raise EncoderError(
            f"timm {timm.__version__} cannot build {architecture!r} as the configuration of "
            f"{folder.path} says ({first_line(error)}): upgrade timm, or check the options."
        ) from error


def check_arguments(config: Mapping[str, Any], folder: WeightsFolder) -> None:
    """Refuse a configuration that would have more loaded than the weights beside it.

    Raises:
        EncoderError: It would: a checkpoint can be a pickle, which runs any program.
    """
    refused = sorted(REFUSED_ARGUMENTS & set(config.get("model_args") or {}))
    if refused:
        raise EncoderError(
            f"The configuration of {folder.path} gives the network {refused[0]!r}, which loads or "
            "changes weights beside those of the folder: do not trust it, or take that out of its "
            "model_args."
        )


def known_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of the configuration what this timm understands, and no place to fetch from."""
    pretrained = library("timm.models", extra="timm", purpose="A timm network").PretrainedCfg
    elsewhere = {"url", "source", "hf_hub_id", "hf_hub_filename", "state_dict", "custom_load"}
    known = {item.name for item in fields(pretrained)} - elsewhere
    facts = {key: value for key, value in pretrained_facts(config).items() if key in known}
    return {**facts, "architecture": config["architecture"]}


def arguments(config: Mapping[str, Any], card: EncoderCard) -> dict[str, Any]:
    """Collect what the network is built with: the head it was saved with, another size."""
    given = dict(config.get("model_args") or {})
    facts = pretrained_facts(config)
    given["num_classes"] = facts.get("num_classes", given.get("num_classes", 1000))
    size = card.preprocessing.size
    if size != timm_preprocessing(facts, None).size:
        if facts.get("fixed_input_size"):
            given["img_size"] = size
        check_smallest(facts, size, card.name)
    return given


def check_smallest(facts: Mapping[str, Any], size: int, name: str) -> None:
    """Refuse a size below what a network can take."""
    smallest = facts.get("min_input_size")
    if smallest and size < smallest[1]:
        raise UsageError(
            f"Encoder {name!r} takes pictures of {smallest[1]} pixels or more, not {size}."
        )


def pretrained_facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part about the weights; older files keep it beside the architecture."""
    facts = dict(config.get("pretrained_cfg") or config)
    if "num_classes" in config:
        facts["num_classes"] = config["num_classes"]
    return facts


def is_projected(config: Mapping[str, Any]) -> bool:
    """Tell whether the last layer is a CLIP projection and no classifier."""
    facts = pretrained_facts(config)
    tag = facts.get("tag") or ""
    named = PROJECTED.search(f"{config['architecture']}.{tag}") is not None
    return named and not FINE_TUNED.search(tag) and facts.get("num_classes", 0) not in {0, 1000}


def stated_dim(config: Mapping[str, Any], pooling: str) -> int:
    """Read the dim off the configuration; 0 where it cannot be trusted."""
    if pooling == "own" and is_projected(config):
        return int(pretrained_facts(config)["num_classes"])
    if pooling == "own" and not str(config["architecture"]).startswith(HONEST):
        return 0
    return int(config.get("num_features") or 0)


def timm_preprocessing(facts: Mapping[str, Any], size: int | None) -> Preprocessing:
    """Read preprocessing as ``timm.data.create_transform`` does for evaluation."""
    channels, *sides = facts.get("input_size") or (3, 224, 224)
    if channels != 3:
        raise ValueError(f"its input has {channels} channels, and pictures have 3")
    mode = facts.get("crop_mode") or "center"
    if mode not in {"center", "squash"}:
        raise ValueError(f"its crop mode is {mode!r}, and only center and squash are supported")
    side = size or square(sides)
    return Preprocessing(
        size=side,
        resize=math.floor(side / (facts.get("crop_pct") or USUAL_CROP)),
        interpolation=facts.get("interpolation") or "bicubic",
        mean=per_channel(facts.get("mean") or IMAGENET_MEAN),
        std=per_channel(facts.get("std") or IMAGENET_STD),
        fit="squash" if mode == "squash" else "crop",
        middle="rounded",
    )
