"""What filters let through, kept: a mask over a million rows takes milliseconds to make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import Condition, Gallery, Snapshot
from lookalike.search.remembering import Remembered

__all__ = ["Chosen", "Selections"]

# Each takes a byte a row and eight an image.
KEPT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What a filter lets through of one snapshot.

    Attributes:
        image_ids: int64, sorted.
        allowed: Mask over the snapshot's rows.
        available: How many rows it lets through.
    """

    image_ids: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    available: int

    def has(self, image_id: int) -> bool:
        """Tell whether an image matches: copies share a row, and may differ."""
        place = int(np.searchsorted(self.image_ids, image_id))
        return place < len(self.image_ids) and int(self.image_ids[place]) == image_id


class Selections:
    """Remembers what the last filters let through. Safe to share between threads.

    Args:
        gallery: Whose images they choose among.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._remembered: Remembered[Chosen] = Remembered(KEPT)

    def chosen(self, snapshot: Snapshot, condition: Condition) -> Chosen:
        """Ask the catalog, unless the same was asked of the same generation.

        Raises:
            UsageError: The filter names a column that is not there.
            StaleSnapshot: The gallery was compacted since the snapshot was taken.
        """
        return self._remembered.value(
            snapshot.generation, condition, lambda: self._asked(snapshot, condition)
        )

    def _asked(self, snapshot: Snapshot, condition: Condition) -> Chosen:
        selection = self._gallery.select(snapshot, condition)
        allowed = np.zeros(snapshot.rows, dtype=np.bool_)
        allowed[selection.rows] = True
        return Chosen(selection.image_ids, allowed, len(selection.rows))
