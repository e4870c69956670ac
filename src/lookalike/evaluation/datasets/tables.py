"""Tables that say what pictures show: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.choosing import GALLERY_SPLITS, QUERY_SPLITS
from lookalike.evaluation.datasets.listing import Listing, digest_of, pictures
from lookalike.evaluation.datasets.pairs import pairs_listing, path_in, size_of
from lookalike.evaluation.judging.labels import label_of
from lookalike.ingest.metadata import READERS, name_column

__all__ = ["is_table", "table_listing"]

LABELS = ("label", "class", "category", "target", "labels")
SPLITS = ("split", "part", "subset", "query")
YES = {"1", "true", "yes", "y", *QUERY_SPLITS}
NO = {"0", "false", "no", "n", *GALLERY_SPLITS}
QUERY = "query"


def is_table(path: Path) -> bool:
    """Tell a table by its name."""
    return path.suffix.lower() in READERS


def table_listing(file: Path) -> Listing:
    """List the pictures that a table names, with all its columns as labels.

    Paths are relative to the table's folder. The usual labels are in the column ``label``
    (or ``class``, ``category``, ``target``), or in the only column besides the path. A
    column ``split`` names parts; a column ``query`` says of each picture whether it is one,
    or names pictures itself: then it is a table of pairs (see ``pairs_listing``).

    Raises:
        UsageError: It cannot be read, names no pictures, one twice, or none that is here;
            or as ``pairs_listing``.
        MissingExtra: Parquet needs ``lookalike[parquet]``.
    """
    rows = rows_of(file)
    if not rows:
        raise UsageError(f"The table {file} is empty: write a line for each picture.")
    path_column = name_column(rows[0], file)
    if query_column := query_column_of(rows):
        return pairs_listing(rows, file, query_column, path_column)
    sizes = {}
    kept: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        path = path_in(row, path_column)
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
    columns, splits, has_usual = columns_of(list(kept.values()), path_column)
    remarks = (f"Left out, not being there: {pictures(missing)} of the table.",) if missing else ()
    content = digest_of(sizes[path] for path in sorted(kept))
    return Listing(
        tuple(kept), columns, splits, has_usual=has_usual, content=content, remarks=remarks
    ).sorted()


def rows_of(file: Path) -> list[Mapping[str, Any]]:
    """Read all lines of a table."""
    try:
        return list(READERS[file.suffix.lower()](file))
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"The table {file} cannot be read: {error}.") from error


def query_column_of(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Find the column ``query`` of a table of pairs; elsewhere it holds yes and no."""
    named = next((name for row in rows for name in row if str(name).lower() == QUERY), None)
    texts = {text_of(row.get(named)) for row in rows} - {""} if named else set()
    return None if any(text.lower() in YES | NO for text in texts) or not texts else named


def columns_of(
    rows: Sequence[Mapping[str, Any]], path_column: str
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...] | None, bool]:
    """Tell labels from parts.

    Returns:
        The labels by column, the usual ones first; the part of each row, or None; and
        whether there is a usual column.
    """
    names = dict.fromkeys(name for row in rows for name in row if name and name != path_column)
    split = next((name for name in names if name.lower() in SPLITS), None)
    others = [name for name in names if name != split]
    usual = [name for wanted in LABELS for name in others if name.lower() == wanted]
    columns = {
        name: tuple(text_of(row.get(name)) for row in rows)
        for name in dict.fromkeys([*usual, *others])
    }
    has_usual = bool(usual) or len(others) < 2
    if split is None:
        return columns, None, has_usual
    parts = tuple(text_of(row.get(split)) for row in rows)
    if split.lower() == QUERY:
        parts = tuple(QUERY if is_yes(part) else "gallery" for part in parts)
    return columns, parts, has_usual


def is_yes(text: str) -> bool:
    """Tell a query from what is searched in."""
    return text.lower() in YES


def text_of(value: object) -> str:
    """Write a label; nothing for none."""
    return label_of(value) or ""
