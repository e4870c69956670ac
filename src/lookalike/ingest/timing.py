"""How far a run is, and which stage holds it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Progress", "StageClock"]

STAGES = ("scan", "read", "decode", "encode", "write")
# Reading and decoding share their threads, so they are busy together.
SHARED = ("read", "decode")


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment.

    Attributes:
        done: Files dealt with.
        total: Files to deal with.
        committed: Files whose outcome is safe on disk.
        elapsed_s: Seconds since the run began to read.
        bottleneck: The stage whose workers are busiest.
    """

    done: int
    total: int
    committed: int
    elapsed_s: float
    bottleneck: str

    @property
    def rate(self) -> float:
        """Files a second so far."""
        return self.done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Seconds still to go at this rate, None while there is no rate."""
        return (self.total - self.done) / self.rate if self.rate else None


class StageClock:
    """Adds up the seconds that each stage's threads are busy.

    Args:
        workers: Threads of each stage.
    """

    def __init__(self, workers: Mapping[str, int]) -> None:
        self._workers = dict(workers)
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()
        self._start = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time spent inside towards a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds towards a stage."""
        with self._lock:
            self._seconds[name] += seconds

    @property
    def elapsed_s(self) -> float:
        """Seconds since the clock was made."""
        return time.perf_counter() - self._start

    @property
    def seconds(self) -> dict[str, float]:
        """Busy seconds of each stage, added over its threads."""
        with self._lock:
            return dict(self._seconds)

    @property
    def bottleneck(self) -> str:
        """The stage whose threads are busiest, each stage by its own number of threads."""
        seconds = self.seconds
        busy = {name: spent / self._workers.get(name, 1) for name, spent in seconds.items()}
        loading = max(SHARED, key=lambda name: busy[name])
        busy[loading] = sum(busy[name] for name in SHARED)
        return max(STAGES, key=lambda name: busy[name])
