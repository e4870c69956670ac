"""Facts of encoders as the installed timm and OpenCLIP state them: what cards must agree with.

Run it to write the table of the known encoders again, after a change of NAMED or
of a library: ``python tests/library_facts.py``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torchvision_shim  # noqa: F401

TABLE = Path(__file__).resolve().parent.parent / "src/lookalike/encoders/known/cards.json"

# What only people can write down: which commit, and the hash of its weights.
PINS = ("revision", "sha256")

# Short name, and which network of which library it stands for.
NAMED = [
    ("clip-vit-b-32", "openclip", "ViT-B-32/openai"),
    ("clip-vit-b-16", "openclip", "ViT-B-16/openai"),
    ("clip-vit-l-14", "openclip", "ViT-L-14/openai"),
    ("siglip-b-16", "openclip", "ViT-B-16-SigLIP/webli"),
    ("siglip-so400m-14", "openclip", "ViT-SO400M-14-SigLIP/webli"),
    ("siglip-so400m-14-384", "openclip", "ViT-SO400M-14-SigLIP-384/webli"),
    ("siglip2-b-16", "openclip", "ViT-B-16-SigLIP2/webli"),
    ("siglip2-so400m-14", "openclip", "ViT-SO400M-14-SigLIP2/webli"),
    ("siglip2-so400m-14-378", "openclip", "ViT-SO400M-14-SigLIP2-378/webli"),
    ("mobileclip2-s0", "openclip", "MobileCLIP2-S0/dfndr2b"),
    ("mobileclip2-s2", "openclip", "MobileCLIP2-S2/dfndr2b"),
    ("mobileclip2-b", "openclip", "MobileCLIP2-B/dfndr2b"),
    ("pe-core-s-16", "openclip", "PE-Core-S-16-384/meta"),
    ("pe-core-b-16", "openclip", "PE-Core-B-16/meta"),
    ("pe-core-l-14", "openclip", "PE-Core-L-14-336/meta"),
    ("dino-vit-s-16", "timm", "vit_small_patch16_224.dino"),
    ("dinov2-s", "timm", "vit_small_patch14_dinov2.lvd142m"),
    ("dinov2-b", "timm", "vit_base_patch14_dinov2.lvd142m"),
    ("dinov2-l", "timm", "vit_large_patch14_dinov2.lvd142m"),
    ("dinov2-s-reg", "timm", "vit_small_patch14_reg4_dinov2.lvd142m"),
    ("dinov2-b-reg", "timm", "vit_base_patch14_reg4_dinov2.lvd142m"),
    ("dinov2-l-reg", "timm", "vit_large_patch14_reg4_dinov2.lvd142m"),
    ("dinov3-s", "timm", "vit_small_patch16_dinov3.lvd1689m"),
    ("dinov3-b", "timm", "vit_base_patch16_dinov3.lvd1689m"),
    ("dinov3-l", "timm", "vit_large_patch16_dinov3.lvd1689m"),
    ("eva02-b", "timm", "eva02_base_patch14_224.mim_in22k"),
    ("vit-b-16", "timm", "vit_base_patch16_224.augreg2_in21k_ft_in1k"),
    ("swin-t", "timm", "swin_tiny_patch4_window7_224.ms_in1k"),
    ("swin-b", "timm", "swin_base_patch4_window7_224.ms_in22k_ft_in1k"),
    ("convnext-t", "timm", "convnext_tiny.in12k_ft_in1k"),
    ("convnext-b", "timm", "convnext_base.fb_in22k_ft_in1k"),
    ("resnet18", "timm", "resnet18.a1_in1k"),
    ("resnet50", "timm", "resnet50.a1_in1k"),
    ("densenet121", "timm", "densenet121.ra_in1k"),
    ("efficientnet-b3", "timm", "efficientnet_b3.ra2_in1k"),
    ("regnetx-032", "timm", "regnetx_032.tv2_in1k"),
    ("regnety-040", "timm", "regnety_040.ra3_in1k"),
    ("mobilenetv2", "timm", "mobilenetv2_100.ra_in1k"),
    ("mobilenetv3-l", "timm", "mobilenetv3_large_100.ra_in1k"),
    ("mobilenetv4-s", "timm", "mobilenetv4_conv_small.e2400_r224_in1k"),
    ("mobilenetv4-m", "timm", "mobilenetv4_conv_medium.e500_r256_in1k"),
]


def facts_of(name: str, family: str, architecture: str) -> dict[str, Any]:
    """Ask the library for everything a card states; no weights are made or loaded."""
    ask: dict[str, Callable[[str], dict[str, Any]]] = {
        "timm": facts_of_timm,
        "openclip": facts_of_openclip,
    }
    facts = {"name": name, "family": family, "architecture": architecture, "weights": ""}
    facts |= ask[family](architecture)
    return facts | {"aliases": [alias for alias in facts["aliases"] if alias != name]}


def facts_of_timm(architecture: str) -> dict[str, Any]:
    import timm
    import torch
    from timm.models import get_pretrained_cfg

    stated = get_pretrained_cfg(architecture, allow_unregistered=False)
    bare, _, tag = architecture.partition(".")
    with torch.device("meta"):
        network = timm.create_model(architecture, num_classes=0).eval()
        _, _, size = stated.input_size
        (dim,) = network(torch.zeros(1, 3, size, size)).shape[1:]
    assert stated.crop_mode == "center"
    usual_tag = get_pretrained_cfg(bare, allow_unregistered=False).tag
    return {
        "repository": stated.hf_hub_id,
        "licence": stated.license,
        "dim": dim,
        "parameters": sum(item.numel() for item in network.parameters()),
        "has_text": False,
        "preprocessing": {
            "size": size,
            "resize": math.floor(size / stated.crop_pct),
            "interpolation": stated.interpolation,
            "fit": "crop",
            "middle": "rounded",
            "mean": list(stated.mean),
            "std": list(stated.std),
        },
        "aliases": [architecture, *([bare] if tag == usual_tag else [])],
    }


def facts_of_openclip(place: str) -> dict[str, Any]:
    import open_clip
    import torch

    architecture, _, tag = place.partition("/")
    stated = open_clip.get_pretrained_cfg(architecture, tag)
    config = open_clip.get_model_config(architecture)
    size = config["vision_cfg"]["image_size"]
    tower = image_tower(config, is_quick=stated.get("quick_gelu", False))
    with torch.device("meta"):
        (dim,) = tower(torch.zeros(1, 3, size, size)).shape[1:]
    return {
        "repository": stated["hf_hub"].strip("/"),
        "licence": licence_of_tower(place, config),
        "dim": dim,
        "parameters": sum(item.numel() for item in tower.parameters()),
        "has_text": "text_cfg" in config,
        "preprocessing": {
            "size": size,
            "resize": size,
            "interpolation": stated["interpolation"],
            "fit": {"shortest": "crop", "squash": "squash"}[stated["resize_mode"]],
            "middle": "rounded",
            "mean": list(stated["mean"]),
            "std": list(stated["std"]),
        },
        "aliases": [place],
    }


def write_config(folder: Path, family: str, architecture: str) -> None:
    """Write the configuration that a library's repository of this network holds."""
    import open_clip
    from timm.models import get_pretrained_cfg

    if family == "timm":
        stated = get_pretrained_cfg(architecture, allow_unregistered=False)
        facts = {"architecture": architecture.partition(".")[0], "num_classes": stated.num_classes}
        config = facts | {"pretrained_cfg": stated.to_dict()}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return
    bare, _, tag = architecture.partition("/")
    stated = open_clip.get_pretrained_cfg(bare, tag)
    wanted = ("mean", "std", "interpolation", "resize_mode")
    model = open_clip.get_model_config(bare)
    config = {
        # As the library's own tool for uploading writes it.
        "model_cfg": model | ({"quick_gelu": True} if stated.get("quick_gelu") else {}),
        "preprocess_cfg": {key: stated[key] for key in wanted},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")


def image_tower(config: dict[str, Any], *, is_quick: bool) -> Any:
    """Build the image side alone: text towers can be larger than the machine."""
    import torch
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    with torch.device("meta"):
        return _build_vision_tower(
            config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]), is_quick
        ).eval()


def licence_of_tower(place: str, config: dict[str, Any]) -> str:
    """Read the licence where one is stated: with timm's copy of the same image tower."""
    from timm.models import get_pretrained_cfg

    architecture, _, tag = place.partition("/")
    tower = (
        config["vision_cfg"].get("timm_model_name")
        or {
            "ViT-B-32": "vit_base_patch32_clip_224",
            "ViT-B-16": "vit_base_patch16_clip_224",
            "ViT-L-14": "vit_large_patch14_clip_224",
        }[architecture]
    )
    tags = {"webli": "v2_webli" if "SigLIP2" in architecture else "webli"}
    tags |= {"dfndr2b": "apple_mclip2_dfndr2b", "meta": "fb"}
    copy = get_pretrained_cfg(f"{tower}.{tags.get(tag, tag)}", allow_unregistered=False)
    return str(copy.license)


def rows_for_the_page() -> list[str]:
    """Lay the table out as docs/encoders.md shows it."""
    rows = []
    for entry in json.loads(TABLE.read_text(encoding="utf-8")):
        pinned = " and ".join(
            word for key, word in (("revision", "commit"), ("sha256", "sha256")) if entry.get(key)
        )
        size = entry["preprocessing"]["size"]
        rows.append(
            f"| `{entry['name']}` | `{entry['architecture']}` | {entry['dim']} "
            f"| {entry['parameters'] / 1e6:.1f} | {size} | {'yes' if entry['has_text'] else ''} "
            f"| {entry['licence']} | {pinned} |"
        )
    return rows


def main() -> None:
    """Write the table again; what no library states stays as it is."""
    before = {entry["name"]: entry for entry in json.loads(TABLE.read_text(encoding="utf-8"))}
    lines = []
    for named in NAMED:
        pins = {key: before.get(named[0], {}).get(key) for key in PINS}
        facts = facts_of(*named) | {key: value for key, value in pins.items() if value}
        lines.append(json.dumps(facts))
    TABLE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print("\n".join(rows_for_the_page()))  # noqa: T201 - to be pasted


if __name__ == "__main__":
    sys.exit(main())
