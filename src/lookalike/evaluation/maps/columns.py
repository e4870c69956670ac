"""What points are coloured by: columns of the catalog and of the metadata, and folders."""

from __future__ import annotations

import difflib
import math
import os
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.labels import label_of
from lookalike.gallery import ImageRecord
from lookalike.gallery.where.columns import CATALOG_COLUMNS

__all__ = [
    "NO_VALUE",
    "OWN",
    "Categories",
    "Quantities",
    "categories_of",
    "column_of",
    "folder_labels",
    "labels_of",
    "offered_columns",
]

# Code of an image without a value.
NO_VALUE = -1
# Beyond this many values, colours and a legend say nothing.
MOST_VALUES = 1000
MOST_OFFERED = 16
LISTED = 12
# What a map has of its own.
OWN = frozenset({"cluster", "label", "outlier", "outlier score"})
# Of the catalog, where they differ between images.
OFFERED = ("format", "camera", "taken", "width", "height", "size_bytes")
MOMENTS = frozenset({"taken", "indexed_at"})
FOLDER = "folder"
# Metadata of such a name is shown under its long one.
RESERVED = OWN | {FOLDER, *CATALOG_COLUMNS}


@dataclass(frozen=True, slots=True, eq=False)
class Categories:
    """A column of names.

    Attributes:
        name: Of the column.
        values: Its different values, the most frequent first.
        codes: int32 ``(n,)``: the position in ``values`` of each image's value;
            ``NO_VALUE`` where it has none.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int32]

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many images have each value."""
        found = self.codes[self.codes >= 0]
        return np.bincount(found, minlength=len(self.values)).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Quantities:
    """A column of numbers.

    Attributes:
        name: Of the column.
        numbers: float64 ``(n,)``; NaN where an image has none.
        is_moment: Whether they are seconds since 1970 UTC.
    """

    name: str
    numbers: NDArray[np.float64]
    is_moment: bool = False


def categories_of(name: str, values: Sequence[str | None]) -> Categories:
    """Number the values of a column, the most frequent first, equals by their names."""
    counts = Counter(value for value in values if value is not None)
    order = sorted(counts, key=lambda value: (-counts[value], value))
    number = {value: place for place, value in enumerate(order)}
    codes = [NO_VALUE if value is None else number[value] for value in values]
    return Categories(name, tuple(order), np.array(codes, dtype=np.int32))


def labels_of(
    records: Sequence[ImageRecord], column: str | None, *, paths: Sequence[str] | None = None
) -> Categories | None:
    """Find out what each image shows, as far as somebody said so.

    Args:
        records: The images.
        column: Where it stands; ``folder`` for the folder that a picture lies in. None
            for folders, where several have more than one picture on average.
        paths: Their files, absolute; None where all lie in one source.

    Returns:
        None where nothing was asked for and folders are no labels. Values are written as
        ``label_of`` does, so that maps and evaluations know the same labels.

    Raises:
        UsageError: There is no such column, or it has no value, or too many.
    """
    if column is not None:
        found = named(values_of(records, column, paths))
        require_values(found)
        return Categories("label", found.values, found.codes)
    folders = named(folders_of(records, paths))
    is_parted = 1 < len(folders.values) <= min(len(records) / 2, MOST_VALUES)
    return Categories("label", folders.values, folders.codes) if is_parted else None


def folder_labels(paths: Sequence[str]) -> list[str | None]:
    """Name the folder of each path, without what the folders of all have in common.

    Of ``train/cat/images/1.jpg`` and ``train/dog/images/2.jpg`` these are ``cat`` and
    ``dog``. A picture beside the folders of the others has no label. Paths are
    '/'-separated.
    """
    folders = {posixpath.dirname(path) for path in paths}
    if len(folders) == 1:
        return [posixpath.basename(folder) or None for folder in folders] * len(paths)
    parts = {folder: folder.split("/") if folder else [] for folder in folders}
    listed = list(parts.values())
    first = shared_length(listed)
    last = shared_length([each[first:][::-1] for each in listed])
    names = {
        folder: "/".join(each[first : len(each) - last]) or None for folder, each in parts.items()
    }
    return [names[posixpath.dirname(path)] for path in paths]


def shared_length(lists: Sequence[Sequence[str]]) -> int:
    """Count the elements that all lists begin with."""
    length = 0
    for elements in zip(*lists, strict=False):
        if len(set(elements)) > 1:
            break
        length += 1
    return length


def offered_columns(
    records: Sequence[ImageRecord],
    names: Sequence[str] | None,
    *,
    paths: Sequence[str] | None = None,
) -> list[Categories | Quantities]:
    """Read the columns that a map may be coloured by.

    Args:
        records: The images.
        names: Those asked for; None for the metadata and some of the catalog, as far
            as they tell images apart.
        paths: Their files, absolute; None where all lie in one source.

    Raises:
        UsageError: A column asked for is not there, or has too many values.
    """
    if names is not None:
        found = [column_of(records, name, paths=paths) for name in names]
        for column in found:
            if isinstance(column, Categories):
                require_values(column)
        return found
    keys = sorted({key for record in records for key in record.metadata})
    columns = [made(metadata_values(records, key)) for key in keys]
    columns += [made(catalog_values(records, name)) for name in OFFERED]
    return [column for column in columns if is_telling(column)][:MOST_OFFERED]


def is_telling(column: Categories | Quantities) -> bool:
    """Tell whether a column parts the images into groups, or orders them."""
    if isinstance(column, Categories):
        return 1 < len(column.values) <= min(MOST_VALUES, len(column.codes) / 2)
    known = column.numbers[np.isfinite(column.numbers)]
    return bool(len(known) and known.min() < known.max())


def column_of(
    records: Sequence[ImageRecord], name: str, *, paths: Sequence[str] | None = None
) -> Categories | Quantities:
    """Read a column, named as a filter names it: numbers where all its values are.

    Raises:
        UsageError: No image has such a column; the message names the nearest.
    """
    return made(values_of(records, name, paths))


@dataclass(frozen=True, slots=True)
class Values:
    """A column as the gallery holds it.

    Attributes:
        name: As the map shows it.
        values: One an image; None where it has none.
        is_metadata: Whether somebody wrote them, and so perhaps in several ways.
        is_moment: Whether they are dates of the catalog.
    """

    name: str
    values: Sequence[Any]
    is_metadata: bool = False
    is_moment: bool = False


def values_of(
    records: Sequence[ImageRecord], name: str, paths: Sequence[str] | None = None
) -> Values:
    """Find the column that a name means: one of the catalog before the metadata.

    Raises:
        UsageError: No image has such a column; the message names the nearest.
    """
    if name.lower() == FOLDER:
        return folders_of(records, paths)
    if name.lower() in CATALOG_COLUMNS:
        return catalog_values(records, name.lower())
    key = bare_key(name)
    if all(key not in record.metadata for record in records):
        raise no_such_column(records, name)
    return metadata_values(records, key)


def folders_of(records: Sequence[ImageRecord], paths: Sequence[str] | None) -> Values:
    """Name the folder of each image, in whichever source it is."""
    places = [record.path for record in records] if paths is None else paths
    return Values(FOLDER, folder_labels([place.replace(os.sep, "/") for place in places]))


def catalog_values(records: Sequence[ImageRecord], name: str) -> Values:
    """Read a column of the catalog."""
    values = [
        posixpath.basename(record.path) if name == "name" else getattr(record, name)
        for record in records
    ]
    return Values(name, values, is_moment=name in MOMENTS)


def metadata_values(records: Sequence[ImageRecord], key: str) -> Values:
    """Read a key of the metadata."""
    name = f"metadata.{key}" if key.lower() in RESERVED else key
    return Values(name, [record.metadata.get(key) for record in records], is_metadata=True)


def made(column: Values) -> Categories | Quantities:
    """Make quantities of dates and numbers, and categories of everything else."""
    if column.is_moment:
        moments = [seconds_of(value) for value in column.values]
        return Quantities(column.name, np.array(moments, dtype=np.float64), is_moment=True)
    known = [value for value in column.values if value is not None]
    if known and all(is_number(value) for value in known):
        numbers = [np.nan if value is None else float(value) for value in column.values]
        return Quantities(column.name, np.array(numbers, dtype=np.float64))
    return named(column)


def named(column: Values) -> Categories:
    """Write each value as a label; names of the catalog and of folders stay as they are."""
    labels = [
        value or None if isinstance(value, str) and not column.is_metadata else label_of(value)
        for value in column.values
    ]
    return categories_of(column.name, labels)


def bare_key(name: str) -> str:
    """Read a metadata key as a filter spells it: ``metadata.name``, ``"two words"``."""
    key = name.removeprefix("metadata.")
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('""', '"')
    return key


def is_number(value: Any) -> bool:
    """Tell numbers from truth values, and from integers too great to be drawn."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return not math.isinf(value)
    except OverflowError:
        return False


def seconds_of(moment: str | None) -> float:
    """Turn an ISO 8601 date into seconds since 1970; NaN where there is none."""
    try:
        read = datetime.fromisoformat((moment or "").replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    return (read if read.tzinfo else read.replace(tzinfo=timezone.utc)).timestamp()


def require_values(column: Categories) -> None:
    """Refuse a column that nothing can be coloured by.

    Raises:
        UsageError: It has no value, or too many.
    """
    if not column.values:
        raise UsageError(
            f"No image has a value in the column {column.name!r}: colour by another one."
        )
    if len(column.values) > MOST_VALUES:
        raise UsageError(
            f"The column {column.name!r} has {len(column.values):,} different values, more than "
            f"the {MOST_VALUES:,} that a map can show: colour by another one."
        )


def no_such_column(records: Sequence[ImageRecord], name: str) -> UsageError:
    """Name the columns that a misspelled one may have meant."""
    keys = sorted({key for record in records for key in record.metadata})
    known = [*CATALOG_COLUMNS, *keys]
    near = difflib.get_close_matches(name, [*known, "cluster", "label", "outlier"], n=3)
    listed = ", ".join(known[:LISTED] + ["…"] * (len(known) > LISTED))
    advice = f"did you mean {' or '.join(near)}?" if near else f"name one of {listed}."
    return UsageError(f"The map is to show {name!r}, which is no column of this gallery: {advice}")
