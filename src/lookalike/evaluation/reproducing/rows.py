"""Rows by the thousand: random views of pictures, embedded part by part."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from lookalike.encoders import Encoder
from lookalike.encoders.embedding import embed
from lookalike.evaluation.datasets.listing import digest_of
from lookalike.evaluation.writing import write_whole
from lookalike.images.decoding import decode

__all__ = ["random_view", "view_rows"]

Rows = NDArray[np.float32]

# Raised whenever the same seed would give another view.
VIEWS = 1
PART = 1024


def random_view(image: Image.Image, seed: Sequence[int]) -> Image.Image:
    """Look at a picture in another way: a part of it, perhaps mirrored, in another light.

    Args:
        image: RGB, upright.
        seed: The same gives the same view.
    """
    dice = np.random.default_rng([VIEWS, *seed])
    share, ratio = dice.uniform(0.4, 1.0), np.exp(dice.uniform(-0.25, 0.25))
    width = min(image.width, image.width * np.sqrt(share) * ratio)
    height = min(image.height, image.height * np.sqrt(share) / ratio)
    left, top = dice.uniform(0, image.width - width), dice.uniform(0, image.height - height)
    size = max(1, round(width)), max(1, round(height))
    box = (left, top, left + width, top + height)
    view = image.resize(size, Image.Resampling.BICUBIC, box=box)
    if dice.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = change(view).enhance(dice.uniform(0.7, 1.3))
    return view


def view_rows(
    pictures: Sequence[str],
    out: Rows,
    encoder: Encoder,
    *,
    folder: Path,
    seed: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Embed random views, picture by picture in turn, as far as they are not there yet.

    Args:
        pictures: Readable ones; view number v is of picture ``v % len(pictures)``.
        out: float32 ``(views, dim)``: takes their unit rows.
        encoder: With which.
        folder: Where parts are kept, so that an interrupted run goes on; those of other
            pictures, encoders and seeds lie beside them.
        seed: Another gives other views.
        on_progress: Told of rows that are there and all there will be.

    Raises:
        ImageError: A picture cannot be read.
    """
    parts = parts_folder(
        folder,
        {
            "views": VIEWS,
            "seed": seed,
            "fingerprint": encoder.space.fingerprint,
            "pictures": digest_of(pictures),
        },
    )
    count = len(out)
    pool = ThreadPoolExecutor(max(1, encoder.workers))
    try:
        for start in range(0, count, PART):
            stop = min(start + PART, count)
            file = parts / f"{start:09d}-{stop:09d}.npy"
            if not file.exists():
                write_array(file, part_of_views(pictures, start, stop, encoder, seed, pool))
            out[start:stop] = np.load(file, allow_pickle=False)
            on_progress(stop, count)
    finally:
        # After Ctrl-C, what is waiting is not begun.
        pool.shutdown(cancel_futures=True)


def part_of_views(
    pictures: Sequence[str],
    start: int,
    stop: int,
    encoder: Encoder,
    seed: int,
    pool: ThreadPoolExecutor,
) -> Rows:
    """Embed the views from one number to another, a batch on each of the encoder's workers."""
    batches = [
        range(first, min(first + encoder.batch_size, stop))
        for first in range(start, stop, encoder.batch_size)
    ]

    def embedded(numbers: range) -> Rows:
        return embed([viewed(pictures, number, encoder, seed) for number in numbers], encoder)

    return np.concatenate(list(pool.map(embedded, batches)))


def viewed(pictures: Sequence[str], number: int, encoder: Encoder, seed: int) -> Image.Image:
    """Read a picture and look at it as its number says."""
    picture = decode(pictures[number % len(pictures)], shortest_side=encoder.preprocessing.resize)
    return random_view(picture.image, (seed, number))


def parts_folder(folder: Path, facts: Mapping[str, Any]) -> Path:
    """Name a folder after what its parts are made of: another run's stay where they are."""
    return folder / digest_of([json.dumps(facts, sort_keys=True)])


def write_array(file: Path, rows: Rows) -> None:
    """Write rows whole or not at all."""
    data = io.BytesIO()
    np.save(data, rows, allow_pickle=False)
    write_whole(file, data.getvalue())
