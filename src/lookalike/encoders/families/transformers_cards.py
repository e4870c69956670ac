"""What a Transformers folder says about its encoder: dim, preprocessing, text tower."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import EncoderCard, per_channel
from lookalike.encoders.families.preprocessings import at_size
from lookalike.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["TEXT_MODELS", "describe_transformers", "is_projected", "native_size"]

# Which class of the library has both towers, and get_text_features for the texts.
TEXT_MODELS = {"clip": "CLIPModel", "metaclip_2": "MetaClip2Model", "siglip": "SiglipModel"}

REFUSED = {
    "siglip2": "it takes pictures of any shape, patch by patch; its sisters of a fixed size, "
    "such as google/siglip2-base-patch16-224, can be used",
    "vit_mae": "it hides most of each picture at random",
}

# Whose hidden size is that of its rows, or of their projection where they have one: compared
# with the library for each. MobileViT's, for one, is not: 240, but its rows have 640 numbers.
HONEST = {
    "clip", "clip_vision_model", "convnext", "dinov2", "dinov2_with_registers", "dinov3_convnext",
    "dinov3_vit", "resnet", "siglip", "swin", "vit",
}  # fmt: skip

# Pillow's numbers, which the library writes down.
RESAMPLING = {1: "lanczos", 2: "bilinear", 3: "bicubic"}

# ConvNeXt's processor squashes pictures from this size on.
LARGE_CONVNEXT = 384
USUAL_CROP = 224 / 256


def describe_transformers(
    folder: WeightsFolder, name: str, pooling: str, size: int | None
) -> EncoderCard:
    """Read a card off ``config.json`` and ``preprocessor_config.json``.

    Raises:
        KeyError, TypeError, ValueError: They lack something, or make no sense.
    """
    config = folder.config()
    kind = config["model_type"]
    if kind in REFUSED:
        raise ValueError(f"{kind} has no place among encoders: {REFUSED[kind]}")
    architectures = config.get("architectures") or []
    return EncoderCard(
        name=name,
        weights="",
        dim=stated_dim(config, pooling),
        preprocessing=native_preprocessing(folder, size),
        family="transformers",
        architecture=architectures[0] if architectures else kind,
        pooling=pooling,
        # Texts meet pictures behind the projection, which other poolings leave out.
        has_text=kind in TEXT_MODELS and pooling == "own",
    )


def native_preprocessing(folder: WeightsFolder, size: int | None) -> Preprocessing:
    """Read preprocessing as the library's image processors do it, perhaps at another size."""
    return at_size(preprocessing_of(processor_facts(folder.path)), size)


def native_size(config: Mapping[str, Any]) -> int | None:
    """Return the input size that a network's position embeddings were made for."""
    size = (config.get("vision_config") or config).get("image_size")
    return size if isinstance(size, int) else None


def stated_dim(config: Mapping[str, Any], pooling: str) -> int:
    """Read the dim off the configuration; 0 where it does not say, or cannot be trusted."""
    if config["model_type"] not in HONEST:
        return 0
    tower = config.get("vision_config") or config
    if pooling == "own" and is_projected(config):
        return int(config.get("projection_dim") or 0)
    return int(tower.get("hidden_size") or (tower.get("hidden_sizes") or [0])[-1])


def is_projected(config: Mapping[str, Any]) -> bool:
    """Tell whether the pictures' rows go through a CLIP projection."""
    with_projection = "CLIPVisionModelWithProjection" in (config.get("architectures") or [])
    return config["model_type"] in {"clip", "metaclip_2"} or with_projection


def processor_facts(path: Path) -> dict[str, Any]:
    """Read what the image processor wrote down: alone, or inside of a processor's file."""
    nested = path / "processor_config.json"
    if nested.is_file():
        facts = json.loads(nested.read_text(encoding="utf-8")).get("image_processor")
        if facts:
            return dict(facts)
    alone = path / "preprocessor_config.json"
    if not alone.is_file():
        raise ValueError("preprocessor_config.json is missing, which says how it wants pictures")
    return dict(json.loads(alone.read_text(encoding="utf-8")))


def preprocessing_of(facts: Mapping[str, Any]) -> Preprocessing:
    """Read preprocessing off an image processor's facts, in the style of any year."""
    if facts.get("do_flip_channel_order"):
        raise ValueError("its pictures have red and blue exchanged, and only RGB is supported")
    mean, std = scales_of(facts)
    size, resize, fit = geometry_of(facts)
    return Preprocessing(
        size=size,
        resize=resize,
        interpolation=interpolation_of(facts),
        mean=per_channel(mean),
        std=per_channel(std),
        fit=fit,
        middle="floored",
    )


def geometry_of(facts: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return the side of the input, what is resized to before, and crop or squash."""
    if not facts.get("do_resize", True):
        raise ValueError("its pictures are not resized, and only one size can be used")
    if "ConvNext" in processor_class(facts):
        return convnext_geometry(facts)
    if facts.get("do_pad"):
        raise ValueError("its pictures are padded, and only crop and squash are supported")
    size = facts["size"]
    if facts.get("do_center_crop"):
        side = side_of(facts["crop_size"])
        fit = "squash" if isinstance(size, Mapping) and "height" in size else "crop"
        return side, resized_side(facts), fit
    if isinstance(size, Mapping) and "shortest_edge" in size:
        raise ValueError("its pictures keep their shape, and only squares are supported")
    return side_of(size), side_of(size), "squash"


def convnext_geometry(facts: Mapping[str, Any]) -> tuple[int, int, str]:
    """Follow ConvNeXt's processor: small inputs are cropped, large ones squashed."""
    side = side_of(facts["size"])
    if side >= LARGE_CONVNEXT:
        return side, side, "squash"
    return side, int(side / (facts.get("crop_pct") or USUAL_CROP)), "crop"


def resized_side(facts: Mapping[str, Any]) -> int:
    """Return what pictures are resized to before the crop."""
    side = side_of(facts["size"])
    if "Levit" in processor_class(facts):
        return int(256 / 224 * side)
    if "PoolFormer" in processor_class(facts):
        return int(side / (facts.get("crop_pct") or 1))
    return side


def side_of(size: Any) -> int:
    """Read one side: given alone, as the shortest edge, or as height and width."""
    if isinstance(size, Mapping):
        sides = {int(size[key]) for key in ("shortest_edge", "height", "width") if size.get(key)}
        if len(sides) != 1:
            raise ValueError(f"its size is {dict(size)}, and only squares are supported")
        return sides.pop()
    return int(size)


def interpolation_of(facts: Mapping[str, Any]) -> str:
    """Name the resampling; the library's own classes differ in what they take for granted."""
    usual = 3 if processor_class(facts).startswith(("CLIP", "Siglip", "Bit", "ConvNext")) else 2
    number = facts.get("resample", usual)
    if number not in RESAMPLING:
        raise ValueError(f"its resampling is number {number}, which is none of {RESAMPLING}")
    return RESAMPLING[number]


def scales_of(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return mean and std of values in [0, 1], whatever the processor's own scale is."""
    scale = 255 * facts.get("rescale_factor", 1 / 255) if facts.get("do_rescale", True) else 255
    mean, std = facts.get("image_mean"), facts.get("image_std")
    if not facts.get("do_normalize", True):
        mean, std = 0.0, 1.0
    elif mean is None or std is None:
        raise ValueError("it does not say by which mean and std pictures are normalised")
    if abs(scale - 1) < 1e-6:
        return mean, std
    return [value / scale for value in three(mean)], [value / scale for value in three(std)]


def three(values: Any) -> tuple[float, float, float]:
    """Spread a mean or std over the channels."""
    spread = per_channel(values)
    if spread is None:
        raise ValueError("it does not say by which mean and std pictures are normalised")
    return spread


def processor_class(facts: Mapping[str, Any]) -> str:
    """Name the processor's class, under its older name too."""
    return str(facts.get("image_processor_type") or facts.get("feature_extractor_type") or "")
