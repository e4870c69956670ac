"""Ways to search, asked one query at a time, as the systems timed them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.encoders.embedding import embed
from lookalike.index.faiss_library import threads_for

__all__ = [
    "BruteForce",
    "FaissFlat",
    "Searching",
    "Setting",
    "Taken",
    "extraction_seconds",
    "seconds_each",
]

Rows = NDArray[np.float32]
Found = NDArray[np.int64]
Setting = Mapping[str, float]

# The first queries find nothing in the processor's cache.
WARM_UPS = 20
FEWEST = 20
MOST = 1000
BUDGET_S = 4.0


class Searching(Protocol):
    """One way to search."""

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Return the row numbers ``(q, k)`` of the nearest."""
        ...


class BruteForce:
    """NumPy: compare one query with every row, then sort them all, as the systems did.

    Args:
        rows: Unit rows ``(n, dim)``.
        is_euclidean: Whether by distance, else by cosine.
    """

    def __init__(self, rows: Rows, *, is_euclidean: bool = False) -> None:
        self._rows = rows
        self._is_euclidean = is_euclidean

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search query by query."""
        return np.stack([self._order(query)[:k] for query in queries])

    def _order(self, query: Rows) -> Found:
        if self._is_euclidean:
            return np.argsort(np.linalg.norm(self._rows - query, axis=1))
        return np.argsort(-(self._rows @ query))


class FaissFlat:
    """FAISS's flat index: ``IndexFlatIP``, or ``IndexFlatL2``."""

    def __init__(self, rows: Rows, *, is_euclidean: bool = False) -> None:
        import faiss

        made = faiss.IndexFlatL2 if is_euclidean else faiss.IndexFlatIP
        self._index: Any = made(rows.shape[1])
        self._index.add(rows)

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search all queries in one call."""
        found: Found = self._index.search(queries, k)[1]
        return found


@dataclass(frozen=True, slots=True)
class Taken:
    """What one query took, over many asked one by one.

    Attributes:
        mean: Seconds; it is what the systems published, and what else a machine does
            weighs on it.
        p50, p95, p99: Seconds.
        count: How many were timed.
    """

    mean: float
    p50: float
    p95: float
    p99: float
    count: int


def seconds_each(
    search: Callable[[Rows], object], queries: Rows, *, most: int = MOST, budget_s: float = BUDGET_S
) -> Taken:
    """Time queries one by one, after a few that warm up; FAISS has one thread for each.

    Args:
        search: Answers queries ``(1, dim)``.
        queries: They come round again where there are fewer than ``most``.
        most: How many to time.
        budget_s: After so long no more are begun, twenty apart.
    """
    with threads_for(1):
        for line in range(WARM_UPS):
            search(queries[[line % len(queries)]])
        return timed(
            lambda number: search(queries[[number % len(queries)]]), most=most, budget_s=budget_s
        )


def extraction_seconds(
    pictures: Sequence[str], encoder: Encoder, *, most: int = 200, budget_s: float = 10.0
) -> Taken:
    """Time what it takes to read, decode and embed pictures one by one, as a query is."""
    embed(pictures[:1], encoder)
    return timed(
        lambda number: embed([pictures[number % len(pictures)]], encoder),
        most=most,
        budget_s=budget_s,
    )


def timed(do: Callable[[int], object], *, most: int, budget_s: float) -> Taken:
    """Time what is done with numbers from 0 on, until there are enough or the budget is spent."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < most:
        start = time.perf_counter()
        do(len(times))
        end = time.perf_counter()
        times.append(end - start)
        if len(times) >= FEWEST and end - began > budget_s:
            break
    return taken_of(times)


def taken_of(times: Sequence[float]) -> Taken:
    """Sum times up."""
    each = np.array(times)
    p50, p95, p99 = (float(np.percentile(each, share)) for share in (50, 95, 99))
    return Taken(float(each.mean()), p50, p95, p99, len(each))
