"""CIFAR-10 and CIFAR-100, as Python pickles and as binary records.

Source of both layouts: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import DatasetUnreadable, UsageError
from lookalike.evaluation.datasets.archives import Member
from lookalike.evaluation.datasets.arrays import PixelPart, write_parts
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.pickles import MAX_PICKLE_BYTES, array_of, read_pickle
from lookalike.evaluation.datasets.preparing import FileWriter, Progress

__all__ = ["is_cifar_member", "prepare_cifar"]

SIDE = 32
PIXELS = 3 * SIDE * SIDE
TEN_PARTS = {**{f"data_batch_{n}": "train" for n in range(1, 6)}, "test_batch": "test"}
HUNDRED_PARTS = {"train": "train", "test": "test"}
TEN_NAMES = {"batches.meta", "batches.meta.txt"}
HUNDRED_NAMES = {"meta", "fine_label_names.txt", "coarse_label_names.txt"}
# The folders in which they were published: names such as `train` say little alone.
FOLDERS = {
    "cifar-10-batches-py": (TEN_PARTS, TEN_NAMES),
    "cifar-10-batches-bin": (TEN_PARTS, TEN_NAMES),
    "cifar-100-python": (HUNDRED_PARTS, HUNDRED_NAMES),
    "cifar-100-binary": (HUNDRED_PARTS, HUNDRED_NAMES),
}


@dataclass(slots=True)
class Records:
    """What was read so far."""

    pixels: dict[str, NDArray[np.uint8]] = field(default_factory=dict)
    numbers: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)


def is_cifar_member(name: str) -> bool:
    """Tell by its name whether a file is part of a CIFAR."""
    folder, base = posixpath.split(name)
    parts, names = FOLDERS.get(posixpath.basename(folder), ({}, set()))
    return base in names or base.removesuffix(".bin") in parts


def prepare_cifar(
    archive: Path,
    files: Iterable[Member],
    writer: FileWriter,
    on_progress: Progress | None = None,
) -> Listing:
    """Write the pictures of CIFAR-10 or CIFAR-100 as files.

    Labels are called ``class`` in CIFAR-10, ``fine`` and ``coarse`` in CIFAR-100.

    Raises:
        DatasetUnreadable: A file is missing, damaged, or asks for a program to be run.
        UsageError: There are several of them.
    """
    records = Records()
    before = ""
    parts: dict[str, str] = {}
    for member in files:
        if is_cifar_member(member.name):
            folder = posixpath.basename(posixpath.dirname(member.name))
            if before and folder != before:
                raise UsageError(
                    f"{archive} holds both {before} and {folder}, and which is meant is not said: "
                    "name one of the two."
                )
            before, parts = folder, FOLDERS[folder][0]
            read_member(member, records, is_hundred="100" in folder)
    missing = [name for name in parts if name not in records.pixels]
    if missing or not records.names:
        what = missing[0] if missing else "the names of the classes"
        raise DatasetUnreadable(f"{archive} lacks {what}: it is not a whole CIFAR; fetch it again.")
    joined = [part_of(split, parts, records, archive) for split in ("train", "test")]
    return write_parts(joined, writer, on_progress)


def read_member(member: Member, records: Records, *, is_hundred: bool) -> None:
    """Read one file into the records."""
    base = posixpath.basename(member.name)
    data = member.data(MAX_PICKLE_BYTES)
    if base.endswith(".txt"):
        column = base.partition("_")[0] if is_hundred else "class"
        lines = data.decode("utf-8", "replace").splitlines()
        records.names[column] = tuple(line.strip() for line in lines if line.strip())
    elif base.endswith(".bin"):
        read_binary(data, base.removesuffix(".bin"), records, is_hundred=is_hundred)
    else:
        read_pickled(data, member.name, records)


def read_binary(data: bytes, part: str, records: Records, *, is_hundred: bool) -> None:
    """Read records of one label byte, in CIFAR-100 a coarse and a fine one, and pixels."""
    columns = ("coarse", "fine") if is_hundred else ("class",)
    length = len(columns) + PIXELS
    if not data or len(data) % length:
        raise DatasetUnreadable(
            f"The binary file {part} of CIFAR has {len(data):,} bytes, no multiple of {length:,}: "
            "it is damaged; fetch the archive again."
        )
    table = np.frombuffer(data, np.uint8).reshape(-1, length)
    records.pixels[part] = table[:, len(columns) :]
    records.numbers[part] = {name: table[:, place] for place, name in enumerate(columns)}


def read_pickled(data: bytes, name: str, records: Records) -> None:
    """Read a batch, or the names of the classes."""
    content = read_pickle(data, name)
    if not isinstance(content, dict):
        raise not_published(name)
    for key, column in LABEL_KEYS.items():
        if isinstance(names := content.get(f"{key[:-1]}_names"), list):
            if not all(isinstance(one, str) for one in names):
                raise not_published(name)
            records.names[column] = tuple(names)
    if "data" not in content:
        if not records.names:
            raise not_published(name)
        return
    pixels = array_of(content["data"], name)
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != PIXELS:
        raise not_published(name)
    part = posixpath.basename(name)
    records.pixels[part] = pixels
    records.numbers[part] = {
        column: class_numbers(content[key], name)
        for key, column in LABEL_KEYS.items()
        if key in content
    }


def class_numbers(value: Any, name: str) -> NDArray[Any]:
    """Take the class of each picture.

    Raises:
        DatasetUnreadable: It is no list of whole numbers.
    """
    numbers = array_of(value, name)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise not_published(name)
    return numbers


LABEL_KEYS = {"labels": "class", "fine_labels": "fine", "coarse_labels": "coarse"}


def not_published(name: str) -> DatasetUnreadable:
    """Make the error for a pickle that holds something else."""
    return DatasetUnreadable(
        f"The pickle {name} does not hold what CIFAR's do: fetch the archive again."
    )


def part_of(split: str, parts: dict[str, str], records: Records, archive: Path) -> PixelPart:
    """Join the batches of a part and name their classes."""
    batches = [batch for batch, of in parts.items() if of == split]
    pixels = np.concatenate([records.pixels[batch] for batch in batches])
    # The usual column first, whichever order the file has.
    columns = [name for name in ("class", "fine", "coarse") if name in records.names]
    labels: dict[str, Sequence[str]] = {}
    for column in columns:
        numbers = [records.numbers[batch].get(column, np.empty(0)) for batch in batches]
        labels[column] = named(np.concatenate(numbers), records.names[column], archive)
        if len(labels[column]) != len(pixels):
            raise DatasetUnreadable(
                f"{archive} holds {len(pixels):,} pictures of its part {split} and "
                f"{len(labels[column]):,} labels: it is damaged; fetch it again."
            )
    # Stored colour after colour: (n, 3, h, w).
    planes = pixels.reshape(-1, 3, SIDE, SIDE)
    return PixelPart(split, planes.transpose(0, 2, 3, 1), labels)


def named(numbers: NDArray[Any], names: Sequence[str], archive: Path) -> list[str]:
    """Turn class numbers into names."""
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(names)):
        raise DatasetUnreadable(
            f"{archive} holds a label beyond its {len(names)} classes: it is damaged; fetch it "
            "again."
        )
    return [names[int(number)] for number in numbers]
