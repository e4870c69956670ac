"""From a folder in hub form to an encoder: by torch, by an export, with options, found again."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision_shim")
pytest.importorskip("timm")
pytest.importorskip("openvino")

import hub_forms
from lookalike.encoders import assembling, embed, load_encoder
from lookalike.encoders.assembling import card_and_folder
from lookalike.encoders.exporting import export_network, exports_of
from lookalike.encoders.families import load_network
from lookalike.encoders.names import parse_name
from lookalike.encoders.runtimes.devices import Device
from lookalike.errors import EncoderError, SpaceMismatch, UsageError
from lookalike.gallery import Gallery
from lookalike.images import crop, decode
from lookalike.ingest import add_images
from lookalike.search import Query, QueryPart, Searcher


@pytest.fixture(scope="module")
def pictures():
    return hub_forms.drawn_pictures(8)


@pytest.fixture(scope="module")
def reference_and_folder(tmp_path_factory, pictures):
    """A small network of timm's with random weights, in hub form."""
    folder = tmp_path_factory.mktemp("hub") / "test_vit"
    return hub_forms.save_timm("test_vit.r160_in1k", folder, pictures), folder


@pytest.fixture
def folder(reference_and_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return reference_and_folder[1]


def exported(name, pictures, *, to="openvino"):
    """Export an encoder in exact, as the command does."""
    card, folder = card_and_folder(parse_name(name))
    crops = np.stack([crop(decode(one), card.preprocessing) for one in pictures])
    return export_network(
        load_network(folder, card), card, folder.digest(), to=to, precision=card.precision,
        pictures=crops,
    )  # fmt: skip


def small_clip(folder, pictures):
    """Save a small CLIP with random weights, in OpenCLIP's form."""
    hub_forms.save_openclip(
        "ViT-B-32/openai", folder, pictures,
        vision={"layers": 2, "width": 128, "head_width": 32},
        text={"layers": 1, "width": 32, "heads": 2},
    )  # fmt: skip


def test_a_folder_embeds_as_its_library_does(reference_and_folder, folder, pictures):
    encoder = load_encoder(folder)
    assert encoder.runs_on == "PyTorch, float32, cpu"
    expected = hub_forms.unit(reference_and_folder[0].embed(pictures))
    np.testing.assert_allclose((embed(pictures, encoder) * expected).sum(axis=1), 1, atol=1e-4)


def test_the_stored_name_finds_it_again(folder):
    encoder = load_encoder(f"{folder}?pooling=mean&precision=bf16")
    assert encoder.space.encoder == f"{folder}?pooling=mean&precision=bf16"
    assert load_encoder(encoder.space.encoder).space == encoder.space


def test_pooling_size_and_precision_are_spaces_of_their_own(folder):
    names = ["", "?pooling=cls", "?pooling=gem", "?size=96", "?precision=bf16"]
    fingerprints = {load_encoder(f"{folder}{name}").space.fingerprint for name in names}
    assert len(fingerprints) == len(names)


def test_an_export_is_used_from_then_on_in_the_same_space_and_without_torch(folder, pictures):
    by_torch = load_encoder(folder)
    exported(str(folder), pictures)

    program = (
        "import json, sys, lookalike\n"
        f"encoder = lookalike.load_encoder({str(folder)!r})\n"
        "loaded = [name for name in ('torch', 'timm') if name in sys.modules]\n"
        "print(json.dumps([encoder.runs_on, encoder.space.fingerprint, loaded]))\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    runs_on, fingerprint, loaded = json.loads(answer.stdout)
    assert (runs_on, loaded) == ("OpenVINO, float32, cpu", [])
    assert fingerprint == by_torch.space.fingerprint
    np.testing.assert_allclose(
        embed(pictures, load_encoder(folder)), embed(pictures, by_torch), atol=1e-4
    )
    assert load_encoder(folder, backend="torch").runs_on == "PyTorch, float32, cpu"


def test_an_export_made_from_the_exact_card_is_listed_and_found_in_bf16(folder, pictures):
    card, opened = card_and_folder(parse_name(str(folder)))
    crops = np.stack([crop(decode(one), card.preprocessing) for one in pictures])
    made = export_network(
        load_network(opened, card), card, opened.digest(), to="openvino", precision="bf16",
        pictures=crops,
    )  # fmt: skip
    assert exports_of(card, opened.digest()) == (made,)
    encoder = load_encoder(f"{folder}?precision=bf16")
    assert encoder.runs_on.startswith("OpenVINO")
    assert encoder.space.fingerprint == made.fingerprint


def test_another_activation_is_another_space(tmp_path, pictures, monkeypatch):
    pytest.importorskip("open_clip")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    small_clip(tmp_path / "clip", pictures)
    quick = load_encoder(tmp_path / "clip")
    file = tmp_path / "clip" / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"]["quick_gelu"] = False
    file.write_text(json.dumps(config))
    usual = load_encoder(tmp_path / "clip")
    assert not np.allclose(embed(pictures, quick), embed(pictures, usual), atol=1e-4)
    assert quick.space != usual.space


def test_texts_run_where_pictures_do(tmp_path, pictures, monkeypatch):
    pytest.importorskip("open_clip")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    small_clip(tmp_path / "clip", pictures)
    by_cpu = load_encoder(tmp_path / "clip")
    asked = []
    load_tower = assembling.load_text_tower

    def noted(folder, card, device):
        asked.append(device)
        return load_tower(folder, card)

    monkeypatch.setattr(assembling, "load_text_tower", noted)
    monkeypatch.setattr(assembling, "chosen_devices", lambda asked: (Device("cuda:0"),))
    encoder = load_encoder(tmp_path / "clip")
    np.testing.assert_allclose(
        encoder.encode_texts(["a dog"]), by_cpu.encode_texts(["a dog"]), atol=1e-6
    )
    assert asked == ["cuda:0"]


@pytest.mark.parametrize(
    ("name", "given", "error", "says"),
    [
        ("?precision=int8", {}, EncoderError, "encoders export .* --precision int8"),
        ("", {"backend": "onnx"}, EncoderError, "encoders export .* --to onnx"),
        ("?pooling=mean&size=96", {"backend": "onnx"}, EncoderError,
         r"export '/\S*\?pooling=mean&size=96' --to onnx`\.$"),
        ("?pooling=mean&precision=int8", {"backend": "torch"}, EncoderError,
         r"export '/\S*\?pooling=mean' --to openvino --precision int8`\.$"),
        ("?precision=bf16", {"backend": "onnx"}, EncoderError, "ONNX Runtime has no bf16"),
        ("", {"backend": "onnx", "is_compiling": True}, EncoderError, "leave compiling out"),
        ("?precision=int8", {"is_compiling": True}, EncoderError, "leave compiling out"),
        ("", {"backend": "tensorrt"}, UsageError, "'tensorrt' is unknown"),
        ("", {"device": "cuda:7"}, UsageError, "cuda:7"),
        ("?size=100", {}, UsageError, "100"),
        ("?pooling=sum", {}, UsageError, "own, cls, mean, gem"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_told_in_a_sentence(folder, name, given, error, says):
    with pytest.raises(error, match=says) as caught:
        load_encoder(f"{folder}{name}", **given)
    assert "\n" not in str(caught.value)


def test_the_encoder_in_the_box_runs_on_the_cpu_only():
    with pytest.raises(UsageError, match="leave --device out"):
        load_encoder("builtin", device="cuda")
    with pytest.raises(UsageError, match="leave --backend out"):
        load_encoder("builtin", backend="openvino")


def test_a_gallery_finds_its_encoder_again_and_refuses_another_precision(
    folder, pictures, tmp_path
):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, picture in enumerate(pictures):
        (photos / f"{number}.jpg").write_bytes(picture)
    encoder = load_encoder(f"{folder}?pooling=mean")
    with Gallery.open_or_create(tmp_path / "gallery", encoder.space) as gallery:
        add_images(gallery, photos, encoder)

    with Searcher.open(tmp_path / "gallery") as searcher:
        best = searcher.search(photos / "3.jpg", k=1)[0]
        assert best.path == str(photos / "3.jpg")
        assert best.score == pytest.approx(1, abs=1e-3)
        with pytest.raises(SpaceMismatch):
            Searcher(searcher.gallery, load_encoder(f"{folder}?pooling=mean&precision=bf16"))


def test_texts_are_refused_by_an_encoder_of_pictures_and_encoders_with_text_are_named(folder):
    with pytest.raises(UsageError, match="mobileclip2-s0"):
        load_encoder(folder).encode_texts(["a dog"])


def test_texts_find_pictures_in_a_gallery_of_an_openclip_folder(tmp_path, pictures, monkeypatch):
    pytest.importorskip("open_clip")
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    small_clip(tmp_path / "clip", pictures)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, picture in enumerate(pictures):
        (photos / f"{number}.jpg").write_bytes(picture)
    encoder = load_encoder(tmp_path / "clip")
    with Gallery.open_or_create(tmp_path / "gallery", encoder.space) as gallery:
        add_images(gallery, photos, encoder)

    texts = ["a dog", "a red car at night"]
    rows = encoder.encode_texts(texts, template="a photo of {}")
    expected = rows @ embed(pictures, encoder).T
    with Searcher.open(tmp_path / "gallery") as searcher:
        for text, scores in zip(texts, expected, strict=True):
            query = Query((QueryPart(text=text),), template="a photo of {}", k=3)
            found = searcher.search(query)
            assert [hit.path for hit in found] == [
                str(photos / f"{number}.jpg") for number in np.argsort(-scores)[:3]
            ]
            np.testing.assert_allclose(
                [hit.score for hit in found], np.sort(scores)[:-4:-1], atol=1e-3
            )
