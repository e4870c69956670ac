"""The columns a filter can name: those of the catalog, and the keys of the metadata."""

from __future__ import annotations

import difflib
import os
import sqlite3
from collections.abc import Callable, Collection
from dataclasses import dataclass

from lookalike.errors import UsageError
from lookalike.gallery.where.conditions import Column
from lookalike.gallery.where.tokens import KEYWORDS, shortened

__all__ = [
    "CATALOG_COLUMNS",
    "CatalogColumn",
    "Keys",
    "MetadataColumn",
    "column_names",
    "metadata_keys",
    "resolve",
]

Keys = Callable[[], Collection[str]]

SUGGESTIONS = 3
LISTED = 12

PATH = "CAST(path AS TEXT)"
# What is left of a path once every character that is no slash is taken off its end.
INSIDE = f"rtrim({PATH}, replace({PATH}, '/', ''))"
IS_WHOLE = f"{PATH} GLOB '/*'" if os.sep == "/" else f"{PATH} GLOB '[A-Za-z]:/*'"
# :folders is a JSON object: the folder of each source, by source_id.
WHOLE_PATH = (
    f"replace(CASE WHEN {IS_WHOLE} THEN '' "
    f"ELSE json_extract(:folders, '$.\"' || source_id || '\"') END || {PATH}, '/', '{os.sep}')"
)


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column that every gallery has.

    Attributes:
        kind: ``"number"``, ``"text"`` or ``"moment"``: a date with its time.
        sql: How the catalog computes it.
    """

    name: str
    kind: str
    sql: str


@dataclass(frozen=True, slots=True)
class MetadataColumn:
    """A key of the images' metadata."""

    name: str


CATALOG_COLUMNS = {
    column.name: column
    for column in (
        CatalogColumn("image_id", "number", "image_id"),
        CatalogColumn("path", "text", WHOLE_PATH),
        CatalogColumn("folder", "text", f"rtrim({INSIDE}, '/')"),
        CatalogColumn("name", "text", f"substr({PATH}, length({INSIDE}) + 1)"),
        CatalogColumn("format", "text", "format COLLATE NOCASE"),
        CatalogColumn("width", "number", "width"),
        CatalogColumn("height", "number", "height"),
        CatalogColumn("size_bytes", "number", "size_bytes"),
        CatalogColumn("taken", "moment", "taken"),
        CatalogColumn("camera", "text", "camera"),
        CatalogColumn("latitude", "number", "latitude"),
        CatalogColumn("longitude", "number", "longitude"),
        CatalogColumn("indexed_at", "moment", "indexed_at"),
        CatalogColumn("content_hash", "text", "content_hash"),
        CatalogColumn("source_id", "number", "source_id"),
    )
}


def resolve(column: Column, keys: Keys) -> CatalogColumn | MetadataColumn:
    """Find the column that a filter names; the catalog's hide metadata of the same name.

    Args:
        column: The name; upper and lower case differ in metadata and in quotes.
        keys: Tells the metadata keys of the gallery, which takes a while.

    Raises:
        UsageError: There is no such column; the message names the nearest.
    """
    name = column.name if column.is_exact else column.name.lower()
    if not column.is_metadata and name in CATALOG_COLUMNS:
        return CATALOG_COLUMNS[name]
    known = keys()
    if column.name in known:
        return MetadataColumn(column.name)
    raise no_such_column(column, known)


def column_names(keys: Collection[str]) -> tuple[str, ...]:
    """Name all columns as a filter would, the catalog's first."""
    return (*CATALOG_COLUMNS, *(written(key) for key in sorted(keys)))


def metadata_keys(connection: sqlite3.Connection) -> frozenset[str]:
    """Collect the keys of all metadata: about a second for a million images."""
    found = connection.execute(
        "SELECT DISTINCT CAST(key AS BLOB) FROM images, json_each(metadata) WHERE metadata <> '{}'"
    )
    # A key may hold half a surrogate pair, which is no UTF-8 but must not stop the rest.
    return frozenset(key.decode("utf-8", "replace") for (key,) in found)


def written(key: str) -> str:
    """Spell a metadata key as a filter must."""
    is_bare = key.isidentifier() and key.upper() not in KEYWORDS
    name = key if is_bare else '"{}"'.format(key.replace('"', '""'))
    return f"metadata.{name}" if key.lower() in CATALOG_COLUMNS else name


def no_such_column(column: Column, keys: Collection[str]) -> UsageError:
    """Name the columns that a misspelled one may have meant."""
    asked = f"The filter names the column {shortened(column.name)} at character "
    asked += f"{column.position + 1}, which this gallery does not have: "
    catalog = () if column.is_metadata else tuple(CATALOG_COLUMNS)
    names = {key.lower(): written(key) for key in sorted(keys)} | {name: name for name in catalog}
    near = difflib.get_close_matches(column.name.lower(), names, n=SUGGESTIONS)
    if near:
        quotes = " Text goes in 'single quotes'." if column.is_exact else ""
        return UsageError(
            f"{asked}did you mean {' or '.join(names[name] for name in near)}?{quotes}"
        )
    known = column_names(keys)
    listed = ", ".join(known[:LISTED] + ("…",) * (len(known) > LISTED))
    return UsageError(f"{asked}write one of {listed}, or text in 'single quotes'.")
