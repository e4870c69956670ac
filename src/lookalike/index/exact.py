"""Exact search over blocks of embeddings, wherever they lie: the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.config import SearchParams
from lookalike.index.faiss_library import faiss_library
from lookalike.index.metrics import scaled, scaled_queries
from lookalike.index.scanning import SLICE_ROWS, ScannedBlock, to_float32
from lookalike.vectors import FloatRows, Neighbors, exact_scores, padded, rank

__all__ = ["NOTHING", "ExactIndex", "Ranked", "live_mask", "require_k", "require_shape"]

# How many more than k are fetched, to see whether the k-th place is tied.
MARGIN = 16
# Candidates of a batch are scored exactly, and most forgotten, when there are so many.
MOST_CANDIDATES = 1_000_000
# Candidates are scored exactly in pieces: a query may tie with a million rows.
SCORED_ROWS = 4096

Ranked = tuple[NDArray[np.float32], NDArray[np.int64]]
NOTHING: Ranked = (np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64))


class ExactIndex:
    """Compares a query with every row, reading the blocks where they are.

    Whatever comes within rounding of the k-th place is scored again exactly, so
    that ties are decided by row and not by the last bit of a product.

    Args:
        blocks: Arrays ``(rows, dim)``, float16 or float32, memory-mapped or
            not. A row's number is its position over all blocks.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        metric: As in ``IndexConfig``.
        is_scaled: Whether the rows are float32 and as the metric asks for already.
    """

    def __init__(
        self,
        blocks: Sequence[FloatRows],
        *,
        dim: int,
        dead: NDArray[np.int64] | None = None,
        metric: str = "cosine",
        is_scaled: bool = False,
    ) -> None:
        for block in blocks:
            require_shape(block, dim)
        starts = np.cumsum([0, *(len(block) for block in blocks)])
        self._blocks = [
            ScannedBlock(block, int(start), metric)
            for block, start in zip(blocks, starts, strict=False)
        ]
        self._dim = dim
        self._dead = np.asarray([] if dead is None else dead, dtype=np.int64)
        self._rows = int(starts[-1])
        self._metric = metric
        self._is_scaled = is_scaled

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
        for block in self._blocks:
            mask = live_mask(self._dead, block.start, len(block))
            if allowed is not None:
                mask &= allowed[block.start : block.start + len(block)]
            if not len(queries) or not mask.any():
                continue
            is_scanned = block.is_scanned_for(len(queries), bool(mask.all()))
            search = self._scanned if is_scanned else self._multiplied
            best = search(block, queries, k, mask, best)
        return padded(best, k)

    def _scanned(
        self,
        block: ScannedBlock,
        queries: NDArray[np.float32],
        k: int,
        mask: NDArray[np.bool_],
        best: list[Ranked],
    ) -> list[Ranked]:
        """Let FAISS scan a block, more and more until ties with the k-th place are in."""
        available = int(mask.sum())
        chosen, *_kept = selecting(mask) if available < len(mask) else (None,)
        slack, fetched = block.slack(queries), min(k + MARGIN, available)
        scores, places = block.scan(queries, fetched, chosen)
        answers = []
        for line, query in enumerate(queries):
            count, near, found = fetched, scores[line], places[line]
            while not (count == available or near[-1] < near[k - 1] - slack):
                count = min(4 * count, available)
                near, found = (part[0] for part in block.scan(query[None], count, chosen))
            close = found if len(near) < k else found[near >= near[k - 1] - slack]
            answers.append(self._settled(block, query, close, k, best[line]))
        return answers

    def _multiplied(
        self,
        block: ScannedBlock,
        queries: NDArray[np.float32],
        k: int,
        mask: NDArray[np.bool_],
        best: list[Ranked],
    ) -> list[Ranked]:
        """Multiply a block with all queries, a slice at a time, and keep what comes close."""
        slack = block.slack(queries)
        top = np.full((len(queries), k), -np.inf, dtype=np.float32)
        bound = np.full(len(queries), -np.inf, dtype=np.float32)
        for line, (scores, _) in enumerate(best):
            if len(scores) == k:
                bound[line] = scores[-1] - slack
        collected: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        waiting = 0
        for places, rows in slices(block, mask):
            scores = block.scores(queries, rows)
            lines = np.flatnonzero((scores >= bound[:, None]).any(axis=1))
            if not len(lines):
                continue
            top[lines] = greatest(np.concatenate([top[lines], scores[lines]], axis=1), k)
            bound[lines] = np.maximum(bound[lines], top[lines].min(axis=1) - slack)
            hit, column = np.nonzero(scores[lines] >= bound[lines, None])
            collected.append((lines[hit], places[column]))
            waiting += len(hit)
            if waiting > MOST_CANDIDATES:
                best = self._all_settled(block, queries, collected, k, best)
                collected, waiting = [], 0
        return self._all_settled(block, queries, collected, k, best)

    def _all_settled(
        self,
        block: ScannedBlock,
        queries: NDArray[np.float32],
        collected: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        k: int,
        best: list[Ranked],
    ) -> list[Ranked]:
        """Score what was collected for each line exactly."""
        if not collected:
            return best
        lines, places = (np.concatenate(part) for part in zip(*collected, strict=True))
        order = np.argsort(lines, kind="stable")
        ends = np.searchsorted(lines[order], np.arange(len(queries) + 1))
        return [
            self._settled(block, query, places[order[ends[line] : ends[line + 1]]], k, best[line])
            for line, query in enumerate(queries)
        ]

    def _settled(
        self,
        block: ScannedBlock,
        query: NDArray[np.float32],
        places: NDArray[np.int64],
        k: int,
        best: Ranked,
    ) -> Ranked:
        """Score some of a block's rows exactly and merge them into the k best so far."""
        places = np.sort(places)
        for start in range(0, len(places), SCORED_ROWS):
            part = places[start : start + SCORED_ROWS]
            rows = block.rows[part]
            given = rows if self._is_scaled else scaled(rows, self._metric)
            again = exact_scores(query, given, self._metric)
            every = np.concatenate([best[1], block.start + part])
            best = rank(np.concatenate([best[0], again]), every, k)
        return best


def slices(
    block: ScannedBlock, mask: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Walk over a block's rows under the mask: their places, and a slice as float32."""
    for start in range(0, len(block), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        inside = np.flatnonzero(mask[part])
        rows = block.rows[part]
        if len(inside):
            yield start + inside, to_float32(rows if len(inside) == len(rows) else rows[inside])


def greatest(scores: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Keep the k greatest of each line, in no order."""
    return np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]


def selecting(mask: NDArray[np.bool_]) -> tuple[Any, ...]:
    """Say in FAISS's objects which positions may be found.

    Returns:
        FAISS's search parameters, then all that they point to: FAISS keeps no reference.
    """
    faiss = faiss_library()
    bits = np.packbits(mask, bitorder="little")
    selector = faiss.IDSelectorBitmap(bits)
    return faiss.SearchParameters(sel=selector), selector, bits


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


def require_shape(block: FloatRows, dim: int) -> None:
    """Refuse a block that holds something else."""
    if block.ndim != 2 or block.shape[1] != dim:
        raise UsageError(f"A block needs shape (rows, {dim}); this has {block.shape}.")
