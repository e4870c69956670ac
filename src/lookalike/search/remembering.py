"""What was asked of one state of a gallery, kept for the next query."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Remembered"]

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """Keeps the last few values of the newest state. Safe to share between threads.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, Hashable], Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def value(self, generation: int, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return what is kept for a key of a generation, or make it."""
        with self._lock:
            if (generation, key) in self._kept:
                self._kept.move_to_end((generation, key))
                return self._kept[generation, key]
        made = make()
        with self._lock:
            self._kept[generation, key] = made
            for old in [old for old in self._kept if old[0] < generation]:
                del self._kept[old]
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made
