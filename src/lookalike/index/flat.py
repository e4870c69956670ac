"""FAISS's flat index: every row in memory as float32, compared exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.index.exact import NOTHING, Ranked, live_mask, require_k
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

__all__ = ["FlatIndex"]

# How many more than k are fetched, to see whether the k-th place is tied.
MARGIN = 16
# Rows are added in slices, so that building needs no second copy of a segment.
ADDED_ROWS = 65536


class FlatIndex:
    """Answers as ``ExactIndex`` does, ties included, from memory.

    Args:
        blocks: Arrays ``(rows, dim)``; a row's number is its position over all.
        dead: Sorted rows that must not be found.
    """

    def __init__(
        self, blocks: Sequence[FloatRows], *, dim: int, dead: NDArray[np.int64] | None = None
    ) -> None:
        import faiss

        gone = np.asarray([] if dead is None else dead, dtype=np.int64)
        self._index = faiss.IndexFlatIP(dim)
        self._dim = dim
        rows: list[NDArray[np.int64]] = []
        offset = 0
        for block in blocks:
            alive = live_mask(gone, offset, len(block))
            for start in range(0, len(block), ADDED_ROWS):
                part = slice(start, start + ADDED_ROWS)
                self._index.add(unit_rows(block[part][alive[part]]))
            rows.append(offset + np.flatnonzero(alive))
            offset += len(block)
        self._rows = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return len(self._rows)

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbors:
        """Find the k rows of highest score for each query ``(n, dim)``."""
        require_k(k)
        queries = to_queries(queries, self._dim)
        use_matrix_product_from(4 * self._dim)
        fetched = min(k + MARGIN, self.size)
        if not fetched:
            return padded([NOTHING] * len(queries), k)
        scores, positions = self._index.search(queries, fetched)
        return padded(
            [
                self._ranked(query, positions[line], k)
                if self._is_settled(scores[line], k)
                else self._search_tied(query, k)
                for line, query in enumerate(queries)
            ],
            k,
        )

    def _search_tied(self, query: NDArray[np.float32], k: int) -> Ranked:
        """Fetch more and more until everything that ties with the k-th place is in."""
        fetched = k + MARGIN
        while True:
            fetched = min(2 * fetched, self.size)
            scores, positions = self._index.search(query[None], fetched)
            if self._is_settled(scores[0], k):
                return self._ranked(query, positions[0], k)

    def _is_settled(self, scores: NDArray[np.float32], k: int) -> bool:
        if len(scores) >= self.size:
            return True
        return bool(scores[-1] < scores[k - 1] - DOT_PRODUCT_SLACK)

    def _ranked(self, query: NDArray[np.float32], positions: NDArray[np.int64], k: int) -> Ranked:
        found = np.sort(positions[positions >= 0])
        stored = self._embeddings()[found]
        return rank(exact_scores(query, stored), self._rows[found], k)

    def _embeddings(self) -> NDArray[np.float32]:
        """View FAISS's own memory ``(size, dim)``."""
        import faiss

        flat = faiss.rev_swig_ptr(self._index.get_xb(), self.size * self._dim)
        view: NDArray[np.float32] = flat.reshape(self.size, self._dim)
        return view


def use_matrix_product_from(threshold: int) -> None:
    """Let FAISS use a matrix product for small batches too.

    Its default, 128,000 query numbers, compares batches of up to 250 queries of
    512 numbers row by row: 7 times slower at 64 queries (FAISS 1.15).
    """
    import faiss

    if hasattr(faiss.cvar, "distance_compute_blas_threshold"):
        faiss.cvar.distance_compute_blas_threshold = threshold
