"""Tables that say what pictures show: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.choosing import QUERY_SPLITS
from lookalike.evaluation.datasets.listing import Listing, digest_of, pictures
from lookalike.ingest.metadata import READERS, name_column

__all__ = ["is_table", "table_listing"]

LABELS = ("label", "class", "category", "target", "labels")
SPLITS = ("split", "part", "subset", "query")
YES = {"1", "true", "yes", "y", *QUERY_SPLITS}


def is_table(path: Path) -> bool:
    """Tell a table by its name."""
    return path.suffix.lower() in READERS


def table_listing(file: Path) -> Listing:
    """List the pictures that a table names, with all its columns as labels.

    Paths are relative to the table's folder. The usual labels are in the column ``label``
    (or ``class``, ``category``, ``target``), or in the only column besides the path. A
    column ``split`` names parts; a column ``query`` says of each picture whether it is one.

    Raises:
        UsageError: It cannot be read, names no pictures, one twice, or none that is here.
        MissingExtra: Parquet needs ``lookalike[parquet]``.
    """
    rows = rows_of(file)
    if not rows:
        raise UsageError(f"The table {file} is empty: write a line for each picture.")
    path_column = name_column(rows[0], file)
    sizes = {}
    kept: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        path = str(row.get(path_column) or "").replace("\\", "/").removeprefix("./")
        if path in kept:
            raise UsageError(f"The table {file} names {path!r} twice: give each picture one line.")
        if path and (size := size_of(file.parent, path)) is not None:
            kept[path], sizes[path] = row, size
    missing = len(rows) - len(kept)
    if not kept:
        raise UsageError(
            f"None of the {missing:,} pictures that the table {file} names is there: its paths are "
            f"relative to {file.parent}."
        )
    columns, splits = columns_of(list(kept.values()), path_column, file)
    remarks = (f"Left out, not being there: {pictures(missing)} of the table.",) if missing else ()
    content = digest_of(sizes[path] for path in sorted(kept))
    return Listing(tuple(kept), columns, splits, content=content, remarks=remarks).sorted()


def rows_of(file: Path) -> list[Mapping[str, Any]]:
    """Read all lines of a table."""
    try:
        return list(READERS[file.suffix.lower()](file))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"The table {file} cannot be read: {error}.") from error


def size_of(folder: Path, path: str) -> int | None:
    """Return a file's size; None where there is none."""
    try:
        return os.stat(folder / path).st_size
    except (OSError, ValueError):
        return None


def columns_of(
    rows: Sequence[Mapping[str, Any]], path_column: str, file: Path
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...] | None]:
    """Tell labels from parts; the usual labels come first."""
    names = dict.fromkeys(name for row in rows for name in row if name and name != path_column)
    split = next((name for name in names if name.lower() in SPLITS), None)
    others = [name for name in names if name != split]
    usual = [name for wanted in LABELS for name in others if name.lower() == wanted]
    if not usual and len(others) > 1:
        raise UsageError(
            f"The table {file} has no column called label, and more than one that could be meant "
            f"({', '.join(others)}): call one of them label."
        )
    columns = {
        name: tuple(text_of(row.get(name)) for row in rows)
        for name in dict.fromkeys([*usual, *others])
    }
    if split is None:
        return columns, None
    parts = tuple(text_of(row.get(split)) for row in rows)
    if split.lower() == "query":
        parts = tuple("query" if part.lower() in YES else "gallery" for part in parts)
    return columns, parts


def text_of(value: object) -> str:
    """Write a label; nothing for none."""
    return "" if value is None else str(value).strip()
