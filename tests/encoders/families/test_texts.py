"""Text towers: what Lookalike makes of words equals what the tower's own library answers."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import torchvision_shim  # noqa: F401 - before open_clip

pytest.importorskip("open_clip")
import hub_forms
from lookalike.encoders.families import describe, load_text_tower
from lookalike.encoders.weights.folders import open_folder
from lookalike.errors import EncoderError

TEXTS = [
    "a cat", "A photo of a Dog, at night!", "two  red bicycles\nagainst a wall", "naïve café 1,234",
    "street " * 120, "?",
]  # fmt: skip
SMALL = {"layers": 2, "width": 64, "heads": 2}
WIDTH = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
TRANSFORMER = {**WIDTH, "num_attention_heads": 4, "initializer_range": 0.2}
VISION = {**TRANSFORMER, "image_size": 32, "patch_size": 16}


def openclip_clip(folder: Path, pictures):
    small = {"layers": 1, "width": 32, "head_width": 16}
    reference = hub_forms.save_openclip(
        "ViT-B-32/openai", folder, pictures, vision=small, text=SMALL
    )
    return openclip_rows(folder, reference.model)


def openclip_siglip(folder: Path, pictures):
    tower = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "avg", "timm_proj": "linear"}
    reference = hub_forms.save_openclip(
        "ViT-B-16-SigLIP/webli", folder, pictures, vision=tower, text={**SMALL, "vocab_size": 400}
    )
    hub_forms.save_tokenizer(folder, TEXTS)
    return openclip_rows(folder, reference.model)


def openclip_rows(folder: Path, model):
    import open_clip
    import torch

    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    with torch.inference_mode():
        return model.encode_text(tokens).numpy()


def transformers_clip(folder: Path, pictures):
    import torch
    import transformers

    torch.manual_seed(0)
    # The end token's number tells an old configuration from one that looks for it.
    text = {**TRANSFORMER, "vocab_size": 49408, "max_position_embeddings": 77}
    config = transformers.CLIPConfig(
        text_config=text, vision_config=VISION, projection_dim=32, eos_token_id=49407
    )
    model = transformers.CLIPModel(config).eval()
    model.save_pretrained(folder)
    save_clip_tokenizer(folder)
    save_processor(folder)
    return transformers_rows(folder, model, padding=True, max_length=77)


def transformers_siglip(folder: Path, pictures):
    import torch
    import transformers

    torch.manual_seed(0)
    text = {**TRANSFORMER, "vocab_size": 400, "max_position_embeddings": 64}
    config = transformers.SiglipConfig(text_config=text, vision_config=VISION)
    model = transformers.SiglipModel(config).eval()
    model.save_pretrained(folder)
    hub_forms.save_tokenizer(folder, TEXTS)
    save_processor(folder)
    return transformers_rows(folder, model, padding="max_length", max_length=64)


def transformers_rows(folder: Path, model, **options):
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = tokenizer(TEXTS, truncation=True, return_tensors="pt", **options)
    with torch.inference_mode():
        answer = model.get_text_features(**tokens)
    return getattr(answer, "pooler_output", answer).numpy()


def save_clip_tokenizer(folder: Path) -> None:
    """Save CLIP's tokenizer from the merges that OpenCLIP ships."""
    import transformers
    from open_clip.tokenizer import SimpleTokenizer, default_bpe

    vocabulary = dict(SimpleTokenizer().encoder)
    # Transformers gives the two special tokens other names.
    vocabulary["<|startoftext|>"] = vocabulary.pop("<start_of_text>")
    vocabulary["<|endoftext|>"] = vocabulary.pop("<end_of_text>")
    with gzip.open(default_bpe(), "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    transformers.CLIPTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)


def save_processor(folder: Path) -> None:
    import transformers

    transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


KINDS = {
    "OpenCLIP CLIP": openclip_clip,
    "OpenCLIP SigLIP": openclip_siglip,
    "Transformers CLIP": transformers_clip,
    "Transformers SigLIP": transformers_siglip,
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory, pictures):
    """Save each kind once, with the rows that its own library answers."""
    made = {}

    def of(kind: str):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind.replace(" ", ""))
            made[kind] = folder, KINDS[kind](folder, pictures)
        return made[kind]

    return of


def tower_of(folder: Path):
    opened = open_folder(folder)
    return load_text_tower(opened, describe(opened))


@pytest.mark.parametrize("kind", KINDS)
def test_texts_answer_as_in_their_own_library(kind, saved):
    folder, expected = saved(kind)
    rows = tower_of(folder).encode(TEXTS)
    assert rows.shape == expected.shape
    hub_forms.assert_alike(rows, expected)


@pytest.mark.parametrize("kind", ["OpenCLIP CLIP", "Transformers SigLIP"])
def test_many_texts_answer_as_each_alone(kind, saved):
    folder, _ = saved(kind)
    tower = tower_of(folder)
    many = [f"picture number {number}" for number in range(70)]
    rows = tower.encode(many)
    assert rows.shape[0] == 70
    np.testing.assert_allclose(rows[[0, 63, 64, 69]], [
        tower.encode([many[row]])[0] for row in (0, 63, 64, 69)
    ], rtol=1e-3, atol=1e-4)  # fmt: skip


def test_threads_share_one_tokenizer(saved):
    folder, expected = saved("Transformers CLIP")
    tower = tower_of(folder)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tower.encode(TEXTS), range(8)))
    for rows in answers:
        hub_forms.assert_alike(rows, expected)


def test_both_libraries_tokenize_clips_words_alike(saved):
    import open_clip
    import transformers

    folder, _ = saved("Transformers CLIP")
    words = ["a photo of a dog, at night!", "two red bicycles"]
    theirs = transformers.AutoTokenizer.from_pretrained(folder)(words, padding=True).input_ids
    ours = open_clip.tokenize(words)[:, : len(theirs[0])].tolist()
    assert ours[0] == theirs[0]


@pytest.mark.parametrize("kind", ["OpenCLIP SigLIP", "Transformers SigLIP"])
def test_a_missing_tokenizer_says_which_files_to_bring(kind, saved, tmp_path):
    import shutil

    shutil.copytree(saved(kind)[0], tmp_path, dirs_exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    with pytest.raises(EncoderError, match=r"no usable tokenizer in .*: fetch tokenizer\.json"):
        tower_of(tmp_path)


def test_pictures_without_a_text_tower_have_none(saved, tmp_path):
    opened = open_folder(saved("OpenCLIP CLIP")[0])
    with pytest.raises(EncoderError, match=r"has no text tower .* with pooling own"):
        load_text_tower(opened, describe(opened, pooling="mean"))


def test_missing_text_weights_are_named(saved, tmp_path):
    import shutil

    shutil.copytree(saved("OpenCLIP CLIP")[0], tmp_path, dirs_exist_ok=True)
    file = tmp_path / "open_clip_config.json"
    facts = json.loads(file.read_text())
    facts["model_cfg"]["text_cfg"]["layers"] = 3
    file.write_text(json.dumps(facts))
    with pytest.raises(EncoderError, match=r"missing: transformer\.resblocks\.2\."):
        tower_of(tmp_path)
