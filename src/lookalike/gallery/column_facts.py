"""What the columns of a gallery hold: what a filter can ask for, and what it may compare with."""

from __future__ import annotations

import math
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookalike.gallery.where.columns import CATALOG_COLUMNS, written

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery

__all__ = ["ColumnFacts", "column_facts"]

# Beyond these, nobody picks from a list.
MOST_VALUES = 50
MOST_EXAMPLES = 5
MOST_KEYS = 1000

# Of SQLite's machine: some milliseconds.
STEPS = 100_000

# Of SQLite's JSON types.
KINDS = {
    "integer": "number",
    "real": "number",
    "text": "text",
    "true": "boolean",
    "false": "boolean",
}

# Stored as they are, so that their ends are found in one pass.
SIMPLE = (
    "format", "width", "height", "size_bytes", "taken", "camera", "latitude", "longitude",
    "indexed_at", "source_id",
)  # fmt: skip

BY_KEY = """
SELECT CAST(key AS BLOB), type, count(*), count(DISTINCT atom),
       min(CASE WHEN type IN ('integer', 'real') AND atom BETWEEN :least AND :most THEN atom END),
       max(CASE WHEN type IN ('integer', 'real') AND atom BETWEEN :least AND :most THEN atom END)
FROM images, json_each(metadata) WHERE metadata <> '{}'
GROUP BY key, type ORDER BY 3 DESC LIMIT :keys
"""
BY_VALUE = """
SELECT CAST(key AS BLOB), type, CASE type WHEN 'text' THEN CAST(atom AS BLOB) ELSE atom END,
       count(*)
FROM images, json_each(metadata) WHERE metadata <> '{}' AND type <> 'null'
GROUP BY key, type, atom ORDER BY 4 DESC, 3
"""
EXAMPLES = """
SELECT DISTINCT CASE type WHEN 'text' THEN CAST(atom AS BLOB) ELSE atom END
FROM (SELECT metadata FROM images WHERE metadata <> '{}' LIMIT 1000), json_each(metadata)
WHERE CAST(key AS BLOB) = ? AND atom IS NOT NULL LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What one column holds.

    Attributes:
        name: As a filter writes it.
        kind: ``number``, ``text``, ``moment``, ``boolean``, or ``mixed``.
        is_metadata: Whether a metadata file brought it.
        images: How many images have a value.
        values: All values, the most frequent first, where there are at most 50.
        examples: Some values, where there are more.
        lowest: Of numbers and moments.
        highest: Of numbers and moments.
    """

    name: str
    kind: str
    is_metadata: bool
    images: int
    values: tuple[Any, ...] | None = None
    examples: tuple[Any, ...] | None = None
    lowest: float | str | None = None
    highest: float | str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold; what is not known is left out."""
        told: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "is_metadata": self.is_metadata,
            "images": self.images,
        }
        lists = {"values": self.values, "examples": self.examples}
        told |= {key: list(value) for key, value in lists.items() if value is not None}
        ends = {"min": self.lowest, "max": self.highest}
        return told | {key: value for key, value in ends.items() if value is not None}


def column_facts(
    gallery: Gallery, *, is_unwanted: Callable[[], bool] | None = None
) -> list[ColumnFacts]:
    """Look through all images, the catalog's columns first: a second or two for 100,000 images.

    Args:
        gallery: Whose.
        is_unwanted: Asked from time to time; true ends it.

    Raises:
        GalleryUnreadable: It cannot be read, or this was ended.
    """
    with gallery._pool.transaction() as connection, watched(connection, is_unwanted):
        images = connection.execute("SELECT count(*) FROM images").fetchone()[0]
        catalog = of_catalog(connection)
        found = [
            catalog.get(name) or ColumnFacts(name, column.kind, False, images)
            for name, column in CATALOG_COLUMNS.items()
        ]
        return [*found, *of_metadata(connection)]


@contextmanager
def watched(
    connection: sqlite3.Connection, is_unwanted: Callable[[], bool] | None
) -> Iterator[None]:
    """Let SQLite ask now and then whether anybody still wants to know."""
    connection.set_progress_handler(is_unwanted, STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def of_catalog(connection: sqlite3.Connection) -> dict[str, ColumnFacts]:
    """Tell what the plain columns of the catalog hold, in one pass for their ends."""
    asked = ", ".join(f"count({name}), min({name}), max({name})" for name in SIMPLE)
    told = connection.execute(f"SELECT {asked} FROM images").fetchone()
    facts = {}
    for position, name in enumerate(SIMPLE):
        count, lowest, highest = told[3 * position : 3 * position + 3]
        kind = CATALOG_COLUMNS[name].kind
        is_text = kind == "text" or name == "source_id"
        values = few_values(connection, name) if is_text and count else None
        ends = (None, None) if kind == "text" else (lowest, highest)
        facts[name] = ColumnFacts(name, kind, False, count, values, None, *ends)
    return facts


def few_values(connection: sqlite3.Connection, name: str) -> tuple[Any, ...] | None:
    """List the values of a column, where they are few."""
    query = f"SELECT {name}, count(*) FROM images WHERE {name} IS NOT NULL GROUP BY 1 "
    query += "ORDER BY 2 DESC, 1 LIMIT ?"
    found = connection.execute(query, (MOST_VALUES + 1,)).fetchall()
    return tuple(value for value, _ in found) if len(found) <= MOST_VALUES else None


def of_metadata(connection: sqlite3.Connection) -> list[ColumnFacts]:
    """Tell what the metadata's columns hold, by name."""
    # To SQLite a whole number of 400 digits is infinite, which JSON cannot say.
    asked = {"keys": 4 * MOST_KEYS, "least": -sys.float_info.max, "most": sys.float_info.max}
    by_key: dict[bytes, list[tuple[Any, ...]]] = {}
    for key, *told in connection.execute(BY_KEY, asked):
        by_key.setdefault(key, []).append(tuple(told))
    keys = dict(list(by_key.items())[:MOST_KEYS])
    few = {key for key, told in keys.items() if sum(one[2] for one in told) <= MOST_VALUES}
    values = listed_values(connection, few)
    return sorted(
        (of_key(connection, key, told, values.get(key)) for key, told in keys.items()),
        key=lambda facts: facts.name,
    )


def listed_values(connection: sqlite3.Connection, keys: set[bytes]) -> dict[bytes, list[Any]]:
    """List the values of the keys that have few, the most frequent first."""
    listed: dict[bytes, list[Any]] = {key: [] for key in keys}
    if not keys:
        return listed
    marks = ", ".join("?" * len(keys))
    query = BY_VALUE.replace("GROUP BY", f"AND CAST(key AS BLOB) IN ({marks}) GROUP BY")
    for key, kind, value, _ in connection.execute(query, tuple(keys)):
        if kind in KINDS and is_sayable(value):
            listed[key].append(plain(value, kind))
    return listed


def of_key(
    connection: sqlite3.Connection,
    key: bytes,
    told: list[tuple[Any, ...]],
    values: list[Any] | None,
) -> ColumnFacts:
    """Tell what one key of the metadata holds."""
    told = [one for one in told if one[0] != "null"]
    kinds = {KINDS.get(kind, "mixed") for kind, *_ in told}
    kind = kinds.pop() if len(kinds) == 1 else "mixed"
    ends = [end for one in told for end in one[3:5] if end is not None and kind == "number"]
    examples = None
    if values is None and kind != "mixed":
        found = connection.execute(EXAMPLES, (key, MOST_EXAMPLES))
        examples = tuple(plain(value, told[0][0]) for (value,) in found if is_sayable(value))
    return ColumnFacts(
        written(key.decode("utf-8", "replace")),
        kind,
        True,
        sum(one[1] for one in told),
        None if values is None or kind == "mixed" else tuple(values),
        examples,
        min(ends, default=None),
        max(ends, default=None),
    )


def is_sayable(value: Any) -> bool:
    """Tell whether JSON can say a value."""
    return not isinstance(value, float) or math.isfinite(value)


def plain(value: Any, kind: str) -> Any:
    """Bring a value of SQLite's JSON to Python's."""
    if kind in {"true", "false"}:
        return bool(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
