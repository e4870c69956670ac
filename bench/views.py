"""Real embeddings at scale: the shared pictures, then augmented views of them.

    python bench/views.py --rows 1000000 [--out bench/results/views]

Embeds every picture of the shared data with the pretrained MobileNetV2 at 96 px and
then, again and again, a random crop of each (40 to 100 % of it, mirrored or not, with
another brightness, contrast and colour) until there are enough rows. The 5,000 labelled
validation pictures of tiny-ImageNet are the queries and lie in no gallery. A principal
component analysis of the first rows brings 1280 numbers down to 512, the length that the
field's usual encoders give.

Writes ``base-ROWS.npy`` (rows, 512) as float16, ``queries.npy`` (5000, 512) as float32, both of
unit rows. Parts that are there already are not made again.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("LOOKALIKE_SHARED", HERE.parents[1] / "shared"))
TARS = (
    "tiny-imagenet-200", "photos-train", "caltech101-eval", "grocery-eval", "clothing-eval",
)  # fmt: skip
SIDE, DIM, BATCH, PART_ROWS = 96, 512, 64, 20_000
PCA_ROWS = 100_000
CORES = os.cpu_count() or 1


def pictures() -> tuple[list[bytes], list[bytes]]:
    """Read the gallery's pictures and the queries' as encoded bytes."""
    gallery: list[bytes] = []
    queries: list[bytes] = []
    for name in TARS:
        with tarfile.open(SHARED / "data" / f"{name}.tar") as tar:
            for member in sorted(tar.getmembers(), key=lambda member: member.name):
                opened = tar.extractfile(member) if member.isfile() else None
                if opened is None or not member.name.lower().endswith((".jpeg", ".jpg", ".png")):
                    continue
                place = queries if name == TARS[0] and "/val/" in member.name else gallery
                place.append(opened.read())
    order = np.random.default_rng(0).permutation(len(gallery))
    return [gallery[number] for number in order], queries


def view(data: bytes, seed: int | None) -> NDArray[np.uint8]:
    """Decode a picture to (96, 96, 3): whole, or as the seed's random view of it."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (SIDE, SIDE))
        picture = opened.convert("RGB")
    if seed is None:
        return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return np.asarray(random_view(picture, seed, (SIDE, SIDE)))


def random_view(
    picture: Image.Image, seed: int, size: tuple[int, int] | None = None
) -> Image.Image:
    """Crop and change a picture as the seed says; as large as the crop, unless a size is given."""
    dice = np.random.default_rng(seed)
    share, ratio = dice.uniform(0.4, 1.0), np.exp(dice.uniform(-0.25, 0.25))
    width = min(picture.width, picture.width * np.sqrt(share) * ratio)
    height = min(picture.height, picture.height * np.sqrt(share) / ratio)
    left = dice.uniform(0, picture.width - width)
    top = dice.uniform(0, picture.height - height)
    box = (left, top, left + width, top + height)
    size = size or (max(1, round(width)), max(1, round(height)))
    small = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    if dice.random() < 0.5:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        small = change(small).enhance(dice.uniform(0.7, 1.3))
    return small


class Network:
    """The pretrained network, one thread a call, several calls at a time."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        file = next(SHARED.glob("weights/*/*.onnx"))
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, batch: list[tuple[bytes, int | None]]) -> NDArray[np.float32]:
        """Embed a batch of pictures with their seeds: (n, 1280)."""
        pixels = np.stack([view(data, seed) for data, seed in batch])
        fed = pixels.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        found: NDArray[np.float32] = self._session.run(["embedding"], {"input": fed})[0]
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def embedded(
    network: Network, tasks: list[tuple[bytes, int | None]]
) -> Iterator[NDArray[np.float32]]:
    """Embed tasks in order, a batch on each core."""
    batches = [tasks[start : start + BATCH] for start in range(0, len(tasks), BATCH)]
    with ThreadPoolExecutor(CORES) as pool:
        yield from pool.map(network, batches)


def part_tasks(gallery: list[bytes], first: int, count: int) -> list[tuple[bytes, int | None]]:
    """Say which views make up these rows: the whole pictures first, then their views."""
    rows = range(first, first + count)
    return [(gallery[row % len(gallery)], None if row < len(gallery) else row) for row in rows]


def rotation(out: Path, first_parts: list[Path]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find, or read, the mean (1280,) and the principal axes (1280, 512)."""
    file = out / "pca.npz"
    if not file.exists():
        rows = np.concatenate([np.load(part) for part in first_parts]).astype(np.float32)
        mean = rows.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
        kept = axes[:, np.argsort(values)[::-1][:DIM]].astype(np.float32)
        sys.stderr.write(f"variance kept {np.sort(values)[::-1][:DIM].sum() / values.sum():.4f}\n")
        np.savez(file, mean=mean, axes=kept)
    with np.load(file) as stored:
        return stored["mean"], stored["axes"]


def reduced(
    rows: NDArray[np.float32], mean: NDArray[np.float32], axes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Bring rows to 512 numbers of unit length."""
    short = (rows.astype(np.float32) - mean) @ axes
    return short / np.linalg.norm(short, axis=1, keepdims=True)


def main() -> None:
    """Embed, part by part, then reduce and join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "views")
    given = parser.parse_args()
    out: Path = given.out
    (out / "parts").mkdir(parents=True, exist_ok=True)
    gallery, queries = pictures()
    sys.stderr.write(f"{len(gallery)} pictures, {len(queries)} queries\n")
    network = Network()
    parts: list[Path] = []
    for first in range(0, given.rows, PART_ROWS):
        parts.append(out / "parts" / f"{first:08d}.npy")
        if parts[-1].exists():
            continue
        start = time.perf_counter()
        tasks = part_tasks(gallery, first, PART_ROWS)
        rows = np.concatenate(list(embedded(network, tasks)))
        if first >= PCA_ROWS:
            rows = reduced(rows, *rotation(out, parts[: PCA_ROWS // PART_ROWS]))
        partial = parts[-1].with_suffix(".partial.npy")
        np.save(partial, rows.astype(np.float16))
        partial.rename(parts[-1])
        rate = PART_ROWS / (time.perf_counter() - start)
        sys.stderr.write(f"{first + PART_ROWS} rows, {rate:.0f} a second\n")
    axes = rotation(out, parts[: PCA_ROWS // PART_ROWS])
    if not (out / "queries.npy").exists():
        asked = np.concatenate(list(embedded(network, [(data, None) for data in queries])))
        np.save(out / "queries.npy", reduced(asked, *axes))
    joined = np.lib.format.open_memmap(
        out / f"base-{given.rows}.npy", mode="w+", dtype=np.float16, shape=(given.rows, DIM)
    )
    for number, part in enumerate(parts):
        rows = np.load(part)
        if rows.shape[1] != DIM:
            rows = reduced(rows, *axes)
        place = joined[number * PART_ROWS : (number + 1) * PART_ROWS]
        place[:] = rows[: len(place)]
    joined.flush()


if __name__ == "__main__":
    main()
