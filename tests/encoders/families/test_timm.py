"""timm networks: what Lookalike makes of a folder equals what timm itself answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import torchvision_shim  # noqa: F401 - before timm

pytest.importorskip("timm")
import hub_forms
from lookalike.encoders.families import describe, load_network
from lookalike.encoders.weights.folders import open_folder
from lookalike.errors import EncoderError, UsageError

# One of each kind: a residual network, one whose num_features lies, a transformer,
# one with maps that keep channels last, one whose head is a CLIP projection.
KINDS = {
    "resnet18.a1_in1k": 512,
    "mobilenetv3_small_050.lamb_in1k": 1024,
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k": 192,
    "swin_tiny_patch4_window7_224.ms_in1k": 768,
    "fastvit_mci0.apple_mclip2_dfndr2b": 512,
}


@pytest.fixture(scope="module")
def vit(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("vit")
    return folder, hub_forms.save_timm("vit_tiny_patch16_224", folder, pictures)


@pytest.mark.parametrize("name", KINDS)
def test_a_folder_answers_as_timm_itself(name, tmp_path, pictures):
    reference = hub_forms.save_timm(name, tmp_path, pictures)
    rows = hub_forms.product_rows(tmp_path, pictures[::2])
    assert rows.shape[1] == KINDS[name]
    hub_forms.assert_alike(rows, reference.embed(pictures[::2]))


def test_the_card_is_read_without_timm(vit):
    folder, _ = vit
    card = describe(open_folder(folder))
    assert card.family == "timm"
    assert card.architecture == "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert (card.dim, card.has_text, card.licence) == (192, False, "apache-2.0")
    assert (card.preprocessing.size, card.preprocessing.resize) == (224, 248)
    assert card.preprocessing.mean == (0.5, 0.5, 0.5)


def test_the_classifier_is_left_out(vit):
    folder, reference = vit
    opened = open_folder(folder)
    network = load_network(opened, describe(opened))
    assert network.parameters == sum(
        weights.numel()
        for name, weights in reference.model.named_parameters()
        if not name.startswith("head.")
    )


def test_poolings_are_what_they_say(vit, pictures):
    import torch

    folder, reference = vit
    with torch.inference_mode():
        tokens = reference.model.forward_features(reference.pixels(pictures))
    patches = tokens[:, 1:].numpy().astype(np.float64)
    powers = np.maximum(patches, 1e-6) ** 3
    expected = {
        "cls": tokens[:, 0].numpy(),
        "mean": patches.mean(axis=1),
        "gem": powers.mean(axis=1) ** (1 / 3),
    }
    for pooling, rows in expected.items():
        found = hub_forms.product_rows(folder, pictures, pooling=pooling)
        hub_forms.assert_alike(found, rows)


def test_maps_are_pooled_over_their_places(tmp_path, pictures):
    import torch

    reference = hub_forms.save_timm("mobilenetv3_small_050", tmp_path, pictures)
    with torch.inference_mode():
        maps = reference.model.forward_features(reference.pixels(pictures)).numpy()
    found = hub_forms.product_rows(tmp_path, pictures, pooling="mean")
    # The map has fewer channels than what the network makes of its mean.
    assert found.shape[1] == maps.shape[1] == 288
    hub_forms.assert_alike(found, maps.mean(axis=(2, 3)))


def test_a_mixer_s_tokens_are_pooled_over_its_patches(tmp_path, pictures):
    import torch

    reference = hub_forms.save_timm("gmlp_ti16_224", tmp_path, pictures[:2])
    with torch.inference_mode():
        tokens = reference.model.forward_features(reference.pixels(pictures[:2])).numpy()
    found = hub_forms.product_rows(tmp_path, pictures[:2], pooling="mean")
    assert tokens.shape[1:] == (196, 128)
    np.testing.assert_allclose(found, tokens.mean(axis=1), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("name", ["pit_ti_224", "crossvit_9_240"])  # one token; a list of them
def test_features_of_an_unknown_layout_are_not_averaged(name, tmp_path, pictures):
    hub_forms.save_timm(name, tmp_path, pictures[:1])
    opened = open_folder(tmp_path)
    assert load_network(opened, describe(opened)).dim > 0
    for pooling in ("mean", "gem"):
        with pytest.raises(UsageError, match=r"layout of the features .* use pooling own"):
            load_network(opened, describe(opened, pooling=pooling))


def test_a_network_without_a_class_token_has_no_cls_pooling(tmp_path, pictures):
    hub_forms.save_timm("mobilenetv3_small_050", tmp_path, pictures)
    opened = open_folder(tmp_path)
    with pytest.raises(UsageError, match="no class token: use pooling own, mean or gem"):
        load_network(opened, describe(opened, pooling="cls"))


def test_another_size_stretches_position_embeddings_as_timm_does(vit, pictures):
    import timm

    folder, _ = vit
    resized = timm.create_model(f"local-dir:{folder}", pretrained=True, img_size=112).eval()
    card = describe(open_folder(folder), size=112)
    assert (card.preprocessing.size, card.preprocessing.resize) == (112, 124)
    transform = timm.data.create_transform(
        **{**timm.data.resolve_model_data_config(resized), "input_size": (3, 112, 112)}
    )
    expected = hub_forms.rows_of(
        lambda batch: resized.forward_head(resized.forward_features(batch), pre_logits=True),
        pictures,
        transform,
    )
    rows = hub_forms.product_rows(folder, pictures, size=112)
    hub_forms.assert_alike(rows, expected)


def test_another_size_of_a_convolutional_network_changes_its_pictures_only(tmp_path, pictures):
    import timm

    reference = hub_forms.save_timm("mobilenetv3_small_050", tmp_path, pictures)
    transform = timm.data.create_transform(
        **{**timm.data.resolve_model_data_config(reference.model), "input_size": (3, 160, 160)}
    )
    expected = hub_forms.rows_of(
        lambda batch: reference.model.forward_head(
            reference.model.forward_features(batch), pre_logits=True
        ),
        pictures,
        transform,
    )
    rows = hub_forms.product_rows(tmp_path, pictures, size=160)
    hub_forms.assert_alike(rows, expected)


def test_a_size_that_a_network_cannot_take_is_refused(vit):
    opened = open_folder(vit[0])
    with pytest.raises(UsageError, match=r"does not take pictures of 8 pixels \(.*\): ask"):
        load_network(opened, describe(opened, size=8))


def test_weights_of_another_network_are_refused(vit, tmp_path):
    folder, _ = vit
    changed = copied(folder, tmp_path, architecture="vit_small_patch16_224")
    with pytest.raises(EncoderError, match=r"do not fit the network.*of another shape: "):
        load_network(changed, describe(changed))


def test_missing_weights_are_named(vit, tmp_path):
    from safetensors.torch import load_file, save_file

    folder, _ = vit
    changed = copied(folder, tmp_path)
    tensors = load_file(changed.weights[0])
    del tensors["blocks.3.mlp.fc1.weight"]
    save_file(tensors, changed.weights[0])
    with pytest.raises(EncoderError, match=r"missing: blocks\.3\.mlp\.fc1\.weight"):
        load_network(changed, describe(changed))


@pytest.mark.parametrize(
    "argument",
    ["checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir",
     "scriptable", "exportable", "no_jit"],
)  # fmt: skip
def test_a_configuration_that_would_load_more_is_refused(vit, tmp_path, argument):
    changed = copied(vit[0], tmp_path, model_args={argument: "evil.pth"})
    with pytest.raises(EncoderError, match=f"gives the network '{argument}'.*do not trust it"):
        load_network(changed, describe(changed))


def test_an_unknown_architecture_says_which_timm_was_asked(vit, tmp_path):
    folder, _ = vit
    changed = copied(folder, tmp_path, architecture="vit_of_tomorrow")
    with pytest.raises(EncoderError, match=r"timm [\d.]+ knows no architecture 'vit_of_tomorrow'"):
        load_network(changed, describe(changed))


def copied(folder: Path, to: Path, **changes: object):
    """Copy a folder, with changes to its configuration."""
    config = json.loads((folder / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, **changes}))
    (to / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return open_folder(to)
