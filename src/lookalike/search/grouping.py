"""One hit for each value of a column."""

from __future__ import annotations

import difflib
import json
import posixpath
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery, ImageRecord, Snapshot
from lookalike.gallery.groups import Groups
from lookalike.gallery.where.columns import CATALOG_COLUMNS, MetadataColumn, written
from lookalike.search.remembering import Remembered

__all__ = ["GroupTables", "Grouping", "grouping_by", "open_rows"]

LISTED = 12

# Each takes 24 bytes an image.
KEPT = 4


@dataclass(frozen=True, slots=True)
class Grouping:
    """A column whose values make the groups.

    Attributes:
        gallery: Whose images are grouped.
        column: Name of a catalog column, or a metadata key.
        is_metadata: Which of the two.
    """

    gallery: Gallery
    column: str
    is_metadata: bool

    def value(self, record: ImageRecord) -> Any:
        """Read an image's value; None where it has none."""
        if self.is_metadata:
            return record.metadata.get(self.column)
        if self.column == "path":
            return self.gallery.absolute_path(record)
        if self.column in {"folder", "name"}:
            folder, name = posixpath.split(record.path)
            return name if self.column == "name" else folder
        return getattr(record, self.column)

    def key(self, record: ImageRecord) -> object:
        """Make what is equal for images of one group; an image without a value is its own."""
        value = self.value(record)
        if value is None:
            return ("alone", record.image_id)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return ("number", value)
        return ("text", json.dumps(value, sort_keys=True))


class GroupTables:
    """Remembers which images have which value. Safe to share between threads.

    Args:
        gallery: Whose images.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._remembered: Remembered[Groups] = Remembered(KEPT)

    def groups(self, snapshot: Snapshot, grouping: Grouping) -> Groups:
        """Read a column, unless it was read of the same generation.

        Raises:
            StaleSnapshot: The gallery was compacted since the snapshot was taken.
        """
        name = grouping.column
        column = MetadataColumn(name) if grouping.is_metadata else CATALOG_COLUMNS[name]
        return self._remembered.value(
            snapshot.generation, column, lambda: self._gallery.groups(snapshot, column)
        )


def open_rows(groups: Groups, found: NDArray[np.int64], rows: int) -> NDArray[np.bool_]:
    """Mark the rows that may show a group not found yet: a mask over all rows.

    Args:
        groups: The values of all images.
        found: image_ids whose groups are found.
        rows: How many rows there are.
    """
    is_found = np.isin(groups.numbers, groups.numbers[np.isin(groups.image_ids, found)])
    closed = np.zeros(rows, dtype=np.bool_)
    closed[groups.rows[is_found]] = True
    closed[groups.rows[~is_found]] = False
    return ~closed


def grouping_by(name: str, gallery: Gallery) -> Grouping:
    """Find the column that a query groups by, named as a filter names it.

    Raises:
        UsageError: There is none; the message names the nearest.
    """
    if name.lower() in CATALOG_COLUMNS:
        return Grouping(gallery, name.lower(), is_metadata=False)
    key = name.removeprefix("metadata.")
    if len(key) > 2 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('""', '"')
    known = gallery.columns()
    if written(key) in known:
        return Grouping(gallery, key, is_metadata=True)
    near = difflib.get_close_matches(name, known, n=3)
    listed = ", ".join(known[:LISTED] + ("…",) * (len(known) > LISTED))
    advice = f"did you mean {' or '.join(near)}?" if near else f"name one of {listed}."
    raise UsageError(
        f"Hits are to be grouped by {name!r}, which is no column of this gallery: {advice}"
    )
