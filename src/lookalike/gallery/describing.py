"""A gallery in numbers."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from lookalike.gallery.catalog import Settings
from lookalike.gallery.records import GalleryInfo
from lookalike.gallery.segments import read_segments
from lookalike.gallery.sources import read_sources

__all__ = ["count_of", "describe_gallery"]


def describe_gallery(
    connection: sqlite3.Connection, folder: Path, settings: Settings
) -> GalleryInfo:
    """Count what a gallery holds, as one transaction sees it."""
    stored = dict(connection.execute("SELECT key, value FROM settings"))
    segments = read_segments(connection)
    buried = count_of(connection, "tombstones")
    counts = dict(connection.execute("SELECT source_id, count(*) FROM images GROUP BY source_id"))
    return GalleryInfo(
        path=folder,
        format_version=settings.format_version,
        space=settings.space,
        dtype=settings.dtype,
        generation=stored["generation"],
        images=sum(counts.values()),
        skipped=count_of(connection, "skipped"),
        embeddings=sum(segment.rows for segment in segments) - buried,
        tombstones=buried,
        segments=len(segments),
        size_bytes=size_on_disk(folder),
        created=settings.created,
        updated=stored["updated"],
        sources=tuple(
            (source, counts.get(source.source_id, 0)) for source in read_sources(connection, folder)
        ),
    )


def count_of(connection: sqlite3.Connection, table: str) -> int:
    """Count the lines of one of the catalog's tables."""
    count: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    return count


def size_on_disk(folder: Path) -> int:
    """Add up the bytes of all files in a folder, at any depth."""
    total = 0
    for inner, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(inner, name)).st_size
            except FileNotFoundError:  # a writer's temporary file
                continue
    return total
