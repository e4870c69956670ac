"""Photographs of the sizes that people have, made of the smaller ones in the shared data.

Enlarged photographs are smooth and weigh too little, which would make them quicker to
read than those of cameras: a little grain, as every sensor adds it, brings their
files to the usual weight. Without the shared data, rendered pictures take their place.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.demonstration import render_collection

__all__ = ["SETS", "PictureSet", "ready_pictures"]

QUALITY = 90
SHARED = Path(__file__).resolve().parents[2] / "shared"


@dataclass(frozen=True, slots=True)
class PictureSet:
    """One kind of photographs.

    Attributes:
        title: For people.
        longest: The longer side, in pixels.
        grain: Standard deviation of the brightness that is added, in levels of 255.
        count: How many.
    """

    title: str
    longest: int
    grain: float
    count: int


# The weights are medians. How long a large JPEG takes is mostly a matter of its weight:
# phones write 2 to 4 MB, and what was sent through a messenger weighs half.
SETS = {
    "500px": PictureSet("500 px, 72 kB", longest=500, grain=8, count=1010),
    "12mp": PictureSet("12 megapixels, 2.4 MB", longest=4000, grain=4, count=96),
    "12mp-light": PictureSet("12 megapixels, 1.1 MB", longest=4000, grain=1.2, count=96),
}


def ready_pictures(name: str, work: Path, count: int) -> Path:
    """Make a folder of so many pictures of a set, unless it lies there already."""
    chosen = SETS[name]
    folder = work / f"pictures-{name}-{count}"
    if folder.is_dir():
        return folder
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    files = source_files(work)
    step = len(files) / count
    for number in range(count):
        picture = photograph(files[int(number * step)], chosen, number)
        picture.save(unfinished / f"{number:05}.jpg", quality=QUALITY)
    os.rename(unfinished, folder)
    return folder


def source_files(work: Path) -> list[Path]:
    """Unpack photographs, or render pictures where there are none."""
    folder = work / "sources"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".unfinished")
        archive = Path(os.environ.get("LOOKALIKE_SHARED", SHARED)) / "data" / "caltech101-eval.tar"
        if archive.is_file():
            with tarfile.open(archive) as tar:
                tar.extractall(unfinished, filter="data")
        else:
            render_collection(unfinished, pictures=720)
        os.rename(unfinished, folder)
    return sorted(readable(folder))


def readable(folder: Path) -> Iterator[Path]:
    """Find the pictures that are fit to be enlarged."""
    for file in folder.rglob("*.*"):
        if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}:
            try:
                with Image.open(file) as picture:
                    if min(picture.size) >= 64:
                        yield file
            except OSError:
                continue


def photograph(file: Path, wanted: PictureSet, number: int) -> Image.Image:
    """Enlarge a picture and add grain, the same for the same number."""
    with Image.open(file) as opened:
        small = opened.convert("RGB")
    scale = wanted.longest / max(small.size)
    size = (round(small.width * scale), round(small.height * scale))
    smooth = np.asarray(small.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    draw = np.random.default_rng(number)
    grain = draw.standard_normal(smooth.shape[:2], dtype=np.float32) * wanted.grain
    grainy = np.clip(smooth + grain[..., np.newaxis], 0, 255)
    return Image.fromarray(grainy.astype(np.uint8))
