"""What was encoded last, kept: the next page of a search asks for the same picture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecentRows"]


class RecentRows:
    """Remembers the last embeddings by what they were made of. Safe to share between threads.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._rows: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, content: Hashable | None) -> NDArray[np.float32] | None:
        """Return what is remembered of a content; nothing of None."""
        with self._lock:
            row = self._rows.get(content) if content is not None else None
            if row is not None:
                self._rows.move_to_end(content)
            return row

    def keep(self, content: Hashable | None, row: NDArray[np.float32]) -> None:
        """Remember an embedding ``(dim,)``, and forget the one that was asked for longest ago."""
        if content is None:
            return
        with self._lock:
            # A copy: a row of a batch would keep the whole batch.
            self._rows[content] = row.copy()
            self._rows.move_to_end(content)
            while len(self._rows) > self._most:
                self._rows.popitem(last=False)
