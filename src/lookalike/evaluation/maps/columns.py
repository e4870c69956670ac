"""What points are coloured by: columns of the catalog and of the metadata, and folders."""

from __future__ import annotations

import difflib
import json
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
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


def labels_of(records: Sequence[ImageRecord], column: str | None) -> Categories | None:
    """Find out what each image shows, as far as somebody said so.

    Args:
        records: The images.
        column: Where it stands; ``folder`` for the folder that a picture lies in. None
            for folders, where several have more than one picture on average.

    Returns:
        None where nothing was asked for and folders are no labels.

    Raises:
        UsageError: There is no such column, or it has no value, or too many.
    """
    if column is not None:
        found = column_of(records, column)
        if isinstance(found, Quantities):
            found = categories_of(found.name, [number_text(each) for each in found.numbers])
        require_values(found)
        return Categories("label", found.values, found.codes)
    folders = categories_of("label", folder_labels([record.path for record in records]))
    is_parted = 1 < len(folders.values) <= min(len(records) / 2, MOST_VALUES)
    return folders if is_parted else None


def folder_labels(paths: Sequence[str]) -> list[str | None]:
    """Name the folder of each path, without what the folders of all have in common.

    Of ``train/cat/images/1.jpg`` and ``train/dog/images/2.jpg`` these are ``cat`` and
    ``dog``. A picture beside the folders of the others has no label.
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
    records: Sequence[ImageRecord], names: Sequence[str] | None
) -> list[Categories | Quantities]:
    """Read the columns that a map may be coloured by.

    Args:
        records: The images.
        names: Those asked for; None for the metadata and some of the catalog, as far
            as they tell images apart.

    Raises:
        UsageError: A column asked for is not there, or has too many values.
    """
    if names is not None:
        found = [column_of(records, name) for name in names]
        for column in found:
            if isinstance(column, Categories):
                require_values(column)
        return found
    keys = sorted({key for record in records for key in record.metadata})
    columns = [column_of(records, f"metadata.{key}") for key in keys]
    columns += [column_of(records, name) for name in OFFERED]
    return [column for column in columns if is_telling(column)][:MOST_OFFERED]


def is_telling(column: Categories | Quantities) -> bool:
    """Tell whether a column parts the images into groups, or orders them."""
    if isinstance(column, Categories):
        return 1 < len(column.values) <= min(MOST_VALUES, len(column.codes) / 2)
    known = column.numbers[np.isfinite(column.numbers)]
    return bool(len(known) and known.min() < known.max())


def column_of(records: Sequence[ImageRecord], name: str) -> Categories | Quantities:
    """Read a column, named as a filter names it: numbers where all its values are.

    Raises:
        UsageError: No image has such a column; the message names the nearest.
    """
    if name.lower() == "folder":
        return categories_of(name, folder_labels([record.path for record in records]))
    if name.lower() in CATALOG_COLUMNS:
        values = [catalog_value(record, name.lower()) for record in records]
    else:
        key = bare_key(name)
        values = [record.metadata.get(key) for record in records]
        if all(key not in record.metadata for record in records):
            raise no_such_column(records, name)
        name = f"metadata.{key}" if key in OWN else key
    if name.lower() in MOMENTS:
        moments = [seconds_of(value) for value in values]
        return Quantities(name, np.array(moments, dtype=np.float64), is_moment=True)
    known = [value for value in values if value is not None]
    if known and all(is_number(value) for value in known):
        numbers = [np.nan if value is None else float(value) for value in values]
        return Quantities(name, np.array(numbers, dtype=np.float64))
    return categories_of(name, [text_of(value) for value in values])


def catalog_value(record: ImageRecord, name: str) -> Any:
    """Read a column of the catalog."""
    return posixpath.basename(record.path) if name == "name" else getattr(record, name)


def bare_key(name: str) -> str:
    """Read a metadata key as a filter spells it: ``metadata.name``, ``"two words"``."""
    key = name.removeprefix("metadata.")
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('""', '"')
    return key


def is_number(value: Any) -> bool:
    """Tell numbers from truth values, which Python counts among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Any) -> str | None:
    """Write a value of metadata as people read it; empty text is no value."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def number_text(number: float) -> str | None:
    """Write a number that stands for a class."""
    return None if np.isnan(number) else f"{number:g}"


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
