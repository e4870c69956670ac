"""What an encoder can be called, how names are written again, and what is said of wrong ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.encoders import names
from lookalike.encoders.names import (
    EncoderName,
    encoder_name,
    export_command,
    parse_name,
    repository_and_revision,
    with_stored_options,
    written,
)
from lookalike.errors import EncoderNotFound, UsageError


@pytest.fixture(autouse=True)
def _no_timm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave timm, which takes seconds to import, out of errors."""
    monkeypatch.setattr(names, "does_timm_know", lambda name: name == "xcit_nano_12_p8_224")


@pytest.mark.parametrize(
    ("text", "kind", "place", "options"),
    [
        ("builtin", "builtin", "builtin", {}),
        ("dinov2-b", "known", "dinov2-b", {}),
        (" resnet18 ", "known", "resnet18", {}),
        ("regnety-040?pooling=gem&size=256", "known", "regnety-040",
         {"pooling": "gem", "size": "256"}),
        ("timm:resnet18.a1_in1k", "timm", "resnet18.a1_in1k", {}),
        ("timm:resnet18?precision=bf16", "timm", "resnet18", {"precision": "bf16"}),
        ("openclip:ViT-B-32/laion2b_s34b_b79k", "openclip", "ViT-B-32/laion2b_s34b_b79k", {}),
        ("hf:facebook/dinov2-base", "transformers", "facebook/dinov2-base", {}),
        ("hf:facebook/dinov2-base@refs/pr/3?pooling=cls", "transformers",
         "facebook/dinov2-base@refs/pr/3", {"pooling": "cls"}),
        ("onnx:/nets/a.onnx?size=8&mean=.5", "onnx", "/nets/a.onnx", {"size": "8", "mean": ".5"}),
        ("onnx:/nets/what?.onnx", "onnx", "/nets/what?.onnx", {}),
        ("/nets/mine?precision=int8", "folder", "/nets/mine", {"precision": "int8"}),
    ],
)  # fmt: skip
def test_a_name_is_taken_apart_and_written_again(text, kind, place, options):
    name = parse_name(text)
    assert name == EncoderName(kind, place, options)
    assert parse_name(written(name)) == name


def test_every_name_is_written_in_one_way():
    name = parse_name("dinov2-b?size=224&pooling=mean&precision=exact")
    assert written(name) == "dinov2-b?pooling=mean&size=224"
    assert written(parse_name("onnx:/a.onnx?output=x&size=8")) == "onnx:/a.onnx?size=8&output=x"


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("eva02_base_patch14_224.mim_in22k", "eva02-b"),
        ("eva02_base_patch14_224", "eva02-b"),
        ("swin_base_patch4_window7_224", "swin-b"),
        ("ViT-B-32/openai", "clip-vit-b-32"),
        ("vit_small_patch16_224.dino", "dino-vit-s-16"),
    ],
)
def test_a_library_s_own_name_is_understood(alias, name):
    assert parse_name(alias) == EncoderName("known", name)


def test_a_place_means_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    expected = EncoderName("folder", str(tmp_path / "mine"))
    assert parse_name("mine") == parse_name("./mine") == parse_name(tmp_path / "mine") == expected
    assert parse_name("../elsewhere").place == str(tmp_path.parent / "elsewhere")
    assert parse_name("onnx:net.onnx").place == str(tmp_path / "net.onnx")
    assert parse_name("~/mine").place == os.path.expanduser("~/mine")


def test_a_known_name_is_not_hidden_by_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("resnet18").mkdir()
    assert parse_name("resnet18").kind == "known"
    assert parse_name("./resnet18").kind == "folder"


def test_a_revision_follows_its_repository():
    assert repository_and_revision("owner/name") == ("owner/name", "")
    assert repository_and_revision("owner/name@refs/pr/3") == ("owner/name", "refs/pr/3")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("regnety_042", "did you mean 'regnety_040'"),
        ("resnet-18", "did you mean 'resnet18'"),
        ("dinov2", "'dinov2-b'"),
        ("clip", "'clip-vit-b-32'"),
        ("ViT-B-32", "did you mean 'clip-vit-b-32'"),
        ("xcit_nano_12_p8_224", "timm has it: use 'timm:xcit_nano_12_p8_224'"),
        ("tim:resnet18", "no kind of encoder 'tim': use timm:NAME, openclip:ARCH/TAG"),
        ("network.onnx", "use 'onnx:network.onnx'"),
        ("facebook/dinov2-giant", "use 'hf:facebook/dinov2-giant', for a directory './facebook"),
        ("something else", "'builtin', a name such as 'clip-vit-b-32'"),
    ],
)
def test_an_unknown_name_is_answered_with_what_comes_near(text, said):
    with pytest.raises(EncoderNotFound) as caught:
        parse_name(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name is empty"),
        ("timm:", "'timm:' says too little: use timm:NAME"),
        ("openclip:", "use openclip:ARCH/TAG"),
        ("hf:", "use hf:REPOSITORY"),
        ("onnx:", "use onnx:FILE"),
        ("timm:?size=3", "'timm:' says too little"),
        ("openclip:ViT-B-32", "none of the form openclip:ARCH/TAG"),
        ("openclip:a/b/c", "none of the form openclip:ARCH/TAG"),
        ("timm:../elsewhere", "none of the form timm:NAME"),
        ("hf:two words", "none of the form hf:REPOSITORY"),
        ("builtin?size=3", "'builtin' takes no options"),
        ("dinov2-b?pool=cls", "'pool' is unknown: did you mean 'pooling'"),
        ("dinov2-b?mean=.5", "'mean' is unknown"),
        ("dinov2-b?pooling=max", "pooling is 'max': use own, cls, mean, gem"),
        ("dinov2-b?precision=fp8", "precision is 'fp8': use exact, bf16, int8"),
        ("dinov2-b?size=0", "size is '0'"),
        ("dinov2-b?size=-3", "size is '-3'"),
        ("dinov2-b?size=\N{ARABIC-INDIC DIGIT THREE}", "give the side of its input in pixels"),
        ("dinov2-b?size=1&size=2", "given twice"),
        ("onnx:/a.onnx?pooling=cls", "'pooling' is unknown"),
    ],
)
def test_a_name_or_option_without_meaning_is_refused(text, said):
    with pytest.raises(UsageError) as caught:
        parse_name(text)
    assert said in str(caught.value)


def test_the_command_of_an_export_keeps_pooling_and_size_and_is_ready_for_a_shell():
    name = "/my nets/a?pooling=mean&precision=bf16&size=96"
    assert export_command(name, "openvino", "int8") == (
        "lookalike encoders export '/my nets/a?pooling=mean&size=96' --to openvino --precision int8"
    )
    assert export_command("dinov2-s", "onnx", "exact") == (
        "lookalike encoders export dinov2-s --to onnx"
    )


def test_options_of_onnx_are_kept_in_one_order():
    options = {"output": "x", "size": "8", "mean": ""}
    assert encoder_name("/a.onnx", options) == "onnx:/a.onnx?size=8&output=x"


def test_stored_options_are_for_onnx_files_alone():
    assert with_stored_options("onnx:/b.onnx", "dinov2-b?pooling=mean") == "onnx:/b.onnx"
    assert with_stored_options("dinov2-b", "onnx:/a.onnx?size=8") == "dinov2-b"
    assert with_stored_options("onnx:/b.onnx", "onnx:/a.onnx?size=8") == "onnx:/b.onnx?size=8"
