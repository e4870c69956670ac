"""Sources in the catalog: read, added and found again wherever they are now."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from lookalike.errors import GalleryError
from lookalike.gallery.catalog import from_stored_path, to_stored_path
from lookalike.gallery.locations import StoredLocation, absolute_location, stored_location
from lookalike.gallery.records import SourceRecord

__all__ = ["insert_source", "move_source", "read_sources", "require_source"]


def read_sources(connection: sqlite3.Connection, gallery: Path) -> tuple[SourceRecord, ...]:
    """Read all sources, by source_id, each where it is now."""
    found = connection.execute(
        "SELECT source_id, kind, absolute, relative FROM sources ORDER BY source_id"
    )
    return tuple(_to_source(row, gallery) for row in found)


def insert_source(
    connection: sqlite3.Connection, gallery: Path, *, kind: str, location: str
) -> SourceRecord:
    """Add a source that is not there yet."""
    texts = _stored_texts(location, gallery)
    cursor = connection.execute(
        "INSERT INTO sources (kind, absolute, relative) VALUES (?, ?, ?)", (kind, *texts)
    )
    return _to_source((cursor.lastrowid, kind, *texts), gallery)


def move_source(
    connection: sqlite3.Connection, gallery: Path, *, source_id: int, location: str
) -> SourceRecord:
    """Let a source be at another place; what is below it keeps its names."""
    texts = _stored_texts(location, gallery)
    connection.execute(
        "UPDATE sources SET absolute = ?, relative = ? WHERE source_id = ?", (*texts, source_id)
    )
    query = "SELECT source_id, kind, absolute, relative FROM sources WHERE source_id = ?"
    return _to_source(connection.execute(query, (source_id,)).fetchone(), gallery)


def _stored_texts(location: str, gallery: Path) -> list[Any]:
    """Write a location as the catalog keeps it: absolute, and seen from the gallery."""
    stored = stored_location(location, gallery)
    return [
        None if text is None else to_stored_path(text)
        for text in (stored.absolute, stored.relative)
    ]


def require_source(connection: sqlite3.Connection, source_id: int, *, gallery: Path) -> None:
    """Refuse a source_id that names nothing.

    Raises:
        GalleryError: There is no such source.
    """
    query = "SELECT 1 FROM sources WHERE source_id = ?"
    if connection.execute(query, (source_id,)).fetchone() is None:
        raise GalleryError(
            f"The gallery {gallery} has no source {source_id}: add it with add_source first."
        )


def _to_source(row: tuple[Any, ...], gallery: Path) -> SourceRecord:
    source_id, kind, absolute, relative = row
    stored = StoredLocation(
        None if absolute is None else from_stored_path(absolute),
        None if relative is None else from_stored_path(relative),
    )
    return SourceRecord(source_id, kind, absolute_location(stored, gallery, kind=kind))
