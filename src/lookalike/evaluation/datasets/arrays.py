"""Data sets that were published as arrays of pixels: each picture becomes a PNG file."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.preparing import FileWriter, Progress

__all__ = ["PixelPart", "folder_name", "write_parts"]


@dataclass(frozen=True, slots=True, eq=False)
class PixelPart:
    """One part of a set.

    Attributes:
        split: Its name.
        pixels: uint8 ``(n, h, w)`` or ``(n, h, w, 3)``.
        labels: For each column of labels the label of every picture.
    """

    split: str
    pixels: NDArray[np.uint8]
    labels: Mapping[str, Sequence[str]]


def write_parts(
    parts: Sequence[PixelPart], writer: FileWriter, on_progress: Progress | None = None
) -> Listing:
    """Write every picture as a PNG, which loses nothing, into a folder of its class.

    A file is named after the position of its picture in the published array.
    """
    total = sum(len(part.pixels) for part in parts)
    digest = hashlib.sha256()
    paths: list[str] = []
    for part in parts:
        digest.update(np.ascontiguousarray(part.pixels).data)
        folders = [folder_name(label) for label in next(iter(part.labels.values()))]
        for number, (pixels, folder) in enumerate(zip(part.pixels, folders, strict=True)):
            path = f"{folder_name(part.split)}/{folder}/{number:05}.png"
            writer.write(path, iter([as_png(pixels)]))
            paths.append(path)
            if on_progress and len(paths) % 100 == 0:
                on_progress(len(paths), total)
    columns = {
        name: tuple(label for part in parts for label in part.labels[name])
        for name in parts[0].labels
    }
    splits = tuple(part.split for part in parts for _ in range(len(part.pixels)))
    return Listing(tuple(paths), columns, splits, content=digest.hexdigest()[:16]).sorted()


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode one picture."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=3)
    return file.getvalue()


def folder_name(label: str) -> str:
    """Turn a label into a name that is safe and has no meaning to a file system."""
    return re.sub(r"[^\w-]+", "-", label).strip("-")[:100] or "none"
