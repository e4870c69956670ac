"""Compaction: rewrites segments without dead rows, and small ones into large ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.errors import GalleryUnreadable
from lookalike.gallery.committing import insert_segment
from lookalike.gallery.segments import (
    CHUNK_BYTES,
    SEGMENTS,
    Rows,
    Segment,
    file_checksum,
    map_segment,
    new_name,
    write_segment,
)

__all__ = ["LARGEST_SEGMENT_BYTES", "Run", "plan", "read_dead", "swap", "write_targets"]

LARGEST_SEGMENT_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Run:
    """Rows ``first`` to ``stop`` (exclusive) of a segment, all in use."""

    segment_id: int
    first: int
    stop: int

    @property
    def rows(self) -> int:
        """How many."""
        return self.stop - self.first


def read_dead(connection: sqlite3.Connection) -> dict[int, list[int]]:
    """Read the tombstones: segment_id -> sorted rows."""
    dead: dict[int, list[int]] = {}
    query = "SELECT segment_id, row FROM tombstones ORDER BY segment_id, row"
    for segment_id, row in connection.execute(query):
        dead.setdefault(segment_id, []).append(row)
    return dead


def plan(
    segments: Sequence[Segment], dead: Mapping[int, Sequence[int]], *, rows_per_file: int
) -> tuple[tuple[Segment, ...], list[list[Run]]]:
    """Decide which segments to rewrite, and what each new file holds.

    A segment stays if all its rows are in use and it is at least half full, or
    if it would be the only one to rewrite.

    Returns:
        The segments to rewrite, and for each new file its runs in order.
    """
    chosen = tuple(
        segment
        for segment in segments
        if dead.get(segment.segment_id) or segment.rows < rows_per_file / 2
    )
    if len(chosen) == 1 and not dead.get(chosen[0].segment_id):
        return (), []
    targets: list[list[Run]] = []
    room = 0
    for run in _pieces(chosen, dead):
        while run.rows:
            if room == 0:
                targets.append([])
                room = rows_per_file
            taken = min(room, run.rows)
            targets[-1].append(Run(run.segment_id, run.first, run.first + taken))
            run = Run(run.segment_id, run.first + taken, run.stop)
            room -= taken
    return chosen, targets


def _pieces(segments: Sequence[Segment], dead: Mapping[int, Sequence[int]]) -> Iterator[Run]:
    """Walk over the rows in use, gap by gap."""
    for segment in segments:
        first = 0
        for gap in [*dead.get(segment.segment_id, ()), segment.rows]:
            if first < gap:
                yield Run(segment.segment_id, first, gap)
            first = gap + 1


def write_targets(
    gallery: Path,
    segments: Sequence[Segment],
    targets: Sequence[Sequence[Run]],
    *,
    generation: int,
    files: list[str],
) -> list[Segment]:
    """Write the new files, streaming.

    Args:
        gallery: Its folder.
        segments: Those to rewrite.
        targets: From ``plan``.
        generation: Part of the new names.
        files: Gets each new name before its file is made.

    Raises:
        GalleryUnreadable: An old segment is damaged: copying it would give the
            damage a valid checksum.
    """
    blocks: dict[int, Rows] = {}
    for segment in segments:
        blocks[segment.segment_id] = map_segment(gallery, segment)
        if file_checksum(gallery / SEGMENTS / segment.file) != segment.checksum:
            raise GalleryUnreadable(
                f"Segment {segment.file} of the gallery {gallery} is damaged (its checksum is "
                f"wrong), so nothing was compacted: see 'lookalike verify'."
            )
    written = []
    for runs in targets:
        files.append(new_name(generation))
        written.append(
            write_segment(
                gallery,
                files[-1],
                blocks=_chunks(blocks, runs),
                rows=sum(run.rows for run in runs),
                dim=segments[0].dim,
                dtype=segments[0].dtype,
            )
        )
    return written


def _chunks(blocks: Mapping[int, Rows], runs: Sequence[Run]) -> Iterator[Rows]:
    """Cut runs into pieces of a few megabytes; short ones are gathered."""
    gathered: list[Rows] = []
    size = 0
    for run in runs:
        block = blocks[run.segment_id]
        step = max(1, CHUNK_BYTES // max(1, block[:1].nbytes))
        for first in range(run.first, run.stop, step):
            gathered.append(block[first : min(first + step, run.stop)])
            size += gathered[-1].nbytes
            if size >= CHUNK_BYTES:
                yield np.concatenate(gathered)
                gathered, size = [], 0
    if gathered:
        yield np.concatenate(gathered)


def swap(
    connection: sqlite3.Connection,
    old: Sequence[Segment],
    new: Sequence[Segment],
    *,
    targets: Sequence[Sequence[Run]],
) -> None:
    """Let images name the new rows, and forget the old segments."""
    for segment, runs in zip(new, targets, strict=True):
        segment_id = insert_segment(connection, segment)
        start = 0
        for run in runs:
            connection.execute(
                "UPDATE images SET segment_id = ?, row = row + ? "
                "WHERE segment_id = ? AND row >= ? AND row < ?",
                (segment_id, start - run.first, run.segment_id, run.first, run.stop),
            )
            start += run.rows
    ids = [(segment.segment_id,) for segment in old]
    connection.executemany("DELETE FROM tombstones WHERE segment_id = ?", ids)
    connection.executemany("DELETE FROM segments WHERE segment_id = ?", ids)
