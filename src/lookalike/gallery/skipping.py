"""Files that are left out: how the catalog notes them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from lookalike.gallery.catalog import from_stored_path
from lookalike.gallery.records import Skipped

__all__ = ["insert_skipped", "read_skipped", "skipped_columns", "to_skipped"]

# Galleries that were made before there was such a column get it with the first note that
# has something to put there.
ADD_COLUMN = "ALTER TABLE skipped ADD COLUMN content_hash TEXT"


def read_skipped(connection: sqlite3.Connection, source_id: int) -> Iterator[Skipped]:
    """Stream the files of a source that are left out."""
    query = f"SELECT {skipped_columns(connection)} FROM skipped WHERE source_id = ?"
    for row in connection.execute(query, (source_id,)):
        yield to_skipped(source_id, row)


def skipped_columns(connection: sqlite3.Connection) -> str:
    """Name what is read of a file that is left out, as SQL."""
    content = "content_hash" if _has_column(connection) else "NULL"
    return f"path, size_bytes, mtime_ns, reason, {content}"


def to_skipped(source_id: int, row: Sequence[Any]) -> Skipped:
    """Turn a line of ``skipped_columns`` into a record."""
    path, *facts = row
    return Skipped(source_id, from_stored_path(path), *facts)


def insert_skipped(
    connection: sqlite3.Connection, values: Sequence[Any], *, content_hash: str | None
) -> None:
    """Note a file that is left out, in place of what was noted of it before.

    Args:
        connection: In a transaction.
        values: source_id, path, size_bytes, mtime_ns, reason and seen_at, as they are stored.
        content_hash: What it held, where that is to be remembered.
    """
    columns = "source_id, path, size_bytes, mtime_ns, reason, seen_at"
    stored = tuple(values)
    if content_hash is not None:
        if not _has_column(connection):
            connection.execute(ADD_COLUMN)
        columns, stored = f"{columns}, content_hash", (*stored, content_hash)
    marks = ", ".join("?" * len(stored))
    connection.execute(f"INSERT OR REPLACE INTO skipped ({columns}) VALUES ({marks})", stored)


def _has_column(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM pragma_table_info('skipped') WHERE name = 'content_hash'"
    return connection.execute(query).fetchone() is not None
