"""What the catalog knows of some files of a source, found by their paths."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lookalike.gallery.catalog import from_stored_path, to_stored_path
from lookalike.gallery.records import KnownImage, Skipped
from lookalike.gallery.skipping import skipped_columns, to_skipped

__all__ = ["KnownFiles", "known_files"]

IMAGE_FACTS = "path, image_id, size_bytes, mtime_ns, content_hash"


@dataclass(frozen=True, slots=True)
class KnownFiles:
    """Files of one source, by path.

    Attributes:
        images: Those that are images.
        skipped: Those that could not be used.
    """

    images: dict[str, KnownImage] = field(default_factory=dict)
    skipped: dict[str, Skipped] = field(default_factory=dict)


def known_files(connection: sqlite3.Connection, source_id: int, paths: Iterable[str]) -> KnownFiles:
    """Look paths up, each as a file and as a folder with all that lies below it.

    The cost follows from the paths and from what is found, not from the gallery's size.

    Args:
        connection: In a transaction.
        source_id: Whose paths.
        paths: As the catalog has them; ``""`` is the whole source.
    """
    known, columns = KnownFiles(), skipped_columns(connection)
    for path in paths:
        _read(connection, source_id, _at_and_below(path), known, columns)
    return known


def _read(
    connection: sqlite3.Connection,
    source_id: int,
    conditions: Iterable[tuple[str, Sequence[str | bytes]]],
    known: KnownFiles,
    columns: str,
) -> None:
    for condition, values in conditions:
        bound = (source_id, *values)
        for path, *facts in _rows(connection, "images", IMAGE_FACTS, condition, bound):
            known.images[from_stored_path(path)] = KnownImage(*facts)
        for row in _rows(connection, "skipped", columns, condition, bound):
            item = to_skipped(source_id, row)
            known.skipped[item.path] = item


def _rows(
    connection: sqlite3.Connection, table: str, columns: str, condition: str, bound: Sequence[Any]
) -> Iterator[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {columns} FROM {table} WHERE source_id = ? AND {condition}", bound
    )


def _at_and_below(path: str) -> Iterator[tuple[str, Sequence[str | bytes]]]:
    if path:
        yield "path = ?", (to_stored_path(path),)
    yield from _below(f"{path}/" if path else "")


def _below(prefix: str) -> Iterator[tuple[str, Sequence[str | bytes]]]:
    """Ask for ranges that the index by path answers: of texts, and of bytes that are no text.

    Names that are not UTF-8 are kept as bytes, also where only the rest of a path is so.
    """
    if not prefix:
        yield "1", ()
        return
    start = to_stored_path(prefix)
    if isinstance(start, str):
        yield "path >= ? AND path < ?", (start, _after(start))
        start = start.encode()
    yield "path >= ? AND path < ?", (start, start[:-1] + b"0")


def _after(prefix: str) -> str:
    """Name the first text after all that begin with a prefix: 0 comes after the slash."""
    return prefix[:-1] + "0"
