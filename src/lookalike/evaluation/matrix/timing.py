"""How long an index takes to answer: queries one by one, and all at a time."""

from __future__ import annotations

import statistics
import time

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.matrix.building import Built
from lookalike.evaluation.matrix.ranking import spread
from lookalike.index import SearchParams

__all__ = ["TIMED_K", "batch_qps", "single_latency"]

# How many neighbors a timed query asks for.
TIMED_K = 10
WARM_UPS = 10
# The 99th percentile of fewer is hardly one; timing must not cost more than searching.
FEWEST_SINGLES, MOST_SINGLES = 100, 500
SINGLES_BUDGET_S = 0.5
# A first call says how many queries fit into a call of this time.
FIRST_BATCH = 64
ROUNDS = 3
BATCH_BUDGET_S = 0.1
MOST_IN_BATCH = 1000


def single_latency(
    built: Built,
    queries: NDArray[np.float32],
    params: SearchParams,
    *,
    most: int = MOST_SINGLES,
    budget_s: float = SINGLES_BUDGET_S,
) -> dict[str, float]:
    """Time queries one by one, evenly spaced among all, after a few that warm up.

    At least a hundred are timed, and on up to ``most`` or until the budget is spent;
    where there are fewer queries, they come round again.

    Returns:
        Milliseconds: ``p50``, ``p95``, ``p99``, ``mean``; and the ``count``.
    """
    k = min(TIMED_K, built.index.size)
    queries = queries[spread(len(queries), most)]
    # In an order of chance: those that are timed before time is up are of all classes.
    queries = np.random.default_rng(0).permutation(queries)
    for line in range(WARM_UPS):
        built.index.search(queries[[line % len(queries)]], k, params=params)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < most:
        line = len(times) % len(queries)
        query = queries[line : line + 1]
        start = time.perf_counter()
        built.index.search(query, k, params=params)
        end = time.perf_counter()
        times.append(end - start)
        if len(times) >= FEWEST_SINGLES and end - began > budget_s:
            break
    each = 1e3 * np.array(times)
    p50, p95, p99 = (float(np.percentile(each, share)) for share in (50, 95, 99))
    return {"p50": p50, "p95": p95, "p99": p99, "mean": float(each.mean()), "count": len(each)}


def batch_qps(built: Built, queries: NDArray[np.float32], params: SearchParams) -> float:
    """Measure queries per second in one call of up to a thousand, as fit into a tenth of a second.

    It is the median of three calls, or of fewer where these take long.
    """
    k = min(TIMED_K, built.index.size)
    few = queries[spread(len(queries), FIRST_BATCH)]
    start = time.perf_counter()
    built.index.search(few, k, params=params)
    first_s = time.perf_counter() - start
    fitting = int(len(few) * BATCH_BUDGET_S / max(first_s, 1e-9))
    asked = queries[spread(len(queries), min(MOST_IN_BATCH, max(len(few), fitting)))]
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < BATCH_BUDGET_S:
        start = time.perf_counter()
        built.index.search(asked, k, params=params)
        times.append(time.perf_counter() - start)
    return len(asked) / statistics.median(times)
