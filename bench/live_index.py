"""A live index after changes and under filters: does the recall hold, and what does it cost?

    python bench/live_index.py [--rows 100000] [--kinds ivf-pq ...]

On the embeddings of bench/views.py, for several kinds of index with their usual settings:

- churn: half of the rows are deleted and as many new ones added, which the index does not
  cover; its recall beside that of an index built anew over the same rows;
- filters: 0.1, 1, 10 and 50 % of the rows allowed, at random and by region (the rows with
  the largest first number, as a label would); recall beside exact search over the allowed,
  and milliseconds of a single query, median;
- adding one picture: milliseconds until it is found.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.index import ExactIndex, FaissIndex, Index, IndexConfig, build_index
from lookalike.index.covered import IndexedRows
from lookalike.index.live import LiveIndex
from lookalike.index.spans import Span
from reporting import publish

VIEWS = Path(__file__).resolve().parent / "results" / "views"
KINDS = {
    "ivf-pq": IndexConfig("ivf-pq"),
    "ivf, int8": IndexConfig("ivf", codes="int8"),
    "ivf-rabitq": IndexConfig("ivf-rabitq"),
    "hnsw, int8": IndexConfig("hnsw", codes="int8"),
}
SHARES = (0.001, 0.01, 0.1, 0.5)
QUERIES, SINGLES, K = 300, 30, 10


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """Share of the exact neighbors that were found."""
    hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, exact, strict=True)]
    return float(np.mean(hits)) / exact.shape[1]


def live(
    index: Index, blocks: list[np.ndarray], dead: NDArray[np.int64], covered: int
) -> LiveIndex:
    """Put what is newer and what is gone beside an index over the first rows."""
    if not isinstance(index, FaissIndex):
        raise TypeError("only FAISS's structures age")
    spans = [Span(0, 0, covered)]
    return LiveIndex(IndexedRows(index), spans, blocks, dim=index.dim, dead=dead)


def churned(config: IndexConfig, base: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    """Delete half, add as many, and compare with a build over what is there then."""
    half = len(base) // 3
    old, new = base[: 2 * half], base[2 * half :]
    dead = np.sort(np.random.default_rng(0).permutation(len(old))[:half])
    exact = ExactIndex([old, new], dim=base.shape[1], dead=dead).search(queries, K).rows
    aged = live(build_index([old], config, dim=base.shape[1]), [old, new], dead, len(old))
    fresh = build_index([old, new], config, dim=base.shape[1], dead=dead)
    return {
        "after churn": recall(aged.search(queries, K).rows, exact),
        "built anew": recall(fresh.search(queries, K).rows, exact),
    }


def masks(base: np.ndarray, share: float) -> dict[str, NDArray[np.bool_]]:
    """Allow that share of the rows at random, and by region."""
    first = base[:, 0].astype(np.float32)
    dice = np.random.default_rng(1)
    return {
        "at random": dice.random(len(base)) < share,
        "by region": first >= np.quantile(first, 1 - share),
    }


def filtered(name: str, index: LiveIndex, base: np.ndarray, queries: np.ndarray) -> list[dict]:
    """Search under filters of several sizes."""
    lines = []
    for share in SHARES:
        for way, mask in masks(base, share).items():
            exact = ExactIndex([base], dim=base.shape[1]).search(queries, K, allowed=mask).rows
            times = []
            for line in range(SINGLES):
                start = time.perf_counter()
                index.search(queries[line : line + 1], K, allowed=mask)
                times.append(1e3 * (time.perf_counter() - start))
            found = index.search(queries, K, allowed=mask).rows
            lines.append(
                {
                    "index": name, "allowed": f"{share:.1%} {way}", "recall": recall(found, exact),
                    "single, ms": statistics.median(times),
                }
            )  # fmt: skip
    return lines


def added(index: Index, base: np.ndarray) -> float:
    """Add one row; milliseconds until a search over the new state finds it, median of 9."""
    new = base[:1][:, ::-1].copy()
    times = []
    for _ in range(9):
        start = time.perf_counter()
        state = live(index, [base, new], np.empty(0, np.int64), len(base))
        found = state.search(new.astype(np.float32), 1).rows
        times.append(1e3 * (time.perf_counter() - start))
        if found[0, 0] != len(base):
            raise RuntimeError("the new row was not found")
    return statistics.median(times)


def main() -> None:
    """Measure every kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    given = parser.parse_args()
    rows = given.rows
    base = np.load(VIEWS / f"base-{rows}.npy", mmap_mode="r")
    base = np.ascontiguousarray(base)
    queries = np.load(VIEWS / "queries.npy")[:QUERIES]
    exact = ExactIndex([base], dim=base.shape[1]).search(queries, K).rows
    churn, filters = [], []
    for name in given.kinds:
        config = KINDS[name]
        sys.stderr.write(f"{name} ...\n")
        index = build_index([base], config, dim=base.shape[1])
        whole = live(index, [base], np.empty(0, np.int64), len(base))
        churn.append(
            {
                "index": name, "unchanged": recall(whole.search(queries, K).rows, exact),
                **churned(config, base, queries), "one row added, ms": added(index, base),
            }
        )  # fmt: skip
        filters += filtered(name, whole, base, queries)
    publish(f"live_index_{rows}", churn)
    publish(f"live_index_filters_{rows}", filters)


if __name__ == "__main__":
    main()
