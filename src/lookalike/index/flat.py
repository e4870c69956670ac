"""FAISS's flat index: every row in memory as float32, compared exactly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.index.config import SearchParams
from lookalike.index.exact import (
    NOTHING,
    ExactIndex,
    Ranked,
    live_mask,
    require_k,
    require_shape,
    selecting,
)
from lookalike.index.faiss_library import faiss_library, use_matrix_product_from
from lookalike.index.gpu import GpuCopy, belongs_on_gpu
from lookalike.index.metrics import rounding, scaled, scaled_queries
from lookalike.index.scanning import FEW_QUERIES
from lookalike.vectors import FloatRows, Neighbors, exact_scores, padded, rank

__all__ = ["ADDED_ROWS", "FlatIndex"]

# How many more than k are fetched, to see whether the k-th place is tied.
MARGIN = 16
# Rows are added in slices, so that building needs no second copy of a segment.
ADDED_ROWS = 65536


class FlatIndex:
    """Answers as ``ExactIndex`` does, ties included, from memory.

    Args:
        blocks: Arrays ``(rows, dim)``; a row's number is its position over all.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        metric: As in ``IndexConfig``.
        device: As in ``IndexConfig``.
    """

    def __init__(
        self,
        blocks: Sequence[FloatRows],
        *,
        dim: int,
        dead: NDArray[np.int64] | None = None,
        metric: str = "cosine",
        device: str = "auto",
    ) -> None:
        faiss = faiss_library()
        gone = np.asarray([] if dead is None else dead, dtype=np.int64)
        is_l2 = metric == "l2"
        self._index = faiss.IndexFlat(dim, faiss.METRIC_L2 if is_l2 else faiss.METRIC_INNER_PRODUCT)
        self._dim = dim
        self._metric = metric
        self._slack = rounding(
            np.empty((0, dim), np.float32), np.empty((0, dim), np.float32), metric
        )
        rows: list[NDArray[np.int64]] = []
        offset = 0
        for block in blocks:
            require_shape(block, dim)
            alive = live_mask(gone, offset, len(block))
            for start in range(0, len(block), ADDED_ROWS):
                part = slice(start, start + ADDED_ROWS)
                given = scaled(block[part][alive[part]], metric)
                self._slack = max(self._slack, rounding(given[:0], given, metric))
                self._index.add(given)
            rows.append(offset + np.flatnonzero(alive))
            offset += len(block)
        self._rows = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
        self._gpu = GpuCopy(self._index) if belongs_on_gpu(self._index, device) else None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return len(self._rows)

    @property
    def size_bytes(self) -> int:
        """Memory of the rows and their numbers."""
        return self.size * (4 * self._dim + 8)

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
        use_matrix_product_from(4 * self._dim)
        mask = None if allowed is None else allowed[self._rows]
        available = self.size if mask is None else int(mask.sum())
        if not available:
            return padded([NOTHING] * len(queries), k)
        if mask is not None and len(queries) > FEW_QUERIES:
            return self._multiplied(queries, k, mask)
        chosen, *_kept = (None,) if mask is None else selecting(mask)
        fetched = min(k + MARGIN, available)
        scores, positions = self._found(queries, fetched, chosen)
        answers = []
        for line, query in enumerate(queries):
            count, near, found = fetched, scores[line], positions[line]
            # More and more, until everything that ties with the k-th place is in.
            while not (count == available or near[-1] < near[k - 1] - self._slack):
                count = min(2 * count, available)
                near, found = (part[0] for part in self._found(query[None], count, chosen))
            answers.append(self._ranked(query, found, k))
        return padded(answers, k)

    def _found(
        self, queries: NDArray[np.float32], count: int, chosen: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        is_moved = self._gpu is not None and chosen is None and self._gpu.takes(count, 1)
        searched: Any = self._gpu if is_moved else self._index
        scores, positions = searched.search(queries, count, params=chosen)
        return (-scores if self._metric == "l2" else scores), positions

    def _multiplied(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_]
    ) -> Neighbors:
        """Search a batch under a mask, for which FAISS multiplies no matrices (7 times slower)."""
        found = self._exact.search(queries, k, allowed=mask)
        return Neighbors(found.scores, np.append(self._rows, -1)[found.rows])

    @cached_property
    def _exact(self) -> ExactIndex:
        """Exact search over FAISS's own memory."""
        return ExactIndex([self._embeddings()], dim=self._dim, metric=self._metric, is_scaled=True)

    def _ranked(self, query: NDArray[np.float32], positions: NDArray[np.int64], k: int) -> Ranked:
        found = np.sort(positions[positions >= 0])
        again = exact_scores(query, self._embeddings()[found], self._metric)
        return rank(again, self._rows[found], k)

    def _embeddings(self) -> NDArray[np.float32]:
        """View FAISS's own memory ``(size, dim)``."""
        faiss = faiss_library()
        flat = faiss.rev_swig_ptr(self._index.get_xb(), self.size * self._dim)
        view: NDArray[np.float32] = flat.reshape(self.size, self._dim)
        return view
