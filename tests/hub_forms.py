"""Networks with random weights, saved as a hub keeps them, and what their own library answers."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

import torchvision_shim  # noqa: F401 - before timm and open_clip

# Photographs of many kinds; the last ones are large.
PHOTOGRAPHS = {"caltech101-eval.tar": 6, "clothing-eval.tar": 2}


@dataclass(frozen=True)
class Reference:
    """A network, and what its own library answers by its own preprocessing."""

    model: Any
    embed: Callable[[Sequence[bytes]], NDArray[np.float32]]
    pixels: Callable[[Sequence[bytes]], Any]
    processor: Any


def photographs(shared: Path) -> list[bytes]:
    """Take a few photographs out of the shared archives, as files."""
    files = []
    for name, count in PHOTOGRAPHS.items():
        with tarfile.open(shared / "data" / name) as archive:
            members = [item for item in archive.getmembers() if item.isfile()]
            step = len(members) // count
            for item in members[step // 2 :: step][:count]:
                stream = archive.extractfile(item)
                assert stream is not None
                files.append(stream.read())
    return files


def drawn_pictures(count: int = 4) -> list[bytes]:
    """Draw pictures with a photograph's many scales, as JPEG files."""
    files = []
    for seed in range(count):
        draw = np.random.default_rng(seed)
        width, height = [(320, 240), (240, 320), (500, 333), (260, 260)][seed % 4]
        sum_of_scales = np.zeros((height, width, 3))
        for radius in (2, 6, 18, 54):
            noise = Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))
            soft = np.asarray(noise.filter(ImageFilter.GaussianBlur(radius)), dtype=float)
            sum_of_scales += (soft - soft.mean()) * radius**0.5
        scaled = 128 + 45 * sum_of_scales / sum_of_scales.std()
        stream = io.BytesIO()
        Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=92)
        files.append(stream.getvalue())
    return files


def save_timm(name: str, folder: Path, pictures: Sequence[bytes]) -> Reference:
    """Make a timm network, and save it as ``push_to_hf_hub`` does."""
    import timm
    import torch

    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    settle(model, batch_of(pictures, transform))
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    is_projection = 0 < model.num_classes < 1000

    def run(batch: torch.Tensor) -> torch.Tensor:
        features = model.forward_features(batch)
        return model.forward_head(features, pre_logits=not is_projection)

    return Reference(
        model,
        lambda files: rows_of(run, files, transform),
        lambda files: batch_of(files, transform),
        transform,
    )


def save_openclip(
    place: str, folder: Path, pictures: Sequence[bytes], *, vision: Any = (), text: Any = ()
) -> Reference:
    """Make an OpenCLIP network, ``ARCH/TAG``, and save it as ``push_to_hf_hub`` does.

    ``vision`` and ``text`` are keys of the towers' configurations, in place of the library's.
    """
    import open_clip
    import torch
    from open_clip.push_to_hf_hub import save_for_hf

    architecture, _, tag = place.partition("/")
    config = open_clip.get_model_config(architecture)
    config["vision_cfg"] |= dict(vision)
    config["text_cfg"] |= dict(text)
    if tag == "openai":
        config["quick_gelu"] = True
    facts = open_clip.get_pretrained_cfg(architecture, tag)
    keys = ("mean", "std", "interpolation", "resize_mode")
    preprocess = {key: facts[key] for key in keys if facts.get(key) is not None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    )
    torch.manual_seed(0)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    stated = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(stated, is_train=False)
    settle(model.visual, batch_of(pictures, transform))
    save_for_hf(model.eval(), NoTokenizer(), config, str(folder), safe_serialization=True)
    return Reference(
        model,
        lambda files: rows_of(model.encode_image, files, transform),
        lambda files: batch_of(files, transform),
        transform,
    )


class NoTokenizer:
    """OpenCLIP's own tokenizer is part of the library, and saves nothing."""

    def save_pretrained(self, folder: Path) -> None:
        pass


def save_transformers(model: Any, processor: Any, folder: Path) -> Reference:
    """Save a Transformers network and its image processor as ``save_pretrained`` does."""
    import torch

    model.eval().save_pretrained(folder)
    processor.save_pretrained(folder)

    def pixels(files: Sequence[bytes]) -> Any:
        return processor(images=opened_images(files), return_tensors="pt").pixel_values

    def embed(files: Sequence[bytes]) -> NDArray[np.float32]:
        run = getattr(model, "get_image_features", model)
        with torch.inference_mode():
            answer = run(pixel_values=pixels(files))
        if hasattr(answer, "image_embeds"):
            return np.asarray(answer.image_embeds.numpy())
        return np.asarray(getattr(answer, "pooler_output", answer).flatten(1).numpy())

    return Reference(model, embed, pixels, processor)


def save_tokenizer(folder: Path, texts: Sequence[str], **special: str) -> None:
    """Train a small tokenizer on a few texts, and save its files as a hub keeps them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", **special}
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=list(names.values()), unk_token=names["unk_token"]
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids"], **names
    )
    fast.save_pretrained(folder)


def settle(model: Any, batch: Any) -> None:
    """Give batch norms the statistics of real pictures: at random weights, maps explode."""
    import torch

    norms = [item for item in model.modules() if isinstance(item, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    if norms:
        with torch.no_grad():
            model(batch)
    model.eval()


def batch_of(pictures: Sequence[bytes], transform: Any) -> Any:
    import torch

    return torch.stack([transform(image) for image in opened_images(pictures)])


def rows_of(run: Any, pictures: Sequence[bytes], transform: Any) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        rows = [run(one[None]) for one in batch_of(pictures, transform)]
    return np.asarray(torch.cat(rows).numpy())


def product_rows(folder: Path, pictures: Sequence[bytes], **options: Any) -> NDArray[np.float32]:
    """Embed pictures by the product's own loading and preprocessing; rows of any length."""
    import torch

    from lookalike.encoders.families import describe, load_network
    from lookalike.encoders.weights.folders import open_folder
    from lookalike.images import crop, decode, normalized

    opened = open_folder(folder)
    network = load_network(opened, describe(opened, **options))
    preprocessing = network.preprocessing
    # Every pixel is decoded: what decoding at a fraction costs is measured elsewhere.
    cut = [crop(decode(file), preprocessing) for file in pictures]
    batch = torch.from_numpy(normalized(np.stack(cut), preprocessing))
    with torch.inference_mode():
        rows = torch.cat([network.images(one[None]) for one in batch])
    assert rows.shape == (len(pictures), network.dim)
    return np.asarray(rows.numpy())


def opened_images(pictures: Sequence[bytes]) -> list[Image.Image]:
    return [Image.open(io.BytesIO(file)).convert("RGB") for file in pictures]


def assert_alike(rows: NDArray[np.float32], others: NDArray[np.float32]) -> None:
    """Compare rows pairwise, once as they are and once without their common part.

    Networks with random weights answer almost alike to everything: without what
    all rows share, a picture that was prepared wrongly cannot hide.
    """
    middle = others.mean(axis=0)
    assert cosines(rows, others).min() >= 1 - 1e-4
    assert cosines(rows - middle, others - middle).min() >= 0.999


def cosines(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray((unit(rows) * unit(others)).sum(axis=1))


def unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))
