"""Runs of rows that two numberings share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Span", "Spans"]


@dataclass(frozen=True, slots=True)
class Span:
    """Rows that follow each other in the index and in the gallery.

    Attributes:
        main_start: The first one's number in the index.
        global_start: The first one's number in the gallery's snapshot.
        rows: How many.
    """

    main_start: int
    global_start: int
    rows: int


class Spans:
    """Translates between two numberings; what only one of them has becomes -1.

    Args:
        spans: In the order of both numberings.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        known = [span for span in spans if span.rows]
        self._main = np.array([span.main_start for span in known], dtype=np.int64)
        self._global = np.array([span.global_start for span in known], dtype=np.int64)
        self._rows = np.array([span.rows for span in known], dtype=np.int64)

    @property
    def rows(self) -> int:
        """How many rows both numberings have."""
        return int(self._rows.sum())

    def to_global(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn the index's row numbers into the gallery's, of any shape."""
        return self._moved(rows, self._main, self._global)

    def to_main(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn the gallery's row numbers into the index's, of any shape."""
        return self._moved(rows, self._global, self._main)

    def masked(self, mask: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
        """Turn a mask over the gallery's rows into one over the index's."""
        own = np.zeros(length, dtype=np.bool_)
        for main, start, rows in zip(self._main, self._global, self._rows, strict=True):
            own[main : main + rows] = mask[start : start + rows]
        return own

    def _moved(
        self, rows: NDArray[np.int64], old: NDArray[np.int64], new: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        if not len(old):
            return np.full_like(rows, -1)
        number = np.maximum(np.searchsorted(old, rows, side="right") - 1, 0)
        inside = rows - old[number]
        return np.where((inside >= 0) & (inside < self._rows[number]), new[number] + inside, -1)
