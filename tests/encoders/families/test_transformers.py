"""Transformers networks: what Lookalike makes of a folder equals what the library answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import torchvision_shim  # noqa: F401 - before transformers looks for torchvision

pytest.importorskip("transformers")
import hub_forms
from lookalike.encoders.families import describe, load_network
from lookalike.encoders.weights.folders import open_folder
from lookalike.errors import EncoderError, UsageError

WIDTH = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
TRANSFORMER = {**WIDTH, "num_attention_heads": 4, "initializer_range": 0.2}
VISION = {**TRANSFORMER, "image_size": 64, "patch_size": 16}
TEXT = {**TRANSFORMER, "vocab_size": 200}
STAGES = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]}


def model_and_processor(kind: str):
    """Make a small network of a kind, and its image processor with the settings of its family."""
    import torch
    import transformers as library

    torch.manual_seed(0)
    shortest = {"size": {"shortest_edge": 71}, "crop_size": {"height": 64, "width": 64}}
    squashed = {"size": {"height": 64, "width": 64}}
    clip = library.CLIPImageProcessorPil(**shortest)
    bit = library.BitImageProcessorPil(**shortest)
    vit = library.ViTImageProcessorPil(**squashed)
    convnext = library.ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.875)
    match kind:
        case "clip":
            config = library.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=32)
            return library.CLIPModel(config), clip
        case "clip_vision_model":
            config = library.CLIPVisionConfig(**VISION, projection_dim=32)
            return library.CLIPVisionModelWithProjection(config), clip
        case "siglip":
            config = library.SiglipConfig(text_config=TEXT, vision_config=VISION)
            return library.SiglipModel(config), library.SiglipImageProcessorPil(**squashed)
        case "dinov2":
            return library.Dinov2Model(library.Dinov2Config(**VISION)), bit
        case "dinov2_with_registers":
            config = library.Dinov2WithRegistersConfig(**VISION, num_register_tokens=4)
            return library.Dinov2WithRegistersModel(config), bit
        case "dinov3_vit":
            config = library.DINOv3ViTConfig(**VISION, num_register_tokens=4)
            return library.DINOv3ViTModel(config), library.DINOv3ViTImageProcessor(**squashed)
        case "dinov3_convnext":
            config = library.DINOv3ConvNextConfig(**STAGES)
            processor = library.DINOv3ViTImageProcessor(**squashed)
            return library.DINOv3ConvNextModel(config), processor
        case "vit":
            return library.ViTModel(library.ViTConfig(**VISION)), vit
        case "swin":
            config = library.SwinConfig(
                image_size=64,
                patch_size=4,
                window_size=4,
                embed_dim=24,
                depths=[1, 1],
                num_heads=[2, 4],
            )
            return library.SwinModel(config), vit
        case "resnet":
            config = library.ResNetConfig(embedding_size=16, **STAGES, layer_type="basic")
            return library.ResNetModel(config), convnext
        case "convnext":
            return library.ConvNextModel(library.ConvNextConfig(**STAGES)), convnext
    raise AssertionError(kind)


DIMS = {
    "clip": 32, "clip_vision_model": 32, "siglip": 48, "dinov2": 48, "dinov2_with_registers": 48,
    "dinov3_vit": 48, "dinov3_convnext": 64, "vit": 48, "swin": 48, "resnet": 64, "convnext": 64,
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory, pictures):
    """Save each kind once."""
    made = {}

    def of(kind: str) -> tuple[Path, hub_forms.Reference]:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            model, processor = model_and_processor(kind)
            hub_forms.settle(
                model,
                processor(hub_forms.opened_images(pictures), return_tensors="pt").pixel_values,
            )
            made[kind] = folder, hub_forms.save_transformers(model, processor, folder)
        return made[kind]

    return of


@pytest.mark.parametrize("kind", DIMS)
def test_a_folder_answers_as_the_library_itself(kind, saved, pictures):
    folder, reference = saved(kind)
    card = describe(open_folder(folder))
    rows = hub_forms.product_rows(folder, pictures)
    assert (card.family, card.preprocessing.size) == ("transformers", 64)
    assert rows.shape[1] == DIMS[kind]
    assert card.dim in {0, DIMS[kind]}
    assert card.has_text == (kind in {"clip", "siglip"})
    hub_forms.assert_alike(rows, reference.embed(pictures))


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("vit", 1), ("dinov2", 1), ("dinov2_with_registers", 5), ("dinov3_vit", 5), ("swin", 0)],
)
def test_patch_tokens_are_pooled_without_those_before_them(kind, prefix, saved, pictures):
    import torch

    folder, reference = saved(kind)
    pixels = reference.pixels(pictures)
    with torch.inference_mode():
        tokens = reference.model(pixel_values=pixels).last_hidden_state.numpy()
    found = hub_forms.product_rows(folder, pictures, pooling="mean")
    hub_forms.assert_alike(found, tokens[:, prefix:].mean(axis=1))


def test_clip_tokens_are_normalised_before_they_are_pooled(saved, pictures):
    import torch

    folder, reference = saved("clip")
    tower = reference.model.vision_model
    with torch.inference_mode():
        answer = tower(pixel_values=reference.pixels(pictures))
        tokens = tower.post_layernorm(answer.last_hidden_state).numpy()
    found = hub_forms.product_rows(folder, pictures, pooling="cls")
    hub_forms.assert_alike(found, tokens[:, 0])
    # Texts meet pictures behind the projection alone.
    assert not describe(open_folder(folder), pooling="cls").has_text


def test_maps_are_pooled_over_their_places(saved, pictures):
    import torch

    folder, reference = saved("resnet")
    with torch.inference_mode():
        maps = reference.model(pixel_values=reference.pixels(pictures)).last_hidden_state.numpy()
    found = hub_forms.product_rows(folder, pictures, pooling="gem")
    powers = np.maximum(maps.astype(np.float64), 1e-6) ** 3
    hub_forms.assert_alike(found, powers.mean(axis=(2, 3)) ** (1 / 3))


def test_a_pooler_that_a_checkpoint_lacks_is_not_invented(saved, tmp_path, pictures):
    import torch
    import transformers

    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**VISION)).eval()
    processor = transformers.ViTImageProcessorPil(size={"height": 64, "width": 64})
    reference = hub_forms.save_transformers(model, processor, tmp_path)
    with torch.inference_mode():
        tokens = model.vit(pixel_values=reference.pixels(pictures)).last_hidden_state
    found = hub_forms.product_rows(tmp_path, pictures)
    hub_forms.assert_alike(found, tokens[:, 0].numpy())


@pytest.mark.parametrize("kind", ["clip", "siglip", "vit", "dinov2", "dinov3_vit", "swin"])
def test_another_size_stretches_position_embeddings_as_the_library_does(kind, saved, pictures):
    import inspect

    import torch

    folder, reference = saved(kind)
    processor = reference.processor.__class__.from_pretrained(folder)
    card = describe(open_folder(folder), size=96)
    if "shortest_edge" in processor.size:
        # 71 / 64 of 96, rounded down.
        edges = {"size": {"shortest_edge": 106}, "crop_size": {"height": 96, "width": 96}}
        assert card.preprocessing.resize == 106
    else:
        edges = {"size": {"height": 96, "width": 96}}
    images = hub_forms.opened_images(pictures)
    pixels = processor(images=images, return_tensors="pt", **edges).pixel_values
    run = getattr(reference.model, "get_image_features", reference.model)
    stretches = (
        "interpolate_pos_encoding" in inspect.signature(getattr(run, "forward", run)).parameters
    )
    with torch.inference_mode():
        answer = run(
            pixel_values=pixels, **({"interpolate_pos_encoding": True} if stretches else {})
        )
    expected = getattr(answer, "pooler_output", answer).numpy()
    found = hub_forms.product_rows(folder, pictures, size=96)
    hub_forms.assert_alike(found, expected)


def test_preprocessing_is_read_in_the_style_of_older_files(saved, tmp_path):
    folder = copied(saved("clip")[0], tmp_path)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "crop_size": 64, "do_center_crop": True, "do_normalize": True, "do_resize": True,
                "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.5, 0.4, 0.3],
                "image_std": [0.2, 0.2, 0.2], "resample": 3, "size": 71,
            }
        )
    )  # fmt: skip
    preprocessing = describe(open_folder(folder)).preprocessing
    assert (preprocessing.size, preprocessing.resize) == (64, 71)
    assert (preprocessing.fit, preprocessing.interpolation) == ("crop", "bicubic")
    assert preprocessing.mean == (0.5, 0.4, 0.3)


def test_preprocessing_is_read_from_inside_a_processors_file(saved, tmp_path):
    folder = copied(saved("siglip")[0], tmp_path)
    alone = folder / "preprocessor_config.json"
    facts = json.loads(alone.read_text())
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": facts}))
    alone.unlink()
    assert describe(open_folder(folder)).preprocessing.fit == "squash"


def test_a_folder_without_preprocessing_is_refused(saved, tmp_path):
    folder = copied(saved("vit")[0], tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(EncoderError, match=r"preprocessor_config\.json is missing"):
        describe(open_folder(folder))


def test_weights_of_another_network_are_refused(saved, tmp_path):
    folder = copied(saved("vit")[0], tmp_path, hidden_size=64)
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match="do not fit the network"):
        load_network(opened, describe(opened))


def test_missing_weights_are_named(saved, tmp_path):
    folder = copied(saved("vit")[0], tmp_path, num_hidden_layers=3)
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=r"missing: \S*layer\S*\.2\."):
        load_network(opened, describe(opened))


def test_an_unknown_architecture_says_which_release_was_asked(saved, tmp_path):
    folder = copied(saved("vit")[0], tmp_path, model_type="vit_of_tomorrow")
    opened = open_folder(folder)
    with pytest.raises(
        EncoderError, match=r"Transformers [\d.]+ cannot load the 'vit_of_tomorrow'"
    ):
        load_network(opened, describe(opened))


def test_a_program_that_comes_with_weights_is_refused_and_nobody_is_asked(
    saved, tmp_path, monkeypatch
):
    changes = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Net"}}
    folder = copied(saved("vit")[0], tmp_path, **changes)
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    monkeypatch.setattr("builtins.input", lambda *asked: pytest.fail("somebody was asked"))
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=r"a program of its own .* never run") as caught:
        load_network(opened, describe(opened))
    assert "\n" not in str(caught.value)


def test_a_layout_nobody_knows_has_only_its_own_pooling(saved, tmp_path):
    from lookalike.encoders.families.transformers_networks import layout_of

    folder = copied(saved("vit")[0], tmp_path, model_type="vit_of_tomorrow")
    opened = open_folder(folder)
    with pytest.raises(UsageError, match="use pooling own for encoder"):
        layout_of(opened, describe(opened, pooling="mean"))


@pytest.mark.parametrize("kind", ["siglip2", "vit_mae"])
def test_what_makes_no_encoder_says_why(kind, saved, tmp_path):
    folder = copied(saved("vit")[0], tmp_path, model_type=kind)
    with pytest.raises(EncoderError, match=f"{kind} has no place among encoders"):
        describe(open_folder(folder))


def copied(folder: Path, to: Path, **changes: object) -> Path:
    """Copy a folder, with changes to its configuration."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, **changes}))
    return to
