"""Snapshots: one generation's embeddings, mapped and safe from later changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryError
from lookalike.gallery.catalog import IMAGE_COLUMNS, to_image
from lookalike.gallery.records import ImageRecord
from lookalike.gallery.segments import Segment

__all__ = ["Snapshot", "StaleSnapshot", "dead_rows", "images_sharing", "require_current"]

Block = np.memmap[Any, np.dtype[Any]]


class StaleSnapshot(GalleryError):
    """The gallery was compacted since the snapshot was taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The embeddings of one generation.

    A global row is the offset of its block plus the row inside that block. A
    later change or compaction leaves the blocks as they are.

    Attributes:
        generation: The generation these embeddings belong to.
        blocks: Arrays ``(rows, dim)`` in the gallery's dtype, mapped.
        dead: int64, sorted: global rows that no image names.
        segment_ids: The segment behind each block.
    """

    generation: int
    blocks: tuple[Block, ...]
    dead: NDArray[np.int64]
    segment_ids: tuple[int, ...]

    @property
    def rows(self) -> int:
        """How many global rows there are, dead ones included."""
        return sum(len(block) for block in self.blocks)

    @property
    def starts(self) -> dict[int, int]:
        """The first global row of each segment_id."""
        ends = np.cumsum([0, *(len(block) for block in self.blocks)])
        return dict(zip(self.segment_ids, ends.tolist(), strict=False))

    def located(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """Turn global rows into pairs of segment_id and row inside it.

        Raises:
            GalleryError: A row lies outside the snapshot.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        total = self.rows
        outside = wanted[(wanted < 0) | (wanted >= total)]
        if outside.size:
            raise GalleryError(
                f"Row {outside[0]} was asked for, but the snapshot has rows 0 to {total - 1}."
            )
        starts = np.cumsum([0, *(len(block) for block in self.blocks)])
        numbers = np.searchsorted(starts, wanted, side="right") - 1
        inside = wanted - starts[numbers]
        return [
            (self.segment_ids[number], row)
            for number, row in zip(numbers.tolist(), inside.tolist(), strict=True)
        ]


def dead_rows(connection: sqlite3.Connection, segments: Sequence[Segment]) -> NDArray[np.int64]:
    """Read the tombstones as sorted global rows, int64 ``(n,)``."""
    starts: dict[int, int] = {}
    total = 0
    for segment in segments:
        starts[segment.segment_id] = total
        total += segment.rows
    found = connection.execute("SELECT segment_id, row FROM tombstones ORDER BY segment_id, row")
    rows = [starts[segment_id] + row for segment_id, row in found if segment_id in starts]
    return np.array(rows, dtype=np.int64)


def images_sharing(
    connection: sqlite3.Connection, snapshot: Snapshot, rows: Sequence[int]
) -> list[list[ImageRecord]]:
    """Read the images behind global rows, in the order of ``rows``, each list by image_id.

    Rows never change and segment_ids are never used again, so an older snapshot's
    rows still mean what they meant, unless a compaction rewrote their segment. A
    row whose images went away since comes back as an empty list.

    Raises:
        StaleSnapshot: A segment of these rows is no longer part of the gallery.
    """
    places = snapshot.located(rows)
    require_current(connection, snapshot, segment_ids=[segment_id for segment_id, _ in places])
    query = f"SELECT {IMAGE_COLUMNS} FROM images WHERE segment_id = ? AND row = ? ORDER BY image_id"
    return [[to_image(found) for found in connection.execute(query, place)] for place in places]


def require_current(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    *,
    segment_ids: Sequence[int] | None = None,
) -> None:
    """Refuse a snapshot from before a compaction.

    Args:
        connection: To the catalog.
        snapshot: What was mapped earlier.
        segment_ids: The segments that must still be there; None for all.

    Raises:
        StaleSnapshot: A segment is no longer part of the gallery.
    """
    wanted = snapshot.segment_ids if segment_ids is None else segment_ids
    known = {segment_id for (segment_id,) in connection.execute("SELECT segment_id FROM segments")}
    if any(segment_id not in known for segment_id in wanted):
        raise StaleSnapshot(
            f"The snapshot shows generation {snapshot.generation}, but the gallery was compacted "
            "since: take a new snapshot and search again."
        )
