"""Exact search over blocks of embeddings, wherever they lie: the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.vectors import (
    DOT_PRODUCT_SLACK,
    FloatRows,
    Neighbors,
    exact_scores,
    padded,
    rank,
    to_queries,
    unit_rows,
)

__all__ = ["ExactIndex", "live_mask"]

# A slice of this many rows of 256 numbers is 4 MB as float32: it stays in the
# processor's cache between the conversion and the product.
SLICE_ROWS = 4096

Ranked = tuple[NDArray[np.float32], NDArray[np.int64]]
NOTHING: Ranked = (np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64))


class ExactIndex:
    """Compares a query with every row, reading the blocks where they are.

    Args:
        blocks: Arrays ``(rows, dim)``, float16 or float32, memory-mapped or
            not. A row's number is its position over all blocks.
        dead: Sorted rows that must not be found.
    """

    def __init__(
        self, blocks: Sequence[FloatRows], *, dim: int, dead: NDArray[np.int64] | None = None
    ) -> None:
        for block in blocks:
            if block.ndim != 2 or block.shape[1] != dim:
                raise UsageError(f"A block needs shape (rows, {dim}); this has {block.shape}.")
        self._blocks = tuple(blocks)
        self._dim = dim
        self._dead = np.asarray([] if dead is None else dead, dtype=np.int64)
        self._rows = sum(len(block) for block in blocks)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return self._rows - len(self._dead)

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbors:
        """Find the k rows of highest score for each query ``(n, dim)``."""
        require_k(k)
        queries = to_queries(queries, self._dim)
        best = [NOTHING] * len(queries)
        for start, rows in self._slices():
            alive = live_mask(self._dead, start, len(rows))
            scores = (queries @ rows.T) / lengths(rows)
            scores[:, ~alive] = -np.inf
            for line, query in enumerate(queries):
                best[line] = improved(best[line], query, scores[line], rows, start, k)
        return padded(best, k)

    def _slices(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Walk over all rows: first row of a slice, and the slice as float32."""
        offset = 0
        for block in self._blocks:
            for start in range(0, len(block), SLICE_ROWS):
                yield offset + start, np.asarray(block[start : start + SLICE_ROWS], np.float32)
            offset += len(block)


def lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Measure rows: float16 keeps unit length only to about 5e-4, which is more than ties allow."""
    measured = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(np.where(measured > 0, measured, 1), dtype=np.float32)


def improved(
    best: Ranked,
    query: NDArray[np.float32],
    scores: NDArray[np.float32],
    rows: NDArray[Any],
    start: int,
    k: int,
) -> Ranked:
    """Merge what one slice offers into the k best so far.

    Whatever comes within rounding of the k-th place is scored again exactly,
    so that ties are decided by row and not by the last bit of a product.
    """
    place = min(k, len(scores))
    kth = np.partition(scores, len(scores) - place)[len(scores) - place]
    bound = kth if len(best[0]) < k else max(kth, best[0][-1])
    found = np.flatnonzero((scores >= bound - DOT_PRODUCT_SLACK) & np.isfinite(scores))
    if not len(found):
        return best
    again = exact_scores(query, unit_rows(rows[found]))
    return rank(np.concatenate([best[0], again]), np.concatenate([best[1], start + found]), k)


def live_mask(dead: NDArray[np.int64], start: int, count: int) -> NDArray[np.bool_]:
    """Tell which of the rows ``start ... start + count`` are not dead."""
    alive = np.ones(count, dtype=np.bool_)
    first, last = np.searchsorted(dead, [start, start + count])
    alive[dead[first:last] - start] = False
    return alive


def require_k(k: int) -> None:
    """Refuse a k that asks for nothing."""
    if k < 1:
        raise UsageError(f"k is {k}: ask for at least one neighbor.")
