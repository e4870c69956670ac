"""The live index: a built index, an exact delta of what came since, and what is gone left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.index.config import SearchParams
from lookalike.index.covered import CoveredRows, IndexedRows
from lookalike.index.exact import ExactIndex, live_mask, require_k
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.metrics import scaled_queries
from lookalike.index.plans import Plan
from lookalike.index.spans import Span, Spans
from lookalike.vectors import FloatRows, Neighbors, gathered

__all__ = ["LiveIndex"]

# Comparing so many rows takes a few milliseconds: no index is worth asking.
FEW_ROWS = 4096
# Below these shares comparing the allowed rows is as fast as the index, and exact.
FEW_OF_LISTS = 0.02
FEW_OF_GRAPH = 0.15
# Above it the index is asked whatever the share: 0.1 s of comparing.
MANY_ROWS = 200_000
# An answer of that share of all rows is a ranking of the gallery, not a search.
LARGE_ANSWER = 0.1


class LiveIndex:
    """Answers for the present state of a gallery with an index of an older one.

    Rows that the index has not got are compared one by one, and rows that went
    away are never found. All scores are exact. A new generation costs no more
    than its new and its dead rows.

    Args:
        main: What was built, or nothing: then every row is compared.
        spans: Where the rows of ``main`` are in ``blocks``; each span is a whole block.
        blocks: All embeddings, arrays ``(rows, dim)``.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        metric: As in ``IndexConfig``.
    """

    def __init__(
        self,
        main: FaissIndex | IndexedRows | None,
        spans: Sequence[Span],
        blocks: Sequence[FloatRows],
        *,
        dim: int,
        dead: NDArray[np.int64] | None = None,
        metric: str = "cosine",
    ) -> None:
        self._blocks = tuple(blocks)
        self._dim = dim
        self._metric = metric
        self._dead = np.asarray([] if dead is None else dead, dtype=np.int64)
        self._rows = sum(len(block) for block in blocks)
        self._exact = ExactIndex(self._blocks, dim=dim, dead=self._dead, metric=metric)
        indexed = IndexedRows(main) if isinstance(main, FaissIndex) else main
        self._built_rows = 0 if indexed is None else indexed.index.size
        self._main: CoveredRows | None = None
        self._newer = self._exact
        self._newer_spans = Spans([Span(0, 0, self._rows)])
        if indexed is not None and spans:
            self._main = CoveredRows(indexed, Spans(spans), self._blocks, self._dead)
            self._split({span.global_start for span in spans})

    def _split(self, covered: set[int]) -> None:
        """Put the blocks that the index does not cover into an exact index of their own."""
        newer: list[FloatRows] = []
        spans = []
        start = length = 0
        for block in self._blocks:
            if start not in covered and len(block):
                newer.append(block)
                spans.append(Span(length, start, len(block)))
                length += len(block)
            start += len(block)
        self._newer_spans = Spans(spans)
        dead = self._newer_spans.to_main(self._dead)
        self._newer = ExactIndex(newer, dim=self._dim, dead=dead[dead >= 0], metric=self._metric)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return self._exact.size

    @property
    def size_bytes(self) -> int:
        """Memory of the built index."""
        return 0 if self._main is None else self._main.index.size_bytes

    @property
    def delta_rows(self) -> int:
        """Living rows that the index has not got."""
        return self._newer.size

    @property
    def gone_rows(self) -> int:
        """Rows of the index that are no longer there."""
        return self._built_rows if self._main is None else self._main.gone_rows

    @property
    def gone_share(self) -> float:
        """Their share of the index."""
        return self.gone_rows / self._built_rows if self._built_rows else 0.0

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        params: SearchParams | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Neighbors:
        """Find the k rows of highest score for each query ``(n, dim)``: k if there are k."""
        return self.explained(queries, k, params=params, allowed=allowed)[0]

    def explained(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        params: SearchParams | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[Neighbors, Plan]:
        """Search, and say how that was done."""
        require_k(k)
        asked = scaled_queries(queries, self._dim, self._metric)
        living, count = self._living(allowed)
        if self._main is None or self._is_exact_better(self._main, k, count):
            found = self._compared(asked, k, living, count)
            return found, Plan("exact", self.size, None if allowed is None else count)
        return self._joined(self._main, asked, k, params or SearchParams(), living, count)

    def _living(self, allowed: NDArray[np.bool_] | None) -> tuple[NDArray[np.bool_] | None, int]:
        """Take the dead out of what is allowed, and count the rest."""
        if allowed is None:
            return None, self.size
        living = allowed & live_mask(self._dead, 0, self._rows)
        return living, int(np.count_nonzero(living))

    def _is_exact_better(self, main: CoveredRows, k: int, count: int) -> bool:
        """Weigh comparing the rows that may be found against asking the index."""
        if not main.rows or count <= FEW_ROWS or k > LARGE_ANSWER * count:
            return True
        if count == self.size:
            return False
        is_graph = main.index.has_graph
        few = (FEW_OF_GRAPH if is_graph else FEW_OF_LISTS) * self.size
        return count <= (few if is_graph else min(few, MANY_ROWS))

    def _compared(
        self,
        queries: NDArray[np.float32],
        k: int,
        living: NDArray[np.bool_] | None,
        count: int,
    ) -> Neighbors:
        """Compare with every row that may be found."""
        if living is None or count > MANY_ROWS or not count:
            return self._exact.search(queries, k, allowed=living)
        rows = np.flatnonzero(living)
        few = ExactIndex([gathered(self._blocks, rows)], dim=self._dim, metric=self._metric)
        found = few.search(queries, k)
        return Neighbors(found.scores, np.append(rows, -1)[found.rows])

    def _joined(
        self,
        main: CoveredRows,
        queries: NDArray[np.float32],
        k: int,
        params: SearchParams,
        living: NDArray[np.bool_] | None,
        count: int,
    ) -> tuple[Neighbors, Plan]:
        """Ask the index and the delta; where the index finds too few, compare every row."""
        newer_mask = (
            None if living is None else self._newer_spans.masked(living, self._newer_spans.rows)
        )
        newer_count = self.delta_rows if newer_mask is None else int(newer_mask.sum())
        covered = count - newer_count
        usual = params.over(main.index.params)
        parts = []
        used, short = usual, np.empty(0, dtype=np.int64)
        if covered:
            near, used = main.search(queries, k, usual, living, covered)
            parts.append(near)
            short = np.flatnonzero((near.rows >= 0).sum(axis=1) < min(k, covered))
        if newer_count:
            near = self._newer.search(queries, k, allowed=newer_mask)
            parts.append(Neighbors(near.scores, self._newer_spans.to_global(near.rows)))
        found = merged(parts, k)
        if len(short):
            again = self._compared(queries[short], k, living, count)
            found.scores[short], found.rows[short] = again.scores, again.rows
        return found, Plan(
            main.index.config.kind,
            self.size,
            None if living is None else count,
            meant(main.index, usual),
            meant(main.index, used),
            newer_count,
            self.gone_rows,
            len(short),
        )


def meant(index: FaissIndex, params: SearchParams) -> SearchParams:
    """Keep what this index looks at: no more lists than it has."""
    nprobe = params.nprobe
    if nprobe is not None and index.nlist is not None:
        nprobe = min(nprobe, index.nlist)
    return SearchParams(
        nprobe if index.has_lists else None,
        params.ef_search if index.has_graph else None,
        params.k_factor if index.is_refined else None,
    )


def merged(parts: Sequence[Neighbors], k: int) -> Neighbors:
    """Merge answers over disjoint rows, ``(n, k)`` each."""
    if len(parts) == 1:
        return Neighbors(parts[0].scores.copy(), parts[0].rows.copy())
    scores = np.concatenate([part.scores for part in parts], axis=1)
    rows = np.concatenate([part.rows for part in parts], axis=1)
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    return Neighbors(
        np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
    )
