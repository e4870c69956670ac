"""Counting what a data set holds, beside what was published."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import DatasetError, LookalikeError
from lookalike.evaluation.datasets.captions import CaptionedSet
from lookalike.evaluation.datasets.forms import CAPTIONS
from lookalike.evaluation.datasets.known import KnownSet, known_sets
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.opening import open_listing
from lookalike.evaluation.datasets.preparing import Progress
from lookalike.evaluation.datasets.published import find_files, prepared_known
from lookalike.images import decode

__all__ = ["Checked", "PartCount", "check_set", "state_of", "states"]


@dataclass(frozen=True, slots=True)
class PartCount:
    """One part of a set, counted.

    Attributes:
        split: Its name; empty where there is one part.
        pictures: How many it has.
        classes: How many labels of the usual column it has; 0 where there are none.
        smallest: How many pictures its smallest class has.
        largest: How many its largest class has.
    """

    split: str
    pictures: int
    classes: int
    smallest: int
    largest: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a set holds.

    Attributes:
        name: Of the set.
        root: The folder of its pictures.
        parts: Each part, counted.
        columns: How many labels each column has.
        picture: The size of its first picture, as ``32 x 32``.
        size_bytes: Of all pictures together.
        known: Whether the counts were compared with what was published.
        remarks: What else is to be known.
    """

    name: str
    root: Path
    parts: tuple[PartCount, ...]
    columns: dict[str, int]
    picture: str
    size_bytes: int
    known: bool
    remarks: tuple[str, ...]


def check_set(
    location: str,
    *,
    data_folders: Iterable[str | os.PathLike[str]] = (),
    on_progress: Progress | None = None,
) -> Checked:
    """Count a data set, and look whether each of its pictures is there.

    What is opened by its name is compared with what was published.

    Raises:
        DatasetError: It is not here, damaged, not what was published, or pictures of it
            have gone since.
        UsageError: It holds no pictures, or none with labels.
    """
    opened = open_listing(location, data_folders=data_folders, on_progress=on_progress)
    listing, root = opened.listing, opened.root
    sizes = [size_of(root, path) for path in listing.paths]
    missing = sum(size == 0 for size in sizes)
    if missing:
        first = listing.paths[sizes.index(0)]
        raise DatasetError(
            f"{missing:,} of the {len(sizes):,} pictures of the data set {opened.name} are missing "
            f"or empty below {root}, {first} the first: delete that folder, and it is unpacked "
            "again."
        )
    return Checked(
        name=opened.name,
        root=root,
        parts=counted_parts(listing),
        columns={name: len({*labels} - {""}) for name, labels in listing.columns.items()},
        picture=picture_size(root, listing.paths[0]),
        size_bytes=sum(sizes),
        known=opened.known is not None,
        remarks=listing.remarks,
    )


def size_of(root: Path, path: str) -> int:
    """Return a file's size; 0 where there is none."""
    try:
        return os.stat(root / path).st_size
    except (OSError, ValueError):
        return 0


def picture_size(root: Path, path: str) -> str:
    """Measure one picture; say so where it cannot be read."""
    try:
        picture = decode(root / path)
    except LookalikeError:
        return "unreadable"
    return f"{picture.width} x {picture.height}"


def counted_parts(listing: Listing) -> tuple[PartCount, ...]:
    """Count each part, in the order of the alphabet."""
    splits = listing.splits or ("",) * len(listing.paths)
    usual = listing.columns.values() if listing.has_usual else ()
    labels = next(iter(usual), ("",) * len(listing.paths))
    counts = []
    for split in sorted(set(splits)):
        inside = [label for label, of in zip(labels, splits, strict=True) if of == split]
        sizes = Counter(label for label in inside if label).values()
        counts.append(
            PartCount(
                split,
                len(inside),
                len(sizes),
                min(sizes, default=0),
                max(sizes, default=0),
            )
        )
    return tuple(counts)


def states() -> dict[str, str]:
    """Tell of every known set whether it can be opened: see :func:`state_of`."""
    return {name: state_of(known) for name, known in known_sets().items()}


def state_of(known: KnownSet) -> str:
    """Tell whether a known set can be opened without a network.

    Returns:
        ``ready``, ``fetched`` where it has yet to be unpacked, the number of photographs
        where these are fetched one by one, or nothing.
    """
    found = prepared_known(known)
    if found and known.form == CAPTIONS:
        return f"{len(CaptionedSet(found.root).fetched()):,} pictures"
    if found:
        return "ready"
    return "fetched" if find_files(known) else ""
