"""Asking the catalog which images a filter lets through."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.snapshots import Snapshot, require_current
from lookalike.gallery.where.compiling import Compiled

__all__ = ["Selection", "select"]

# SQLite's longest text has 10^9 bytes: room for the numbers of this many images at once.
IMAGES_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """What a filter lets through.

    Attributes:
        image_ids: int64, sorted: the images that match, also those that are
            younger than the snapshot.
        rows: int64, sorted: the global rows of the snapshot that show at least
            one of them. Copies share a row and may differ in what the filter
            asks, so images found by row are to be checked by image_id.
    """

    image_ids: NDArray[np.int64]
    rows: NDArray[np.int64]


def select(connection: sqlite3.Connection, snapshot: Snapshot, where: Compiled) -> Selection:
    """Find the images that match, and their rows in a snapshot.

    Raises:
        StaleSnapshot: A segment of the snapshot is no longer part of the gallery.
    """
    require_current(connection, snapshot)
    image_ids, segment_ids, inside = matching(connection, where)
    return Selection(np.sort(image_ids), global_rows(snapshot, segment_ids, inside))


def matching(connection: sqlite3.Connection, where: Compiled) -> NDArray[np.int64]:
    """Read image_id, segment_id and row of each image that matches, ``(3, n)``."""
    largest = connection.execute("SELECT coalesce(max(image_id), 0) FROM images").fetchone()[0]
    parts = [np.empty((3, 0), dtype=np.int64)]
    for first in range(0, largest + 1, IMAGES_AT_ONCE):
        parts.append(matching_between(connection, where, first, first + IMAGES_AT_ONCE - 1))
    return np.concatenate(parts, axis=1)


def matching_between(
    connection: sqlite3.Connection, where: Compiled, first: int, last: int
) -> NDArray[np.int64]:
    """Read the matching images of a range of image_ids, ``(3, n)``.

    The numbers come as three long texts: a million rows as Python objects take
    four times as long.
    """
    query = (
        "SELECT group_concat(image_id), group_concat(segment_id), group_concat(row) FROM images "
        f"WHERE image_id BETWEEN {int(first)} AND {int(last)} AND ({where.sql})"
    )
    texts = connection.execute(query, where.values).fetchone()
    return np.stack([np.fromstring(text or "", dtype=np.int64, sep=",") for text in texts])


def global_rows(
    snapshot: Snapshot, segment_ids: NDArray[np.int64], inside: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Turn rows of segments into sorted global rows; segments it does not show are left out.

    The segment_ids of a snapshot ascend, as ``read_segments`` gives them.
    """
    known = np.array(snapshot.segment_ids, dtype=np.int64)
    starts = np.cumsum([0, *(len(block) for block in snapshot.blocks)], dtype=np.int64)
    shown = np.isin(segment_ids, known)
    numbers = np.searchsorted(known, segment_ids[shown])
    is_asked = np.zeros(snapshot.rows, dtype=bool)
    is_asked[starts[numbers] + inside[shown]] = True
    return np.flatnonzero(is_asked)
