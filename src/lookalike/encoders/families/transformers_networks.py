"""Networks of the Transformers library, from a folder as the hub keeps them."""

# torch is checked as Any, as the machine that checks need not have it.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.families.importing import library
from lookalike.encoders.families.network import TorchNetwork, adapted, torch_network
from lookalike.encoders.families.pooling import Layout, pool_of
from lookalike.encoders.families.texts import TokenTower
from lookalike.encoders.families.transformers_cards import (
    TEXT_MODELS,
    is_projected,
    native_size,
)
from lookalike.encoders.families.weights import misfit, refused_weights
from lookalike.errors import EncoderError, UsageError, first_line

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["load_transformers", "load_transformers_texts"]

# Heads that checkpoints carry and embeddings do not need.
HEADS = ("classifier", "cls_classifier", "distillation_classifier", "head.", "lm_head", "decoder.")

# Tokens before those of the patches, class token first; registers come on top.
CLASS_TOKENS = {
    "beit": 1, "clip": 1, "clip_vision_model": 1, "data2vec-vision": 1, "deit": 2, "dinov2": 1,
    "dinov2_with_registers": 1, "dinov3_convnext": 1, "dinov3_vit": 1, "metaclip_2": 1, "vit": 1,
    "vit_msn": 1,
}  # fmt: skip
PATCHES_ONLY = {"ijepa", "siglip", "siglip_vision_model", "swin", "swinv2"}
MAPS = {
    "bit", "convnext", "convnextv2", "efficientnet", "mobilenet_v1", "mobilenet_v2", "regnet",
    "resnet",
}  # fmt: skip


def load_transformers(folder: WeightsFolder, card: EncoderCard) -> TorchNetwork:
    """Build the image tower and load its weights, all of them.

    Raises:
        MissingExtra: Transformers is not installed.
        EncoderError: It does not know the architecture, or the weights do not fit.
        UsageError: The network has no such pooling, or does not take this size.
    """
    model = loaded(folder, image_class(folder), card.name)
    tower, projection = towers_of(model)
    call = caller(tower, folder, card)
    if card.pooling == "own":
        return torch_network(projected(tower, projection, call), card)
    layout = layout_of(folder, card)
    pool = pool_of(card.pooling, layout, name=card.name)
    run = adapted(tower, lambda model, x: pool(last_features(model, call(model, x))))
    return torch_network(run, card)


def load_transformers_texts(folder: WeightsFolder, card: EncoderCard, device: str) -> TokenTower:
    """Build the text tower, with its weights and its tokenizer.

    Raises:
        MissingExtra: Transformers, or what its tokenizer needs, is not installed.
        EncoderError: Weights do not fit, or files of the tokenizer are missing.
    """
    kind = folder.config()["model_type"]
    model = loaded(folder, TEXT_MODELS[kind], card.name)
    length = model.config.text_config.max_position_embeddings
    model.vision_model = model.visual_projection = None  # as large as the rest, and not needed
    tokenizer = tokenizer_of(folder, card.name)
    # SigLIP was trained on texts filled up to one length, CLIP stops at the end token.
    padding = "max_length" if kind == "siglip" else True

    def tokenize(texts: list[str]) -> Any:
        return tokenizer(
            texts, padding=padding, truncation=True, max_length=length, return_tensors="pt"
        )

    return TokenTower(text_module(model), tokenize, device=device)


def text_module(model: Any) -> Any:
    """Make a module that answers text rows, whichever way this release wraps them."""
    from torch.nn import Module

    class Texts(Module):
        """Both towers' model, asked for texts."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, **tokens: Tensor) -> Tensor:
            """Turn tokens into rows."""
            answer: Any = self.model.get_text_features(**tokens)
            rows: Tensor = getattr(answer, "pooler_output", answer)
            return rows

    return Texts()


def tokenizer_of(folder: WeightsFolder, name: str) -> Any:
    """Load the tokenizer whose files are in the folder."""
    transformers = library("transformers", extra="hf", purpose=f"The text tower of {name!r}")
    try:
        with quiet(transformers):
            return transformers.AutoTokenizer.from_pretrained(
                folder.path, local_files_only=True, trust_remote_code=False
            )
    except (OSError, ValueError, ImportError) as error:
        raise EncoderError(
            f"Encoder {name!r} has no usable tokenizer in {folder.path} ({first_line(error)}): "
            "fetch tokenizer.json and tokenizer_config.json of its repository."
        ) from error


def image_class(folder: WeightsFolder) -> str:
    """Name the class that loads the pictures' side of a checkpoint, projection included."""
    config = folder.config()
    kind = config["model_type"]
    if kind in TEXT_MODELS:
        return TEXT_MODELS[kind]
    return "CLIPVisionModelWithProjection" if is_projected(config) else "AutoModel"


def loaded(folder: WeightsFolder, class_name: str, name: str) -> Any:
    """Load a model, strictly: every weight of it, and none that is neither its own nor a head's."""
    transformers = library("transformers", extra="hf", purpose=f"Encoder {name!r}")
    torch = library("torch", extra="hf", purpose=f"Encoder {name!r}")
    kind = folder.config()["model_type"]
    try:
        with quiet(transformers):
            model, report = getattr(transformers, class_name).from_pretrained(
                folder.path,
                local_files_only=True,
                trust_remote_code=False,  # else it asks whoever sits there
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are reported, and refused below
            )
    except RuntimeError as error:
        raise refused_weights(folder.path, error) from error
    except (OSError, ValueError, KeyError, AttributeError, ImportError, TypeError) as error:
        if "auto_map" in folder.config():
            raise own_code(folder) from error
        raise EncoderError(
            f"Transformers {transformers.__version__} cannot load the {kind!r} network in "
            f"{folder.path} ({first_line(error)}): upgrade transformers, or check the folder."
        ) from error
    check_report(model, report, folder)
    return model


def own_code(folder: WeightsFolder) -> EncoderError:
    """Say that programs which come with weights are never run."""
    return EncoderError(
        f"The {folder.config()['model_type']!r} network in {folder.path} brings a program of its "
        "own (auto_map in its config.json), which is never run: use an encoder that Transformers "
        "itself knows."
    )


def check_report(model: Any, report: Any, folder: WeightsFolder) -> None:
    """Refuse a model that was not filled to the last weight."""
    missing = set(report["missing_keys"])
    if missing and all(key.startswith("pooler.") for key in missing):
        # The checkpoint has no pooler, and the library would invent one at random.
        model.pooler = None
        missing = set()
    unexpected = [key for key in report["unexpected_keys"] if not key.startswith(HEADS)]
    reshaped = [str(key) for key, *_ in report.get("mismatched_keys") or ()]
    if missing or unexpected or reshaped:
        raise misfit(folder.path, missing=missing, unexpected=unexpected, reshaped=reshaped)


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keep the library's bars and reports off the screen; errors say what matters."""
    logging = transformers.utils.logging
    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()


def towers_of(model: Any) -> tuple[Any, Any]:
    """Part a model into what sees pictures, and the projection that follows, if one does."""
    if hasattr(model, "vision_model") and hasattr(model.config, "vision_config"):
        return model.vision_model, getattr(model, "visual_projection", None)
    if hasattr(model, "visual_projection"):
        return model.vision_model, model.visual_projection
    return model, None


def caller(tower: Any, folder: WeightsFolder, card: EncoderCard) -> Callable[[Any, Tensor], Any]:
    """Choose how the tower is called: another size needs its position embeddings stretched."""
    size = card.preprocessing.size
    options = inspect.signature(tower.forward).parameters
    arguments: dict[str, Any] = {"return_dict": True} if "return_dict" in options else {}
    if native_size(folder.config()) not in {None, size} and "interpolate_pos_encoding" in options:
        arguments["interpolate_pos_encoding"] = True
    return lambda model, pictures: model(pixel_values=pictures, **arguments)


def projected(tower: Any, projection: Any, call: Callable[[Any, Tensor], Any]) -> Module:
    """Make a module of what the network itself pools to, projected where it has a projection."""
    from torch.nn import ModuleDict

    if projection is None:
        return adapted(tower, lambda model, pictures: own_rows(call(model, pictures)))
    both = ModuleDict({"tower": tower, "projection": projection})
    return adapted(
        both, lambda model, pictures: model["projection"](own_rows(call(model["tower"], pictures)))
    )


def own_rows(answer: Any) -> Tensor:
    """Take the network's pooled output, else its class token or the mean of its map."""
    rows = getattr(answer, "pooler_output", None)
    if rows is None:
        features = answer.last_hidden_state
        rows = features.mean(dim=(2, 3)) if features.ndim == 4 else features[:, 0]
    flat: Tensor = rows.flatten(1)
    return flat


def last_features(tower: Any, answer: Any) -> Tensor:
    """Take the last tokens or map; CLIP leaves the norm of its tokens to the pooling."""
    features: Tensor = answer.last_hidden_state
    norm = getattr(tower, "post_layernorm", None)
    is_clip = "clip" in tower.config.model_type and "siglip" not in tower.config.model_type
    return norm(features) if norm is not None and is_clip else features


def layout_of(folder: WeightsFolder, card: EncoderCard) -> Layout:
    """Learn how a network lays out its last features."""
    config = folder.config()
    kind = config["model_type"]
    if kind in MAPS:
        return Layout("channels_first")
    if kind in PATCHES_ONLY:
        return Layout("tokens")
    if kind in CLASS_TOKENS:
        registers = config.get("num_register_tokens", 4 if kind == "dinov2_with_registers" else 0)
        return Layout("tokens", CLASS_TOKENS[kind] + registers, has_class=True)
    raise UsageError(
        f"How {kind!r} networks lay out their tokens is not known here: use pooling own for "
        f"encoder {card.name!r} instead of {card.pooling}."
    )
