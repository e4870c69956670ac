"""Exact search over blocks of embeddings, wherever they lie: the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.config import SearchParams
from lookalike.index.metrics import all_scores, rounding, scaled, scaled_queries
from lookalike.vectors import FloatRows, Neighbors, exact_scores, padded, rank

__all__ = ["NOTHING", "ExactIndex", "Ranked", "live_mask", "require_k"]

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
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        metric: As in ``IndexConfig``.
    """

    def __init__(
        self,
        blocks: Sequence[FloatRows],
        *,
        dim: int,
        dead: NDArray[np.int64] | None = None,
        metric: str = "cosine",
    ) -> None:
        for block in blocks:
            if block.ndim != 2 or block.shape[1] != dim:
                raise UsageError(f"A block needs shape (rows, {dim}); this has {block.shape}.")
        self._blocks = tuple(blocks)
        self._dim = dim
        self._dead = np.asarray([] if dead is None else dead, dtype=np.int64)
        self._rows = sum(len(block) for block in blocks)
        self._metric = metric

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return self._rows - len(self._dead)

    @property
    def size_bytes(self) -> int:
        """Nothing: it reads the rows where they are."""
        return 0

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        params: SearchParams | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Neighbors:
        """Find the k rows of highest score for each query ``(n, dim)``; params change nothing."""
        require_k(k)
        queries = scaled_queries(queries, self._dim, self._metric)
        best = [NOTHING] * len(queries)
        for numbers, rows in self._slices(allowed):
            scores = all_scores(queries, rows, self._metric)
            slack = rounding(queries, rows, self._metric)
            for line, query in enumerate(queries):
                best[line] = self._improved(
                    best[line], query, scores[line], (numbers, rows), k, slack
                )
        return padded(best, k)

    def _slices(
        self, allowed: NDArray[np.bool_] | None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Walk over the rows that may be found: their numbers, and a slice as float32."""
        offset = 0
        for block in self._blocks:
            for start in range(0, len(block), SLICE_ROWS):
                rows: NDArray[Any] = block[start : start + SLICE_ROWS]
                mask = live_mask(self._dead, offset + start, len(rows))
                if allowed is not None:
                    mask &= allowed[offset + start : offset + start + len(rows)]
                inside = np.flatnonzero(mask)
                if len(inside) < len(rows):
                    rows = rows[inside]
                if len(inside):
                    yield offset + start + inside, np.asarray(rows, np.float32)
            offset += len(block)

    def _improved(
        self,
        best: Ranked,
        query: NDArray[np.float32],
        scores: NDArray[np.float32],
        given: tuple[NDArray[np.int64], NDArray[np.float32]],
        k: int,
        slack: float,
    ) -> Ranked:
        """Merge what one slice offers into the k best so far.

        Whatever comes within rounding of the k-th place is scored again exactly,
        so that ties are decided by row and not by the last bit of a product.
        """
        numbers, rows = given
        place = min(k, len(scores))
        kth = np.partition(scores, len(scores) - place)[len(scores) - place]
        bound = kth if len(best[0]) < k else max(kth, best[0][-1])
        found = np.flatnonzero(scores >= bound - slack)
        if not len(found):
            return best
        again = exact_scores(query, scaled(rows[found], self._metric), self._metric)
        every = np.concatenate([best[1], numbers[found]])
        return rank(np.concatenate([best[0], again]), every, k)


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
