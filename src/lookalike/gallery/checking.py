"""Verification: every invariant of a gallery, each broken one told in a sentence."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import GalleryUnreadable
from lookalike.gallery.catalog import Settings, from_stored_path, read_generation
from lookalike.gallery.connections import ReadPool
from lookalike.gallery.creating import UNFINISHED
from lookalike.gallery.finding import CATALOG
from lookalike.gallery.records import VerifyReport
from lookalike.gallery.segments import (
    CHUNK_BYTES,
    PROBE_NAME,
    SEGMENTS,
    Rows,
    Segment,
    file_checksum,
    map_segment,
    read_segments,
)

__all__ = ["verify_gallery"]

# What a commit accepts (0.01) and what rounding to float16 adds.
UNIT_TOLERANCE = 0.02

# A damaged catalog may break a rule a million times; a few show the kind.
MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the checks look at."""

    folder: Path
    settings: Settings
    connection: sqlite3.Connection


def verify_gallery(folder: Path, pool: ReadPool, settings: Settings) -> VerifyReport:
    """Check everything; again if a compaction deleted files under the check."""
    while True:
        with pool.transaction() as connection:
            generation = _generation(connection)
            report = _report(_Checked(folder, settings, connection))
        if report.is_clean:
            return report
        with pool.transaction() as connection:
            if _generation(connection) == generation:
                return report


def _generation(connection: sqlite3.Connection) -> int:
    try:
        return read_generation(connection)
    except sqlite3.DatabaseError:
        return -1


def _report(checked: _Checked) -> VerifyReport:
    problems: list[str] = []
    segments: tuple[Segment, ...] = ()
    for check in CATALOG_CHECKS:
        problems += _told(check, checked)
    try:
        segments = read_segments(checked.connection)
    except sqlite3.DatabaseError as error:
        problems.append(f"The list of segments cannot be read ({error}).")
    for segment in segments:
        problems += _told(partial(_segment_file, segment=segment), checked)
        problems += _told(partial(_segment_rows, segment=segment), checked)
    rows = sum(segment.rows for segment in segments)
    return VerifyReport(
        images=_count(checked.connection, "images"),
        embeddings=rows - _count(checked.connection, "tombstones"),
        segments=len(segments),
        problems=tuple(problems),
        leftovers=_leftovers(checked.folder, {segment.file for segment in segments}),
    )


def _told(check: Callable[[_Checked], Iterator[str]], checked: _Checked) -> list[str]:
    """Run one check; a catalog too damaged for it is a finding like others."""
    try:
        return list(check(checked))
    except sqlite3.DatabaseError as error:
        return [f"The catalog is damaged ({error})."]


def _integrity(checked: _Checked) -> Iterator[str]:
    for (finding,) in checked.connection.execute("PRAGMA integrity_check"):
        if finding != "ok":
            yield f"The catalog {CATALOG} is damaged: {finding}."


def _foreign_keys(checked: _Checked) -> Iterator[str]:
    found = checked.connection.execute("PRAGMA foreign_key_check").fetchall()
    for table, _, parent, _ in found[:MOST_EXAMPLES]:
        yield f"A line of table {table} names a line of {parent} that is not there."
    yield from _rest(len(found), "lines name something that is not there")


def _settings(checked: _Checked) -> Iterator[str]:
    generation = read_generation(checked.connection)
    if generation < 0:
        yield f"The generation is {generation}, which no number of changes can give."


def _rows_of_images(checked: _Checked) -> Iterator[str]:
    found = checked.connection.execute(
        "SELECT image_id, row, file FROM images JOIN segments USING (segment_id) "
        "WHERE row < 0 OR row >= segments.rows"
    ).fetchall()
    for image_id, row, file in found[:MOST_EXAMPLES]:
        yield f"Image {image_id} names row {row}, which segment {file} does not have."
    yield from _rest(len(found), "images name rows outside their segments")


def _rows_of_tombstones(checked: _Checked) -> Iterator[str]:
    found = checked.connection.execute(
        "SELECT row, file FROM tombstones JOIN segments USING (segment_id) "
        "WHERE row < 0 OR row >= segments.rows"
    ).fetchall()
    for row, file in found[:MOST_EXAMPLES]:
        yield f"A tombstone names row {row}, which segment {file} does not have."
    yield from _rest(len(found), "tombstones name rows outside their segments")


def _skipped_images(checked: _Checked) -> Iterator[str]:
    found = checked.connection.execute(
        "SELECT image_id, path FROM images JOIN skipped USING (source_id, path)"
    ).fetchall()
    for image_id, path in found[:MOST_EXAMPLES]:
        yield f"Image {image_id} ({from_stored_path(path)!r}) is noted as skipped as well."
    yield from _rest(len(found), "images are noted as skipped as well")


def _metadata(checked: _Checked) -> Iterator[str]:
    query = "SELECT image_id, metadata FROM images WHERE metadata <> '{}'"
    wrong = [found[0] for found in checked.connection.execute(query) if not _is_object(found[1])]
    for image_id in wrong[:MOST_EXAMPLES]:
        yield f"The metadata of image {image_id} is no JSON object."
    yield from _rest(len(wrong), "images have metadata that is no JSON object")


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (TypeError, ValueError):
        return False


CATALOG_CHECKS = (
    _integrity,
    _foreign_keys,
    _settings,
    _rows_of_images,
    _rows_of_tombstones,
    _skipped_images,
    _metadata,
)


def _segment_file(checked: _Checked, *, segment: Segment) -> Iterator[str]:
    """Compare a file with what the catalog says, cheapest question first."""
    path = checked.folder / SEGMENTS / segment.file
    expected = (checked.settings.space.dim, checked.settings.dtype)
    if (segment.dim, segment.dtype) != expected:
        yield (
            f"Segment {segment.file} has dim {segment.dim} and dtype {segment.dtype}, "
            f"but the gallery has dim {expected[0]} and dtype {expected[1]}."
        )
    try:
        size_bytes = os.stat(path).st_size
        if size_bytes != segment.size_bytes:
            yield (
                f"Segment {segment.file} should have {segment.size_bytes} bytes "
                f"but has {size_bytes}."
            )
            return
        if file_checksum(path) != segment.checksum:
            yield f"Segment {segment.file} does not have its checksum: its content changed."
        yield from _values(segment, map_segment(checked.folder, segment))
    except FileNotFoundError:
        yield f"Segment {segment.file} is missing."
    except OSError as error:
        yield f"Segment {segment.file} cannot be read ({error})."
    except GalleryUnreadable as error:
        yield str(error)


def _values(segment: Segment, block: Rows) -> Iterator[str]:
    """Look for values that are not finite and rows that are not of unit length."""
    step = max(1, CHUNK_BYTES // (4 * segment.dim))
    lengths = np.concatenate(
        [
            np.linalg.norm(block[first : first + step].astype(np.float32), axis=1)
            for first in range(0, segment.rows, step)
        ]
    )
    endless = np.flatnonzero(~np.isfinite(lengths))
    if endless.size:
        yield (
            f"Segment {segment.file} holds values that are not finite "
            f"({endless.size} rows, first row {endless[0]})."
        )
    off = np.flatnonzero(np.isfinite(lengths) & (np.abs(lengths - 1) > UNIT_TOLERANCE))
    if off.size:
        yield (
            f"Segment {segment.file} holds rows that are not of unit length "
            f"({off.size} rows, first row {off[0]} with length {lengths[off[0]]:g})."
        )


def _segment_rows(checked: _Checked, *, segment: Segment) -> Iterator[str]:
    """Count who names the rows: each belongs to images or has a tombstone, never both."""
    values = {"segment_id": segment.segment_id, "rows": segment.rows}
    named, buried, both = checked.connection.execute(
        "SELECT (SELECT count(DISTINCT row) FROM images"
        "  WHERE segment_id = :segment_id AND row >= 0 AND row < :rows),"
        " (SELECT count(*) FROM tombstones"
        "  WHERE segment_id = :segment_id AND row >= 0 AND row < :rows),"
        " (SELECT count(*) FROM tombstones AS t WHERE segment_id = :segment_id AND EXISTS"
        "  (SELECT 1 FROM images WHERE segment_id = t.segment_id AND row = t.row))",
        values,
    ).fetchone()
    if both:
        yield f"Segment {segment.file} has {both} rows with both an image and a tombstone."
    unnamed = segment.rows - named - buried + both
    if unnamed:
        yield f"Segment {segment.file} has {unnamed} rows with neither an image nor a tombstone."


def _rest(count: int, what: str) -> Iterator[str]:
    if count > MOST_EXAMPLES:
        yield f"In all, {count} {what}."


def _count(connection: sqlite3.Connection, table: str) -> int:
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


def _leftovers(folder: Path, named: set[str]) -> tuple[str, ...]:
    segments = folder / SEGMENTS
    inside = os.listdir(segments) if segments.is_dir() else []
    found = [f"{SEGMENTS}/{name}" for name in inside if name not in named]
    for name in os.listdir(folder):
        if PROBE_NAME.fullmatch(name) or name.startswith(UNFINISHED):
            found.append(name)
    return tuple(sorted(found))
