"""Several runtimes of the same network, one for each device of a host, behind one face."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.protocol import Runtime

__all__ = ["SpreadRuntime"]


class SpreadRuntime:
    """Gives every call to the device that is least busy.

    Args:
        runtimes: The same network on each device.
        description: Library, precision and devices, for people.
    """

    def __init__(self, runtimes: Sequence[Runtime], *, description: str) -> None:
        self._runtimes = tuple(runtimes)
        self._under_way = [0] * len(self._runtimes)
        self._lock = threading.Lock()
        self._measuring = threading.Lock()
        self._is_measured = False
        self.description = description
        self.dim = next((each.dim for each in runtimes if each.dim is not None), None)
        self.workers = sum(each.workers for each in runtimes)
        self.shares_cores = any(each.shares_cores for each in runtimes)

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given: what suits every device."""
        # A runtime may have to measure when first asked; the devices do so side by side.
        with self._measuring:
            if not self._is_measured:
                with ThreadPoolExecutor(len(self._runtimes)) as pool:
                    list(pool.map(lambda each: each.batch_size, self._runtimes))
                self._is_measured = True
        return min(each.batch_size for each in self._runtimes)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Run the network on the least busy device."""
        place = self._claimed()
        try:
            return self._runtimes[place].run(pixels)
        finally:
            with self._lock:
                self._under_way[place] -= 1

    def _claimed(self) -> int:
        """Count a call in where the fewest are under way for what it takes."""
        with self._lock:
            place = min(range(len(self._runtimes)), key=self._busyness)
            self._under_way[place] += 1
            return place

    def _busyness(self, place: int) -> float:
        return self._under_way[place] / self._runtimes[place].workers
