"""Measuring an index: what it finds, how long it takes, what it weighs."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from lookalike.index.config import IndexConfig, SearchParams
from lookalike.index.protocol import Index
from lookalike.index.tuning.truth import Exam, interval
from lookalike.index.tuning.wishes import Measurement
from lookalike.vectors import Neighbors

__all__ = ["Bench"]

# A slow index is timed with fewer queries, but never fewer than this.
FEWEST_TIMED = 5
EXACT_QUERIES = 32
AGAIN_QUERIES = 200


class Bench:
    """Measures one built index.

    Args:
        index: What to measure.
        config: What it was built as.
        build_s: How long that took.
    """

    def __init__(self, index: Index, config: IndexConfig, build_s: float) -> None:
        self.index = index
        self.config = config
        self.build_s = build_s
        self._bytes_per_vector = index.size_bytes / max(1, index.size)

    def measure(
        self, exam: Exam, params: SearchParams, *, singles: int = 100, budget_s: float = 0.2
    ) -> Measurement:
        """Search with all queries at a time, then with some of them one by one.

        Args:
            exam: Queries with their exact answers.
            params: What to search with.
            singles: How many queries to time one by one.
            budget_s: How long that may take about.
        """
        found, batch_s = self._batch(exam, params)
        recalls = np.ones(1) if self.config.is_exact else exam.recalls(found)
        low, high = (1.0, 1.0) if self.config.is_exact else interval(recalls)
        times = self._singles(exam, params, singles, budget_s)
        return Measurement(
            self.config, params, float(recalls.mean()), low, high,
            p50_s=float(np.quantile(times, 0.5)),
            p99_s=float(np.quantile(times, 0.99)),
            queries_per_second=float(len(times) / times.sum()),
            batch_queries_per_second=len(found.rows) / batch_s,
            bytes_per_vector=self._bytes_per_vector,
            build_s=self.build_s,
            rows=self.index.size,
            queries=len(exam.queries),
        )  # fmt: skip

    def _batch(self, exam: Exam, params: SearchParams) -> tuple[Neighbors, float]:
        """Search at once; an exact index shows with a few queries how fast it is."""
        queries = exam.queries[:EXACT_QUERIES] if self.config.is_exact else exam.queries
        self.index.search(queries[:1], exam.k, params=params)
        start = time.perf_counter()
        found = self.index.search(queries, exam.k, params=params)
        whole = time.perf_counter() - start
        if self.config.is_exact:
            return found, whole
        # Once more in part: whatever else the machine does makes one of the two slower.
        again = queries[:AGAIN_QUERIES]
        start = time.perf_counter()
        self.index.search(again, exam.k, params=params)
        part = (time.perf_counter() - start) * len(queries) / len(again)
        return found, min(whole, part)

    def _singles(
        self, exam: Exam, params: SearchParams, singles: int, budget_s: float
    ) -> NDArray[np.float64]:
        """Time queries one by one, in seconds; the first, which warms up, is not counted."""
        times: list[float] = []
        began = time.perf_counter()
        asked = exam.queries[np.arange(singles + 1) % len(exam.queries)]
        for query in asked:
            start = time.perf_counter()
            self.index.search(query[None], exam.k, params=params)
            times.append(time.perf_counter() - start)
            if len(times) > FEWEST_TIMED and time.perf_counter() - began > budget_s:
                break
        return np.array(times[1:])
