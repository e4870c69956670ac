"""Ways to compare with every row: a batch of 64, and one query at a time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.metrics import ann_recall_at_k
from lookalike.index import ExactIndex, Index, IndexConfig, build_index

__all__ = ["exact_ways"]

Rows = NDArray[np.float32]

BATCH = 64
SINGLES = 16
ROUNDS = 7
# What FAISS 1.15 starts with: batches of up to 250 queries of 512 numbers are
# compared row by row.
FAISS_THRESHOLD = 128_000


def exact_ways(rows: Rows, queries: Rows, *, k: int, threads: int) -> list[dict[str, Any]]:
    """Measure exact search in turn, several rounds, medians.

    Args:
        rows: Unit rows ``(n, dim)``.
        queries: At least 64.
        k: How many neighbors.
        threads: With one, processor time is measured, else wall time.

    Returns:
        One line a way: milliseconds a batch of 64 and a single query, recall.
    """
    import faiss

    dim = rows.shape[1]
    batch = np.resize(queries, (BATCH, dim))
    plain: Any = faiss.IndexFlatIP(dim)
    plain.add(rows)
    half = rows.astype(np.float16)
    flat = build_index([rows], IndexConfig("flat"), dim=dim)
    short = build_index([rows], IndexConfig("flat", codes="float16"), dim=dim)
    stored = ExactIndex([half], dim=dim)
    library: Any = faiss

    def usual(asked: Rows) -> NDArray[np.int64]:
        library.cvar.distance_compute_blas_threshold = FAISS_THRESHOLD
        found: NDArray[np.int64] = plain.search(asked, k)[1]
        return found

    def product(asked: Rows) -> None:
        asked @ rows.T

    ways: dict[str, Callable[[Rows], Any]] = {
        "NumPy matrix product alone": product,
        "FAISS flat, its defaults": usual,
        "Lookalike flat, float32": through(flat, k),
        "Lookalike flat, float16": through(short, k),
        "Lookalike exact, on float16 files": through(stored, k),
    }
    clock = time.process_time if threads == 1 else time.perf_counter
    batches: dict[str, list[float]] = {name: [] for name in ways}
    singles: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start = clock()
            way(batch)
            middle = clock()
            for line in range(SINGLES):
                way(batch[line : line + 1])
            singles[name].append((clock() - middle) / SINGLES)
            batches[name].append(middle - start)
    truth = usual(batch)
    return table(ways, batches, singles, {
        name: float(ann_recall_at_k(way(batch), truth, k).mean())
        for name, way in ways.items()
        if way is not product
    })  # fmt: skip


def through(index: Index, k: int) -> Callable[[Rows], NDArray[np.int64]]:
    """Search one of our indexes."""
    return lambda asked: index.search(asked, k).rows


def table(
    ways: Mapping[str, object],
    batches: Mapping[str, list[float]],
    singles: Mapping[str, list[float]],
    recalls: Mapping[str, float],
) -> list[dict[str, Any]]:
    """Put medians and ratios together."""
    middle = {name: statistics.median(batches[name]) for name in ways}
    single = {name: statistics.median(singles[name]) for name in ways}
    usual = "FAISS flat, its defaults"
    return [
        {
            "way": name,
            "batch_ms": 1e3 * middle[name],
            "x_faiss_batch": middle[usual] / middle[name],
            "x_product": middle["NumPy matrix product alone"] / middle[name],
            "single_ms": 1e3 * single[name],
            "x_faiss_single": single[usual] / single[name],
            "recall": recalls.get(name),
        }
        for name in ways
    ]
