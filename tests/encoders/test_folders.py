"""A directory of weights: its form, its hash, and what is refused."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from local_hub import write_safetensors, write_timm_form
from lookalike.encoders.weights import digests
from lookalike.encoders.weights.folders import needed_files, open_folder
from lookalike.errors import EncoderError, EncoderNotFound


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_timm_form(tmp_path / "resnet18")


def openclip_form(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "open_clip_config.json").write_text('{"model_cfg": {"embed_dim": 512}}')
    write_safetensors(folder / "open_clip_model.safetensors", {"a": ([1], b"clip")})
    return folder


def sharded_form(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "dinov2"}')
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for name in names:
        write_safetensors(folder / name, {name: ([1], b"1234")})
    index = {"weight_map": {"b": names[1], "a": names[0], "c": names[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def old(file: Path) -> None:
    """Make a file look as if it had not been touched for an hour."""
    past = file.stat().st_mtime_ns - 3600 * 10**9
    os.utime(file, ns=(past, past))


def test_a_timm_directory_is_told_by_its_architecture(folder):
    opened = open_folder(folder)
    assert opened.family == "timm"
    assert opened.weights == (folder / "model.safetensors",)
    assert opened.config()["architecture"] == "resnet18"
    assert opened.size_bytes() == (folder / "model.safetensors").stat().st_size


def test_an_openclip_directory_is_told_by_its_configuration(tmp_path):
    opened = open_folder(openclip_form(tmp_path / "clip"))
    assert opened.family == "openclip"
    assert [file.name for file in opened.weights] == ["open_clip_model.safetensors"]
    assert opened.config() == {"model_cfg": {"embed_dim": 512}}


def test_a_directory_of_two_forms_opens_as_the_one_asked_for(folder):
    both = openclip_form(folder)
    assert open_folder(both).family == "openclip"
    timm = open_folder(both, family="timm")
    assert [file.name for file in timm.weights] == ["model.safetensors"]
    assert timm.digest() != open_folder(both).digest()


def test_openclip_never_takes_the_weights_of_the_timm_tower_beside_it(folder):
    (openclip_form(folder) / "open_clip_model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"no weights open_clip_model\.safetensors"):
        open_folder(folder, family="openclip")


def test_shards_are_hashed_in_order(tmp_path):
    opened = open_folder(sharded_form(tmp_path / "dino"))
    assert opened.family == "transformers"
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in opened.weights]
    assert [file.name[:11] for file in opened.weights] == ["model-00001", "model-00002"]
    assert opened.digest() == hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def test_the_digest_of_one_file_is_its_sha256(folder):
    expected = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert open_folder(folder).digest() == expected


def test_a_digest_is_computed_once_until_the_file_changes(folder, monkeypatch):
    weights = folder / "model.safetensors"
    old(weights)
    first = open_folder(folder).digest()
    computed = []
    monkeypatch.setattr(
        digests, "weights_digest", lambda file: computed.append(file) or f"{'0' * 64}"
    )
    assert open_folder(folder).digest() == first
    assert computed == []
    write_safetensors(weights, {"other": ([1], b"abcd")})
    assert open_folder(folder).digest() == "0" * 64
    assert computed == [weights]


def test_a_file_that_has_just_changed_is_not_remembered(folder, cache):
    open_folder(folder).digest()
    assert not (cache / "digests.json").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"PATH": 3}', '{"PATH": [1, 2, "x"]}'])
def test_a_damaged_memory_of_digests_is_no_memory(folder, cache, text):
    weights = folder / "model.safetensors"
    old(weights)
    cache.mkdir()
    (cache / "digests.json").write_text(text.replace("PATH", str(weights)))
    assert open_folder(folder).digest() == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert str(weights) in json.loads((cache / "digests.json").read_text())


def test_a_cache_that_cannot_be_written_only_costs_time(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "file" / "cache"))
    old(folder / "model.safetensors")
    assert len(open_folder(folder).digest()) == 64


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(EncoderNotFound, match="There is no directory of weights at"):
        open_folder(tmp_path / "missing")


def test_a_file_in_place_of_a_directory_is_said(folder):
    with pytest.raises(EncoderError, match="is a file: give the directory"):
        open_folder(folder / "model.safetensors")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "net.pth", "net.pt", "net.pkl", "a.ckpt"])
def test_pickles_alone_are_refused_by_name(folder, name):
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(
        EncoderError, match=rf"only as pickles \({name}\), and those are never loaded"
    ):
        open_folder(folder)
    with pytest.raises(EncoderError, match=r"is a pickle|is a file"):
        open_folder(folder / name)


def test_a_pickle_beside_safetensors_does_no_harm(folder):
    (folder / "pytorch_model.bin").write_bytes(b"whatever")
    assert [file.name for file in open_folder(folder).weights] == ["model.safetensors"]


def test_no_configuration_is_said(folder):
    (folder / "config.json").unlink()
    with pytest.raises(EncoderError, match="no configuration that says what its network is"):
        open_folder(folder)


def test_a_configuration_of_another_library_is_said(folder):
    with pytest.raises(EncoderError, match="no configuration of the form of transformers"):
        open_folder(folder, family="transformers")


@pytest.mark.parametrize("text", ["{", "[1]", "\N{SNOWMAN}"])
def test_a_damaged_configuration_is_named(folder, text):
    (folder / "config.json").write_text(text, encoding="utf-16")
    with pytest.raises(EncoderError, match=r"config\.json (cannot be read|holds no object)"):
        open_folder(folder)


def test_weights_by_another_name_are_listed(folder):
    (folder / "model.safetensors").rename(folder / "adapter.safetensors")
    with pytest.raises(EncoderError, match=r"safetensors there: adapter\.safetensors"):
        open_folder(folder)


def test_a_missing_shard_is_named(tmp_path):
    folder = sharded_form(tmp_path / "dino")
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(EncoderError, match="not complete: model-00002-of-00002"):
        open_folder(folder)


def test_shards_outside_the_directory_are_refused(tmp_path):
    folder = sharded_form(tmp_path / "dino")
    index = {"weight_map": {"a": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EncoderError, match="outside its directory"):
        open_folder(folder)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: b"", "it has no header"),
        (lambda data: data[:-1], "it is cut off"),
        (lambda data: data + b"x", "it is cut off, or longer"),
        (lambda data: b"PK\3\4 a zip, as pickles of torch are", "it has no header"),
        (lambda data: data[:8] + b"\0" * (len(data) - 8), "its header makes no sense"),
        (lambda data: (2).to_bytes(8, "little") + b"[]", "its header makes no sense"),
        (lambda data: (9).to_bytes(8, "little") + b'{"a": []}', "its header makes no sense"),
    ],
)
def test_damaged_weights_are_refused_before_anything_is_built(folder, spoil, why):
    weights = folder / "model.safetensors"
    weights.write_bytes(spoil(weights.read_bytes()))
    with pytest.raises(EncoderError, match=why):
        open_folder(folder)


def test_only_what_is_needed_is_chosen_of_a_repository():
    files = [
        "README.md", ".gitattributes", "config.json", "model.safetensors", "pytorch_model.bin",
        "pytorch_model.bin.index.json", "open_clip_config.json", "open_clip_model.safetensors",
        "open_clip_pytorch_model.bin", "tokenizer.json", "merges.txt", "spiece.model",
        "onnx/model.onnx", "unet/model.safetensors", "..\\outside.json",
    ]  # fmt: skip
    assert needed_files(files, "timm") == ["config.json", "model.safetensors"]
    tokenizers = ["config.json", "merges.txt", "open_clip_config.json", "spiece.model"]
    chosen = [*tokenizers, "tokenizer.json", "open_clip_model.safetensors"]
    assert needed_files(files, "openclip") == chosen
    assert needed_files(files) == chosen


def test_shards_are_chosen_where_there_is_no_whole():
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    small = ["config.json", "model.safetensors.index.json", "preprocessor_config.json"]
    assert needed_files([*shards, *small]) == [*small, *shards]
    whole = needed_files([*shards, *small, "model.safetensors"])
    assert whole == ["config.json", "preprocessor_config.json", "model.safetensors"]


def test_of_pickles_nothing_is_chosen_but_the_small_files():
    assert needed_files(["config.json", "pytorch_model.bin"]) == ["config.json"]
