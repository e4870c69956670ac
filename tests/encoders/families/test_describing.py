"""Cards are read off JSON alone: no library of the field is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.encoders.families import describe, load_network
from lookalike.encoders.weights.folders import WeightsFolder
from lookalike.errors import EncoderError, MissingExtra, UsageError

PRETRAINED = {
    "tag": "a1_in1k", "input_size": [3, 224, 224], "crop_pct": 0.95, "interpolation": "bicubic",
    "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "license": "apache-2.0",
    "num_classes": 1000, "crop_mode": "center",
}  # fmt: skip
RESNET = {"architecture": "resnet18", "num_features": 512, "pretrained_cfg": PRETRAINED}


def folder_of(path: Path, family: str, config: dict[str, object], **files: object) -> WeightsFolder:
    """Write JSON files alone; weights are not looked at."""
    name = "open_clip_config.json" if family == "openclip" else "config.json"
    (path / name).write_text(json.dumps(config))
    for file, content in files.items():
        (path / f"{file}.json").write_text(json.dumps(content))
    return WeightsFolder(path, family, (path / "model.safetensors",))


def test_a_timm_card(tmp_path):
    card = describe(folder_of(tmp_path, "timm", RESNET))
    assert card.name == str(tmp_path)
    assert (card.family, card.architecture) == ("timm", "resnet18.a1_in1k")
    assert (card.dim, card.licence, card.has_text) == (512, "apache-2.0", False)
    # floor(224 / 0.95), as timm resizes.
    assert (card.preprocessing.size, card.preprocessing.resize) == (224, 235)
    assert (card.preprocessing.fit, card.preprocessing.middle) == ("crop", "rounded")


def test_a_dim_that_timm_misstates_is_left_to_the_network(tmp_path):
    config = {**RESNET, "architecture": "mobilenetv3_large_100", "num_features": 960}
    assert describe(folder_of(tmp_path, "timm", config)).dim == 0
    assert describe(folder_of(tmp_path, "timm", config), pooling="mean").dim == 960


def test_the_head_of_a_clip_tower_is_its_projection(tmp_path):
    facts = {**PRETRAINED, "tag": "openai", "num_classes": 512}
    config = {"architecture": "vit_base_patch32_clip_224", "num_features": 768}
    card = describe(folder_of(tmp_path, "timm", {**config, "pretrained_cfg": facts}))
    assert card.dim == 512
    tuned = {**PRETRAINED, "tag": "openai_ft_in12k", "num_classes": 11821}
    card = describe(folder_of(tmp_path, "timm", {**config, "pretrained_cfg": tuned}))
    assert card.dim == 768


def test_an_openclip_card(tmp_path):
    config = {
        "model_cfg": {"embed_dim": 768, "vision_cfg": {"image_size": 224}, "text_cfg": {}},
        "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
    }
    card = describe(folder_of(tmp_path, "openclip", config), size=256)
    assert (card.family, card.dim, card.has_text) == ("openclip", 768, True)
    assert (card.preprocessing.size, card.preprocessing.resize) == (256, 256)
    assert (card.preprocessing.fit, card.preprocessing.mean) == ("squash", (0.5, 0.5, 0.5))


def test_texts_of_another_library_inside_openclip_are_not_offered(tmp_path):
    text = {"hf_model_name": "xlm-roberta-base"}
    model = {"embed_dim": 512, "vision_cfg": {"image_size": 224}, "text_cfg": text}
    assert not describe(folder_of(tmp_path, "openclip", {"model_cfg": model})).has_text


PROCESSORS = {
    # What is written down, and the size, resize and fit that it means.
    "shortest edge and crop": (
        {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224},
         "do_center_crop": True}, (224, 256, "crop"),
    ),
    "two bare numbers": (
        {"size": 256, "crop_size": 224, "do_center_crop": True}, (224, 256, "crop"),
    ),
    "height and width": ({"size": {"height": 224, "width": 224}}, (224, 224, "squash")),
    "one bare number": ({"size": 224}, (224, 224, "squash")),
    "squash and crop": (
        {"size": {"height": 256, "width": 256}, "crop_size": 224, "do_center_crop": True},
        (224, 256, "squash"),
    ),
    "a small ConvNeXt": (
        {"size": {"shortest_edge": 224}, "crop_pct": 0.875,
         "image_processor_type": "ConvNextImageProcessor"}, (224, 256, "crop"),
    ),
    "a large ConvNeXt": (
        {"size": {"shortest_edge": 384}, "image_processor_type": "ConvNextFeatureExtractor"},
        (384, 384, "squash"),
    ),
    "a LeViT": (
        {"size": {"shortest_edge": 224}, "crop_size": 224, "do_center_crop": True,
         "image_processor_type": "LevitImageProcessor"}, (224, 256, "crop"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("style", PROCESSORS)
def test_preprocessing_of_transformers_in_every_style(style, tmp_path):
    facts, expected = PROCESSORS[style]
    facts = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2, **facts}
    config = {"model_type": "vit", "hidden_size": 768}
    folder = folder_of(tmp_path, "transformers", config, preprocessor_config=facts)
    found = describe(folder).preprocessing
    assert (found.size, found.resize, found.fit) == expected
    assert (found.interpolation, found.middle) == ("bilinear", "floored")


@pytest.mark.parametrize(
    ("kind", "dim"), [("vit", 96), ("dinov2", 96), ("mobilevit", 0), ("chinese_clip", 0)]
)
def test_a_dim_that_transformers_may_misstate_is_left_to_the_network(kind, dim, tmp_path):
    facts = {"size": 224, "image_mean": 0.5, "image_std": 0.5}
    config = {"model_type": kind, "hidden_size": 96, "projection_dim": 64}
    folder = folder_of(tmp_path, "transformers", config, preprocessor_config=facts)
    assert describe(folder).dim == describe(folder, pooling="mean").dim == dim


def test_red_and_blue_exchanged_are_refused(tmp_path):
    facts = {"size": 224, "image_mean": 0.5, "image_std": 0.5, "do_flip_channel_order": True}
    folder = folder_of(tmp_path, "transformers", {"model_type": "x"}, preprocessor_config=facts)
    with pytest.raises(EncoderError, match="red and blue exchanged"):
        describe(folder)


def test_other_scales_of_pixels_are_brought_to_ours(tmp_path):
    # (p / 127.5 - 1) / 1 is (p / 255 - 0.5) / 0.5.
    facts = {"size": 224, "rescale_factor": 1 / 127.5, "image_mean": [1] * 3, "image_std": [1] * 3}
    config = {"model_type": "vit"}
    folder = folder_of(tmp_path, "transformers", config, preprocessor_config=facts)
    assert describe(folder).preprocessing.mean == pytest.approx((0.5, 0.5, 0.5))
    assert describe(folder).preprocessing.std == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"do_resize": False, "size": 224}, "are not resized"),
        ({"size": {"height": 224, "width": 192}}, "only squares are supported"),
        ({"size": {"shortest_edge": 800}}, "keep their shape"),
        ({"size": 224, "image_mean": None}, "by which mean and std"),
        ({"size": 224, "resample": 0}, "resampling is number 0"),
        ({"crop_size": 224}, "does not say 'size'"),
    ],
)
def test_preprocessing_that_cannot_be_followed_is_refused(facts, reason, tmp_path):
    facts = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, **facts}
    config = {"model_type": "vit"}
    folder = folder_of(tmp_path, "transformers", config, preprocessor_config=facts)
    with pytest.raises(EncoderError, match=f"cannot be used .*{reason}"):
        describe(folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_size": [1, 224, 224]}, "1 channels"),
        ({"input_size": [3, 224, 192]}, "only squares"),
        ({"crop_mode": "border"}, "crop mode is 'border'"),
        ({"interpolation": "nearest"}, "Interpolation 'nearest' is unknown"),
    ],
)
def test_a_timm_configuration_that_cannot_be_followed_is_refused(changes, reason, tmp_path):
    config = {**RESNET, "pretrained_cfg": {**PRETRAINED, **changes}}
    with pytest.raises(EncoderError, match=f"cannot be used .*{reason}"):
        describe(folder_of(tmp_path, "timm", config))


def test_unknown_poolings_and_sizes_are_the_callers_fault(tmp_path):
    folder = folder_of(tmp_path, "timm", RESNET)
    with pytest.raises(UsageError, match="Pooling 'max' is unknown: use own, cls, mean, gem"):
        describe(folder, pooling="max")
    with pytest.raises(UsageError, match="0 pixels was asked for"):
        describe(folder, size=0)


def test_no_library_is_imported_for_a_card(tmp_path):
    folder_of(tmp_path, "timm", RESNET)
    program = (
        "import sys; from pathlib import Path; "
        "from lookalike.encoders.families import describe; "
        "from lookalike.encoders.weights.folders import WeightsFolder; "
        f"print(describe(WeightsFolder(Path({str(tmp_path)!r}), 'timm', ())).dim); "
        "print(sorted({'torch', 'timm', 'open_clip', 'transformers'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["512", "[]"]


@pytest.mark.parametrize(
    ("family", "module", "extra"),
    [
        ("timm", "timm", "timm"),
        ("openclip", "open_clip", "clip"),
        ("transformers", "transformers", "hf"),
    ],
)
def test_a_missing_library_is_named_with_the_line_that_brings_it(
    family, module, extra, tmp_path, monkeypatch
):
    folder, card = any_folder(tmp_path, family)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'lookalike\[{extra}\]'") as raised:
        load_network(folder, card)
    assert raised.value.extra == extra


def test_a_library_that_cannot_be_imported_says_so_in_one_sentence(tmp_path, monkeypatch):
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand many lines more")

    folder, card = any_folder(tmp_path, "timm")
    monkeypatch.setattr("lookalike.encoders.families.importing.import_module", broken)
    with pytest.raises(
        EncoderError, match=r"cannot be imported \(operator torchvision::nms does not exist\)"
    ):
        load_network(folder, card)


def any_folder(path: Path, family: str):
    """Describe a folder of a family."""
    config = {
        "timm": RESNET,
        "openclip": {"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {}}},
        "transformers": {"model_type": "vit"},
    }[family]
    processor = {"size": 224, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    folder = folder_of(path, family, config, preprocessor_config=processor)
    return folder, describe(folder)
