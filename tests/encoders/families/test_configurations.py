"""The part of a configuration that changes numbers is part of an encoder's space."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from local_hub import COMMIT, write_safetensors
from lookalike.encoders import known
from lookalike.encoders.assembling import card_and_folder
from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.families import configuration_of
from lookalike.encoders.names import parse_name
from lookalike.encoders.weights import located
from lookalike.encoders.weights.folders import open_folder
from lookalike.encoders.weights.stored import Repository, record_pull, repository_folder
from lookalike.errors import EncoderError

TIMM = {
    "architecture": "vit_tiny_patch16_224", "num_features": 192,
    "pretrained_cfg": {"tag": "augreg", "input_size": [3, 224, 224], "num_classes": 1000},
}  # fmt: skip
OPENCLIP = {
    "model_cfg": {
        "embed_dim": 512, "quick_gelu": True,
        "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
        "text_cfg": {"context_length": 77, "layers": 12, "width": 512, "heads": 8},
    },
    "preprocess_cfg": {},
}  # fmt: skip
TRANSFORMERS = {
    "model_type": "clip", "projection_dim": 512, "transformers_version": "4.30.0",
    "vision_config": {"hidden_act": "quick_gelu", "num_attention_heads": 12, "image_size": 224},
}  # fmt: skip


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


def folder_with(path: Path, config: dict) -> Path:
    """Write a directory in hub form: whose it is, its configuration tells."""
    path.mkdir(parents=True, exist_ok=True)
    is_openclip = "model_cfg" in config
    name = "open_clip_config.json" if is_openclip else "config.json"
    (path / name).write_text(json.dumps(config))
    weights = "open_clip_model.safetensors" if is_openclip else "model.safetensors"
    write_safetensors(path / weights, {"a": ([1], b"1234")})
    return path


def changed(config: dict, *keys: str, to: object) -> dict:
    """Copy a configuration, with another value at a path of keys."""
    first, *rest = keys
    value = changed(config.get(first, {}), *rest, to=to) if rest else to
    return {**config, first: value}


def space_of(card: EncoderCard) -> str:
    return replace(card, dim=1).space("ab" * 32).fingerprint


@pytest.mark.parametrize(
    ("config", "keys", "value"),
    [
        (TIMM, ("architecture",), "vit_tiny_patch16_384"),
        (TIMM, ("model_args",), {"num_heads": 6}),
        (TIMM, ("model_args",), {"global_pool": "avg"}),
        (OPENCLIP, ("model_cfg", "quick_gelu"), False),
        (OPENCLIP, ("model_cfg", "text_cfg", "heads"), 4),
        (OPENCLIP, ("model_cfg", "vision_cfg", "head_width"), 32),
        (TRANSFORMERS, ("vision_config", "hidden_act"), "gelu"),
        (TRANSFORMERS, ("vision_config", "num_attention_heads"), 16),
    ],
)
def test_the_same_weights_in_another_network_are_another_space(tmp_path, config, keys, value):
    one = folder_with(tmp_path / "one", config)
    other = folder_with(tmp_path / "other", changed(config, *keys, to=value))
    cards = [
        EncoderCard("net", "", 1, known.known_card("resnet18").preprocessing, family="timm",
                    configuration=configuration_of(open_folder(folder)))
        for folder in (one, other)
    ]  # fmt: skip
    assert len({space_of(card) for card in cards}) == 2


@pytest.mark.parametrize(
    ("config", "keys", "value"),
    [
        (TIMM, ("pretrained_cfg", "url"), "somewhere"),
        (TIMM, ("pretrained_cfg", "tag"), "augreg_in21k"),
        (changed(OPENCLIP, "model_cfg", "quick_gelu", to=False), ("model_cfg", "quick_gelu"), None),
        (OPENCLIP, ("model_cfg", "vision_cfg", "timm_model_pretrained"), True),
        (TRANSFORMERS, ("transformers_version",), "5.0.0"),
        (TRANSFORMERS, ("_name_or_path",), "openai/clip"),
        (TRANSFORMERS, ("vision_config", "torch_dtype"), "float16"),
        (TRANSFORMERS, ("dtype",), "bfloat16"),
    ],
)
def test_what_changes_no_number_is_no_part_of_it(tmp_path, config, keys, value):
    one = folder_with(tmp_path / "one", config)
    other = folder_with(tmp_path / "other", changed(config, *keys, to=value))
    assert configuration_of(open_folder(one)) == configuration_of(open_folder(other))


def test_a_configuration_that_makes_no_sense_is_told_in_a_sentence(tmp_path):
    folder = open_folder(folder_with(tmp_path / "one", {**OPENCLIP, "model_cfg": None}))
    with pytest.raises(EncoderError, match=r"The configuration in .* cannot be used"):
        configuration_of(folder)


def test_a_known_name_its_repository_and_a_copy_are_one_space(tmp_path, monkeypatch):
    card = replace(known.known_card("clip-vit-b-32"), sha256="", revision="")
    monkeypatch.setattr(located, "known_card", lambda name: card)
    path = folder_with(repository_folder(card.repository) / COMMIT, OPENCLIP)
    files = {file.name: "0" * 64 for file in path.iterdir()}
    record_pull(path, Repository(card.repository), files)
    monkeypatch.setattr("lookalike.encoders.weights.stored.check_pulled", lambda *given: None)
    shutil.copytree(path, tmp_path / "copy")

    names = ["clip-vit-b-32", "clip-vit-b-32?size=224", f"hf:{card.repository}",
             str(tmp_path / "copy")]  # fmt: skip
    cards = [card_and_folder(parse_name(name))[0] for name in names]

    assert len({space_of(card) for card in cards}) == 1
    assert cards[0].configuration != ""


def test_the_encoder_in_the_box_keeps_its_fingerprint():
    from lookalike.encoders import load_encoder

    assert load_encoder("builtin").space.fingerprint.startswith("9fc820001b11")
