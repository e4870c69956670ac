"""OpenCLIP networks: what Lookalike makes of a folder equals what OpenCLIP itself answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import torchvision_shim  # noqa: F401 - before open_clip

pytest.importorskip("open_clip")
import hub_forms
from lookalike.encoders.families import describe, load_network
from lookalike.encoders.weights.folders import open_folder
from lookalike.errors import EncoderError, UsageError

SMALL_TEXT = {"layers": 1, "width": 32, "heads": 2, "vocab_size": 600}
# A transformer, one of timm's that is squashed to its input, a residual network.
KINDS = {
    "clip": ("ViT-B-32/openai", {"layers": 2, "width": 128, "head_width": 32}, 512),
    "siglip": (
        "ViT-B-16-SigLIP/webli",
        {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "avg", "timm_proj": "linear"},
        768,
    ),
    "resnet": ("RN50/openai", {"layers": [1, 1, 1, 1], "width": 16}, 1024),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory, pictures):
    """Save each kind once."""
    made = {}

    def of(kind: str) -> tuple[Path, hub_forms.Reference]:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            place, vision, _ = KINDS[kind]
            reference = hub_forms.save_openclip(
                place, folder, pictures, vision=vision, text=SMALL_TEXT
            )
            made[kind] = folder, reference
        return made[kind]

    return of


@pytest.mark.parametrize("place", ["hf-hub:owner/tower", "local-dir:/tmp/tower"])
def test_a_tower_from_elsewhere_is_refused(saved, tmp_path, place):
    folder = tmp_path / "siglip"
    shutil.copytree(saved("siglip")[0], folder)
    file = folder / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["model_cfg"]["vision_cfg"]["timm_model_name"] = place
    file.write_text(json.dumps(config))
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=f"timm_model_name '{place}'.*never fetched"):
        load_network(opened, describe(opened))


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_answers_as_openclip_itself(kind, saved, pictures):
    folder, reference = saved(kind)
    card = describe(open_folder(folder))
    assert (card.family, card.dim, card.has_text) == ("openclip", KINDS[kind][2], True)
    assert card.preprocessing.fit == ("squash" if kind == "siglip" else "crop")
    rows = hub_forms.product_rows(folder, pictures)
    assert rows.shape[1] == card.dim
    hub_forms.assert_alike(rows, reference.embed(pictures))


def test_the_text_tower_stays_on_the_disk(saved):
    folder, reference = saved("clip")
    opened = open_folder(folder)
    tower = sum(weights.numel() for weights in reference.model.visual.parameters())
    assert load_network(opened, describe(opened)).parameters == tower


def test_poolings_leave_the_projection_out(saved, pictures):
    import torch

    folder, reference = saved("clip")
    tower = reference.model.visual
    with torch.inference_mode():
        tokens = tower.ln_post(tower.transformer(tower._embeds(reference.pixels(pictures))))
    own_class = hub_forms.product_rows(folder, pictures, pooling="cls")
    hub_forms.assert_alike(own_class, tokens[:, 0].numpy())
    patches = hub_forms.product_rows(folder, pictures, pooling="mean")
    hub_forms.assert_alike(patches, tokens[:, 1:].mean(dim=1).numpy())
    # Texts meet pictures behind the projection alone.
    assert not describe(open_folder(folder), pooling="cls").has_text


def test_a_timm_tower_is_pooled_as_timms(saved, pictures):
    import torch

    folder, reference = saved("siglip")
    with torch.inference_mode():
        tokens = reference.model.visual.trunk.forward_features(reference.pixels(pictures))
    found = hub_forms.product_rows(folder, pictures, pooling="cls")
    hub_forms.assert_alike(found, tokens[:, 0].numpy())


def test_a_map_is_pooled_over_its_places(saved, pictures):
    import torch

    folder, reference = saved("resnet")
    tower = reference.model.visual
    with torch.inference_mode():
        maps = tower.stem(reference.pixels(pictures))
        for layer in (tower.layer1, tower.layer2, tower.layer3, tower.layer4):
            maps = layer(maps)
    found = hub_forms.product_rows(folder, pictures, pooling="mean")
    hub_forms.assert_alike(found, maps.mean(dim=(2, 3)).numpy())
    opened = open_folder(folder)
    with pytest.raises(UsageError, match="has no class token"):
        load_network(opened, describe(opened, pooling="cls"))


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_another_size_stretches_position_embeddings_as_openclip_does(kind, saved, pictures):
    import open_clip

    folder, _ = saved(kind)
    resized = open_clip.create_model(f"local-dir:{folder}", force_image_size=96).eval()
    stated = open_clip.transform.PreprocessCfg(**{**resized.visual.preprocess_cfg, "size": 96})
    transform = open_clip.transform.image_transform_v2(stated, is_train=False)
    expected = hub_forms.rows_of(resized.encode_image, pictures, transform)
    hub_forms.assert_alike(hub_forms.product_rows(folder, pictures, size=96), expected)


def test_weights_of_another_network_are_refused(saved, tmp_path):
    folder = copied(saved("clip")[0], tmp_path, vision_cfg={"width": 64})
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=r"of another shape: .* and not .* and \d+ more"):
        load_network(opened, describe(opened))


def test_missing_weights_are_named(saved, tmp_path):
    folder = copied(saved("clip")[0], tmp_path, vision_cfg={"layers": 3})
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=r"missing: transformer\.resblocks\.2\..* and \d+ more"):
        load_network(opened, describe(opened))


def test_settings_of_a_later_release_are_refused(saved, tmp_path):
    folder = copied(saved("clip")[0], tmp_path, vision_cfg={"depth_of_tomorrow": 3})
    opened = open_folder(folder)
    with pytest.raises(EncoderError, match=r"OpenCLIP [\d.]+ cannot build the vision tower"):
        load_network(opened, describe(opened))


def test_a_fit_that_is_neither_crop_nor_squash_is_refused(saved, tmp_path):
    folder = copied(saved("clip")[0], tmp_path)
    file = folder / "open_clip_config.json"
    facts = json.loads(file.read_text())
    facts["preprocess_cfg"]["resize_mode"] = "longest"
    file.write_text(json.dumps(facts))
    with pytest.raises(EncoderError, match="resize mode is 'longest', and only shortest, squash"):
        describe(open_folder(folder))


def copied(folder: Path, to: Path, **changes: dict[str, object]) -> Path:
    """Copy a folder, with changes to parts of its model's configuration."""
    shutil.copytree(folder, to, dirs_exist_ok=True)
    file = to / "open_clip_config.json"
    facts = json.loads(file.read_text())
    for part, values in changes.items():
        facts["model_cfg"][part] |= values
    file.write_text(json.dumps(facts))
    return to
