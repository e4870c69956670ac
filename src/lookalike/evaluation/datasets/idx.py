"""Sets in the idx form of MNIST and Fashion-MNIST: four files, packed or not.

Source of the form: http://yann.lecun.com/exdb/mnist/ (its section on file formats).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DatasetNotFound, DatasetUnreadable
from lookalike.evaluation.datasets.arrays import PixelPart, write_parts
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.preparing import FileWriter, Progress

__all__ = ["idx_files", "prepare_idx"]

FILES = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}
UNSIGNED_BYTES = 8
MAX_BYTES = 2**31


def idx_files(place: Path) -> list[Path]:
    """Find the four files in a folder, or beside one of them; none where there are none.

    Raises:
        DatasetNotFound: Some of them are missing.
    """
    folder = place if place.is_dir() else place.parent
    if place.is_file() and place.name.removesuffix(".gz") not in FILES.values():
        return []
    found = {name: found_file(folder, name) for name in FILES.values()}
    here = [file for file in found.values() if file]
    if here and len(here) < len(found):
        missing = next(name for name, file in found.items() if not file)
        raise DatasetNotFound(
            f"The data set in {folder} lacks {missing}.gz: put its four files beside each other."
        )
    return here


def found_file(folder: Path, name: str) -> Path | None:
    """Find a file, packed or not."""
    return next((file for file in (folder / f"{name}.gz", folder / name) if file.is_file()), None)


def prepare_idx(
    files: Sequence[Path],
    writer: FileWriter,
    classes: Sequence[str] = (),
    on_progress: Progress | None = None,
) -> Listing:
    """Write the pictures of the four files as files.

    Args:
        files: In any order.
        writer: Writes them.
        classes: Names of the numbers that the label files hold; else numbers stay.
        on_progress: Told how many of how many are written.

    Raises:
        DatasetUnreadable: A file is damaged, or two do not fit each other.
    """
    by_name = {file.name.removesuffix(".gz"): file for file in files}
    parts = []
    for split in ("train", "test"):
        pixels = read_idx(by_name[FILES[split, "images"]], dimensions=3)
        numbers = read_idx(by_name[FILES[split, "labels"]], dimensions=1)
        if len(pixels) != len(numbers):
            raise DatasetUnreadable(
                f"The data set in {files[0].parent} has {len(pixels):,} pictures in its part "
                f"{split} and {len(numbers):,} labels: fetch its files again."
            )
        parts.append(PixelPart(split, pixels, {"class": named(numbers, classes)}))
    return write_parts(parts, writer, on_progress)


def named(numbers: NDArray[np.uint8], classes: Sequence[str]) -> list[str]:
    """Name the classes, where they have names."""
    if not classes or int(numbers.max(initial=0)) >= len(classes):
        return [str(number) for number in numbers]
    return [classes[number] for number in numbers]


def read_idx(file: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an array of bytes.

    Raises:
        DatasetUnreadable: It is damaged, cut off, or of another form.
    """
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            zeros, kind, count = struct.unpack(">HBB", stream.read(4))
            if (zeros, kind, count) != (0, UNSIGNED_BYTES, dimensions):
                raise ValueError("it has another form")
            shape = struct.unpack(f">{count}I", stream.read(4 * count))
            size = math.prod(shape)
            if size > MAX_BYTES:
                raise ValueError(f"it announces {size:,} bytes")
            data = stream.read(size)
            if len(data) != size or stream.read(1):
                raise ValueError("its length is not the one that it announces")
            return np.frombuffer(data, np.uint8).reshape(shape)
    except (EOFError, OSError, ValueError, struct.error, zlib.error) as error:
        raise DatasetUnreadable(
            f"{file} cannot be read as an idx file ({error}): it is damaged; fetch it again."
        ) from error
