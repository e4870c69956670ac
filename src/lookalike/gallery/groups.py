"""The values of one column over all images, numbered: what a search by groups needs of many."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery.snapshots import Snapshot, require_current
from lookalike.gallery.where.columns import CatalogColumn, MetadataColumn

__all__ = ["Groups", "read_groups"]

# To people 1 and 1.0 are one number, and to JSON two types.
NUMBERS = {"integer": "number", "real": "number"}


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which images have which value.

    Attributes:
        image_ids: int64 ``(n,)``, sorted.
        rows: int64 ``(n,)``: the global row of each.
        numbers: int64 ``(n,)``: equal where the values are. An image without one
            has a number of its own.
    """

    image_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    numbers: NDArray[np.int64]


def read_groups(
    connection: sqlite3.Connection,
    snapshot: Snapshot,
    column: CatalogColumn | MetadataColumn,
    *,
    folders: Mapping[int, str],
) -> Groups:
    """Number the values of a column: a second or two for a million images.

    Images younger than the snapshot are left out.

    Args:
        connection: To the catalog.
        snapshot: Its rows are meant.
        column: Which.
        folders: Folder of each source, by source_id, for the column ``path``.

    Raises:
        StaleSnapshot: A segment of the snapshot is no longer part of the gallery.
    """
    require_current(connection, snapshot)
    if isinstance(column, MetadataColumn):
        found = connection.execute(
            "SELECT image_id, segment_id, row, each.type, each.value FROM images "
            "LEFT JOIN json_each(metadata) AS each ON each.key = ? ORDER BY image_id",
            (column.name,),
        )
    else:
        found = connection.execute(
            f"SELECT image_id, segment_id, row, 'text', {column.sql} FROM images ORDER BY image_id",
            {"folders": json.dumps(folders)},
        )
    numbers: dict[object, int] = {}
    starts = snapshot.starts
    lines = [
        (
            image_id,
            starts[segment_id] + row,
            -image_id
            if value is None
            else numbers.setdefault((NUMBERS.get(kind, kind), value), len(numbers)),
        )
        for image_id, segment_id, row, kind, value in found
        if segment_id in starts
    ]
    table = np.array(lines, dtype=np.int64).reshape(-1, 3)
    return Groups(table[:, 0], table[:, 1], table[:, 2])
