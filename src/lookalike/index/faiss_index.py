"""A FAISS structure over rows: lists, graphs and codes, with or without a second look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.collapsing import Copies
from lookalike.index.config import IndexConfig, SearchParams
from lookalike.index.exact import require_k
from lookalike.index.faiss_library import faiss_library, reason, threads_for
from lookalike.index.gpu import GpuCopy, belongs_on_gpu
from lookalike.index.metrics import scaled, scaled_queries
from lookalike.vectors import FloatRows, Neighbors, padded, rank

__all__ = ["FaissIndex", "RowNumbers", "layers", "written_bytes"]

# A k_factor is a multiple of k, and of ten where fewer neighbors are asked for.
LEAST_SCORED_K = 10
# Without tuning: what finds nine of ten on the embeddings measured so far.
USUAL_PARAMS = SearchParams(nprobe=16, ef_search=64, k_factor=8)
NO_COPIES = Copies(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class RowNumbers:
    """Which rows stand behind the positions that FAISS counts.

    Args:
        rows: int64 ``(positions,)``, the row of each position.
        copies: Rows equal to one of these.
    """

    def __init__(self, rows: NDArray[np.int64], copies: Copies = NO_COPIES) -> None:
        # Position -1, nothing found, is the last. One array serves both ends.
        self._padded = np.append(rows, -1)
        self.rows = self._padded[:-1]
        self.copies = copies

    def positions(self, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Turn a mask over rows into one over positions."""
        mask: NDArray[np.bool_] = allowed[self.rows]
        if len(self.copies.copy):
            open_to = self.copies.first[allowed[self.copies.copy]]
            mask |= np.isin(self.rows, open_to)
        return mask

    def named(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn positions into rows; -1 stays."""
        found: NDArray[np.int64] = self._padded[positions]
        return found

    def fanned_out(self, found: Neighbors, k: int, allowed: NDArray[np.bool_] | None) -> Neighbors:
        """Let copies answer too, beside the row that stands for them."""
        if not len(self.copies.first):
            return found
        first = self.copies.first.searchsorted(found.rows, side="left")
        last = self.copies.first.searchsorted(found.rows, side="right")
        if allowed is None and (first == last).all():
            return found
        lines = []
        for scores, rows, starts, stops in zip(found.scores, found.rows, first, last, strict=True):
            every = [rows, *(self.copies.copy[a:b] for a, b in zip(starts, stops, strict=True))]
            each = [scores, *(
                np.full(b - a, score, np.float32)
                for a, b, score in zip(starts, stops, scores, strict=True)
            )]  # fmt: skip
            lines.append((np.concatenate(each), np.concatenate(every)))
        return best_of(lines, k, allowed)


def best_of(
    lines: list[tuple[NDArray[np.float32], NDArray[np.int64]]],
    k: int,
    allowed: NDArray[np.bool_] | None,
) -> Neighbors:
    """Keep the k best allowed rows of each line."""
    kept = []
    for scores, rows in lines:
        fine = rows >= 0
        if allowed is not None:
            fine &= allowed[rows]
        kept.append(rank(scores[fine], rows[fine], k))
    return padded(kept, k)


class FaissIndex:
    """Searches a trained and filled FAISS structure.

    Scores are as precise as what it keeps: whoever needs them exact scores the
    few rows found again.

    Args:
        base: FAISS's index over positions 0, 1, ...
        refine: A flat FAISS index over the same positions in full dim, or None.
        config: What it was built as.
        numbers: The rows behind the positions.
        params: What a query gets that does not choose.

    Attributes:
        has_lists: Whether ``nprobe`` means something.
        has_graph: Whether ``ef_search`` does.
        is_refined: Whether ``k_factor`` does: candidates are scored again.
    """

    def __init__(
        self,
        base: Any,
        refine: Any | None,
        config: IndexConfig,
        numbers: RowNumbers,
        *,
        params: SearchParams = USUAL_PARAMS,
    ) -> None:
        faiss = faiss_library()
        self.base = base
        self.refine = refine
        self.config = config
        self.numbers = numbers
        self.params = params
        # Two parts, joined for searching only: a refined FAISS index of its own
        # can neither merge nor be mapped apart.
        self._index = base if refine is None else faiss.IndexRefine(base, refine)
        self._dim = int(base.d)
        self._layers = layers(self._index)
        self._bare = self._layers[-1]
        self.has_lists = isinstance(self._bare, faiss.IndexIVF)
        self.has_graph = isinstance(self._bare, faiss.IndexHNSW)
        self.is_refined = any(isinstance(layer, faiss.IndexRefine) for layer in self._layers)
        self._prepared: dict[tuple[SearchParams, SearchParams], tuple[Any, ...]] = {}
        self._size_bytes: int | None = None
        self._is_for_gpu = belongs_on_gpu(self._index, config.device)
        self._gpu: GpuCopy | None = None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    @property
    def size(self) -> int:
        """How many rows can be found."""
        return len(self.numbers.rows) + len(self.numbers.copies.copy)

    @property
    def nlist(self) -> int | None:
        """How many lists there are, where there are lists."""
        return int(self._bare.nlist) if self.has_lists else None

    @property
    def size_bytes(self) -> int:
        """Memory of structure, codes, refinement and row numbers."""
        if self._size_bytes is None:
            parts = [self.base] if self.refine is None else [self.base, self.refine]
            numbers = self.numbers.rows.nbytes + 2 * self.numbers.copies.copy.nbytes
            self._size_bytes = sum(written_bytes(part) for part in parts) + numbers
        return self._size_bytes

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        params: SearchParams | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Neighbors:
        """Find about the k rows of highest score for each query ``(n, dim)``."""
        require_k(k)
        asked = scaled_queries(queries, self._dim, self.config.metric)
        count = min(k, len(self.numbers.rows))
        if not count:
            return nothing(len(asked), k)
        prepared = self._prepared_params(self._scoring(params or self.params, count), allowed)
        try:
            searched = self._index
            if self._is_for_gpu and allowed is None:
                searched = self._moved(count, params or self.params)
            with threads_for(len(asked)):
                scores, positions = searched.search(asked, count, params=prepared[0])
        except RuntimeError as error:
            raise UsageError(self._refusal(error, is_masked=allowed is not None)) from error
        found = self._answer(scores, positions, k)
        return self.numbers.fanned_out(found, k, allowed)

    def _refusal(self, error: RuntimeError, *, is_masked: bool) -> str:
        """Say which search FAISS has not learned."""
        name = self.config.factory or self.config.kind
        way = " under a filter" if is_masked else ""
        return f"FAISS cannot search the index {name!r}{way}: {reason(error)}."

    def add(self, embeddings: FloatRows, rows: NDArray[np.int64]) -> None:
        """Add rows ``(n, dim)`` under their numbers, before the index is shared."""
        self.put(embeddings)
        every = np.concatenate([self.numbers.rows, rows])
        self.numbers = RowNumbers(every, self.numbers.copies)

    def put(self, embeddings: FloatRows) -> None:
        """Fill the next positions, whose rows are numbered already."""
        given = scaled(embeddings, self.config.metric)
        self.base.add(given)
        if self.refine is not None:
            self.refine.add(given)
            self._index.ntotal = self.refine.ntotal
        self._size_bytes = None
        self._gpu = None

    def _moved(self, count: int, params: SearchParams) -> Any:
        """Take the copy on the GPU, made when it is first needed, if it can do this search."""
        if self._gpu is None:
            self._gpu = GpuCopy(self._index)
        nprobe = params.over(self.params).nprobe or 1
        return self._gpu if self._gpu.takes(count, nprobe) else self._index

    def _answer(
        self, scores: NDArray[np.float32], positions: NDArray[np.int64], k: int
    ) -> Neighbors:
        """Bring FAISS's answer into the house's form: bigger is better, ties by row."""
        if self.config.metric == "l2":
            scores = -scores
        rows = self.numbers.named(positions)
        if rows[:, -1].min(initial=0) < 0:
            scores = np.where(rows < 0, np.float32(-np.inf), scores)
        if scores.shape[1] > 1 and (scores[:, 1:] == scores[:, :-1]).any():
            order = np.lexsort((rows, -scores), axis=1)
            rows = np.take_along_axis(rows, order, axis=1)
            scores = np.take_along_axis(scores, order, axis=1)
        if scores.shape[1] == k:
            return Neighbors(scores, rows)
        wide = nothing(len(scores), k)
        wide.scores[:, : scores.shape[1]] = scores
        wide.rows[:, : scores.shape[1]] = rows
        return wide

    def _scoring(self, params: SearchParams, count: int) -> SearchParams:
        """Score no fewer again for the first neighbor than for the first ten, nor more than all.

        What coarse codes blur does not get less with k.
        """
        factor = params.k_factor or self.params.k_factor
        if not self.is_refined or factor is None:
            return params
        most = len(self.numbers.rows) / count
        wanted = min(factor * max(1.0, LEAST_SCORED_K / count), max(1.0, most))
        return params if wanted == params.k_factor else replace(params, k_factor=wanted)

    def _prepared_params(
        self, params: SearchParams, allowed: NDArray[np.bool_] | None
    ) -> tuple[Any, ...]:
        """Make FAISS's parameters; without a mask they are made once and kept."""
        if allowed is not None:
            mask = self.numbers.positions(allowed)
            return self._faiss_params(params.over(self.params), mask)
        asked = params, self.params
        if asked not in self._prepared:
            self._prepared[asked] = self._faiss_params(params.over(self.params))
        return self._prepared[asked]

    def _faiss_params(
        self, chosen: SearchParams, mask: NDArray[np.bool_] | None = None
    ) -> tuple[Any, ...]:
        """Say it in FAISS's objects, nested as the structure is.

        Returns:
            The outermost, then all that it points to: FAISS keeps no reference.
        """
        faiss = faiss_library()
        kept: list[Any] = []
        selector: dict[str, Any] = {}
        if mask is not None:
            bits = np.packbits(mask, bitorder="little")
            selector["sel"] = faiss.IDSelectorBitmap(bits)
            kept += [bits, selector["sel"]]
        if self.has_lists:
            made = faiss.IVFSearchParameters(
                nprobe=min(chosen.nprobe or 1, int(self._bare.nlist)), **selector
            )
        elif self.has_graph:
            made = faiss.SearchParametersHNSW(efSearch=chosen.ef_search or 64, **selector)
        else:
            made = faiss.SearchParameters(**selector) if selector else None
        kept.append(made)
        for layer in reversed(self._layers[:-1]):
            if isinstance(layer, faiss.IndexRefine):
                inner = {} if made is None else {"base_index_params": made}
                made = faiss.IndexRefineSearchParameters(k_factor=chosen.k_factor or 1, **inner)
            elif made is not None:
                made = faiss.SearchParametersPreTransform(index_params=made)
            kept.append(made)
        return (made, *kept)


def layers(index: Any) -> list[Any]:
    """List an index and what it wraps, the outermost first."""
    faiss = faiss_library()
    found = [faiss.downcast_index(index)]
    while True:
        outer = found[-1]
        if isinstance(outer, faiss.IndexPreTransform):
            found.append(faiss.downcast_index(outer.index))
        elif isinstance(outer, faiss.IndexRefine):
            found.append(faiss.downcast_index(outer.base_index))
        else:
            return found


def nothing(lines: int, k: int) -> Neighbors:
    """Make an answer in which nothing was found yet."""
    return Neighbors(
        np.full((lines, k), -np.inf, dtype=np.float32), np.full((lines, k), -1, dtype=np.int64)
    )


def written_bytes(index: Any) -> int:
    """Count what FAISS would write: its memory, but for a few pointers."""
    faiss = faiss_library()
    total = 0

    def count(data: bytes) -> int:
        nonlocal total
        total += len(data)
        return len(data)

    faiss.write_index(index, faiss.PyCallbackIOWriter(count))
    return total
