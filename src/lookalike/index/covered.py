"""The rows that a built index covers, as far as they are still in the gallery."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lookalike.index.config import SearchParams
from lookalike.index.exact import live_mask
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.metrics import scaled
from lookalike.index.probing import ListRanking
from lookalike.index.spans import Spans
from lookalike.vectors import FloatRows, Neighbors, exact_scores, gathered

__all__ = ["CoveredRows", "IndexedRows"]

# With so few rows in the way, fetching some more is cheaper than masking them out.
NEARLY_ALL = 0.9
# Beyond this many candidates a graph is slower than comparing the allowed rows.
MOST_CANDIDATES = 1024
# Raised for a filter, it ends here: scoring more again takes longer than it is worth.
LARGEST_K_FACTOR = 64
# Rows scored again at once: 32 MB of float64 at 512 numbers.
ROWS_AT_ONCE = 8192


class IndexedRows:
    """An index, and what is computed once for all generations it serves.

    Args:
        index: Over rows of its own numbering.
    """

    def __init__(self, index: FaissIndex) -> None:
        self.index = index

    @cached_property
    def ranking(self) -> ListRanking:
        """Its lists; reading them takes a moment, so the first filter does."""
        return ListRanking(self.index.base)

    @cached_property
    def length(self) -> int:
        """How many numbers its rows reach to."""
        numbers = self.index.numbers
        return 1 + max(int(part.max(initial=-1)) for part in (numbers.rows, numbers.copies.copy))


class CoveredRows:
    """Searches an index whose rows may have gone, and scores what it finds exactly.

    Args:
        indexed: The index.
        spans: Where its rows are in the gallery now.
        blocks: All of the gallery's embeddings.
        dead: Sorted rows of the gallery that must not be found.

    Attributes:
        index: The index.
        rows: How many of its rows can be found.
        gone_rows: How many cannot any more.
    """

    def __init__(
        self,
        indexed: IndexedRows,
        spans: Spans,
        blocks: Sequence[FloatRows],
        dead: NDArray[np.int64],
    ) -> None:
        self._indexed = indexed
        self.index = indexed.index
        self._spans = spans
        self._blocks = blocks
        self._dead = dead
        buried = int((spans.to_main(dead) >= 0).sum())
        self.rows = spans.rows - buried
        self.gone_rows = max(0, self.index.size - self.rows)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        params: SearchParams,
        allowed: NDArray[np.bool_] | None,
        count: int,
    ) -> tuple[Neighbors, SearchParams]:
        """Find about the k best rows of the gallery, by exact scores.

        Args:
            queries: Scaled, ``(n, dim)``.
            k: How many.
            params: What would do if every row could be found.
            allowed: Mask over the gallery's rows without the dead ones; None: all
                that live.
            count: How many of the index's rows may be found, at least one.

        Returns:
            The answer, padded where too few were met, and what was searched with.
        """
        share = count / self.index.size
        kept = self._kept(k, share)
        if share >= NEARLY_ALL or self.index.has_graph:
            rows, used = self._thinned(queries, kept, params, allowed, share)
        else:
            rows, used = self._selected(queries, kept, params, allowed, share)
        return self._scored(queries, rows, k), used

    def _kept(self, k: int, share: float) -> int:
        """Say how many rows are scored exactly: more where codes blur the order."""
        config = self.index.config
        blurred = not self.index.is_refined and (
            config.codes == "int8" or config.kind in {"ivf-pq", "ivf-rabitq", "factory"}
        )
        if blurred:
            return math.ceil((2 * k + 8) / math.sqrt(share))
        # The last that a walk brings are the least sure.
        return 2 * k + 8 if self.index.has_graph and share < NEARLY_ALL else k

    def _thinned(
        self,
        queries: NDArray[np.float32],
        kept: int,
        params: SearchParams,
        allowed: NDArray[np.bool_] | None,
        share: float,
    ) -> tuple[NDArray[np.int64], SearchParams]:
        """Fetch more than needed and drop what may not be found; more where too few are left.

        What is left of the nearest rows is the nearest of what is left, however
        the filter lies to the query: no graph walk has to step around it.
        """
        rows = np.full((len(queries), kept), -1, dtype=np.int64)
        lines = np.arange(len(queries))
        least = max(1, round(share * self.index.size))
        want = fetched(kept, share)
        while True:
            used = self._widened(params, want, share)
            found = self.index.search(queries[lines], want, params=used)
            rows[lines] = leading(self._findable(found.rows, allowed), kept)
            short = (rows[lines] >= 0).sum(axis=1) < min(kept, least)
            lines = lines[short]
            want *= 4
            if not len(lines) or want > min(MOST_CANDIDATES, self.index.size):
                return rows, used

    def _widened(self, params: SearchParams, want: int, share: float) -> SearchParams:
        """Let a graph walk wide enough for that many candidates."""
        if not self.index.has_graph or share >= 1:
            return params
        usual = params.ef_search or 64
        # The last that a walk keeps are the least sure: it keeps half as many again.
        return replace(params, ef_search=max(math.ceil(usual / math.sqrt(share)), want * 3 // 2))

    def _findable(
        self, found: NDArray[np.int64], allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        """Turn the index's rows into the gallery's; what may not be found becomes -1."""
        rows = self._spans.to_global(found)
        if allowed is not None:
            return np.where((rows >= 0) & allowed[rows], rows, -1)
        if not len(self._dead):
            return rows
        place = np.minimum(np.searchsorted(self._dead, rows), len(self._dead) - 1)
        return np.where(self._dead[place] == rows, -1, rows)

    def _selected(
        self,
        queries: NDArray[np.float32],
        kept: int,
        params: SearchParams,
        allowed: NDArray[np.bool_] | None,
        share: float,
    ) -> tuple[NDArray[np.int64], SearchParams]:
        """Let FAISS pass over what may not be found, and look into more lists for it."""
        if allowed is None:
            allowed = live_mask(self._dead, 0, sum(len(block) for block in self._blocks))
        mask = self._spans.masked(allowed, self._indexed.length)
        if not self.index.has_lists:
            found = self.index.search(queries, kept, params=params, allowed=mask)
            return self._spans.to_global(found.rows), params
        nprobe = params.nprobe or 1
        if self.index.is_refined:
            # Rows far from the query score alike: coarse codes confuse more of them.
            usual = params.k_factor or 1
            raised = round(min(usual / share, LARGEST_K_FACTOR), 1)
            params = replace(params, k_factor=max(usual, raised))
        positions = self.index.numbers.positions(mask)
        wanted = self._indexed.ranking.nprobes(queries, nprobe, positions)
        # One search for each power of two between: FAISS takes one nprobe a call.
        steps = np.ceil(np.log2(np.maximum(wanted / nprobe, 1)) * 2) / 2
        rows = np.full((len(queries), kept), -1, dtype=np.int64)
        used = params
        for step in np.unique(steps):
            lines = np.flatnonzero(steps == step)
            used = replace(params, nprobe=int(wanted[lines].max()))
            found = self.index.search(queries[lines], kept, params=used, allowed=mask)
            rows[lines] = self._spans.to_global(found.rows)
        return rows, used

    def _scored(self, queries: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Neighbors:
        """Score candidates ``(n, kept)`` exactly, and keep the k best."""
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        at_once = max(1, ROWS_AT_ONCE // rows.shape[1])
        for start in range(0, len(queries), at_once):
            part = rows[start : start + at_once]
            found = part >= 0
            if not found.any():
                continue
            metric = self.index.config.metric
            near = scaled(gathered(self._blocks, part[found]), metric)
            ends = np.cumsum(found.sum(axis=1))
            for line, end in enumerate(ends):
                own = near[end - int(found[line].sum()) : end]
                scores[start + line, found[line]] = exact_scores(queries[start + line], own, metric)
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        return Neighbors(
            np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
        )


def fetched(kept: int, share: float) -> int:
    """Say how many to fetch so that ``kept`` are left, with three deviations to spare."""
    if share >= 1:
        return kept
    return math.ceil((kept + 3 * math.sqrt(kept * (1 - share))) / share) + 4


def leading(rows: NDArray[np.int64], kept: int) -> NDArray[np.int64]:
    """Move the rows found to the front of each line, in order, and cut after ``kept``."""
    if (rows[:, :kept] >= 0).all():
        return rows[:, :kept]
    order = np.argsort(rows < 0, axis=1, kind="stable")[:, :kept]
    return np.take_along_axis(rows, order, axis=1)
