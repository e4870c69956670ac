"""The nearest neighbors of every row among the rest: what layouts and outliers start from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.maps.sameness import Distinct, distinct_rows
from lookalike.index.faiss_library import faiss_library
from lookalike.vectors import FloatRows, unit_rows

__all__ = ["Nearest", "Neighborhood", "nearest_neighbors", "neighborhood_of"]

Tell = Callable[[int, int], None]

# Up to here every row is compared with every other. Beyond, candidates are looked for among
# a few principal components, in lists of an inverted file, and then compared in full: of
# 100,000 rows of 512 numbers (MobileNetV2's 1,280, brought to 512 principal components) the
# first way takes five minutes a core, the second half of one, and finds 93 of 100 neighbors.
EXACT_ROWS = 20_000
COMPONENTS = 96
LISTS_SEARCHED = 64
CANDIDATES = 2.0
SLICE_ROWS = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The neighbors of every row, nearest first, itself left out.

    Attributes:
        rows: int64 ``(n, k)``.
        distances: float32 ``(n, k)``: Euclidean, from 0 to 2, as the rows have unit length.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float32]

    def first(self, k: int) -> Nearest:
        """Keep the k nearest."""
        return Nearest(self.rows[:, :k], self.distances[:, :k])


@dataclass(frozen=True, slots=True, eq=False)
class Neighborhood:
    """Rows that differ, with their neighbors.

    Attributes:
        distinct: Which of all rows are equal.
        units: Those that differ, unit rows ``(m, dim)``.
        nearest: Their neighbors among themselves.
    """

    distinct: Distinct
    units: NDArray[np.float32]
    nearest: Nearest


def neighborhood_of(
    rows: FloatRows, k: int, *, seed: int = 0, on_progress: Tell | None = None
) -> Neighborhood:
    """Find the k nearest neighbors of all rows that differ, see ``nearest_neighbors``.

    Args:
        rows: ``(n, dim)``; they are scaled to unit length.
        k: How many; all others where there are fewer.
        seed: For the lists that rows are put into where there are many.
        on_progress: Told how many of the rows are done.

    Raises:
        UsageError: A value is not finite.
    """
    units = unit_rows(rows)
    distinct = distinct_rows(units)
    different = units[distinct.first]
    count = max(0, min(k, len(different) - 1))
    if not count:
        empty = np.zeros((len(different), 0))
        return Neighborhood(
            distinct, different, Nearest(empty.astype(np.int64), empty.astype(np.float32))
        )
    nearest = nearest_neighbors(different, count, seed=seed, on_progress=on_progress)
    return Neighborhood(distinct, different, nearest)


def nearest_neighbors(
    units: NDArray[np.float32], k: int, *, seed: int = 0, on_progress: Tell | None = None
) -> Nearest:
    """Find the k nearest neighbors of every row.

    A row is left out of its own list by its number, never by its place: a copy is as
    near. Up to 20,000 rows the neighbors are exact.

    Args:
        units: Unit rows ``(n, dim)``.
        k: How many; at most n - 1.
        seed: For the lists that rows are put into where there are many.
        on_progress: Told how many of the rows are done.
    """
    is_exact = len(units) <= EXACT_ROWS
    looked_at = units if is_exact else in_components(units)
    index = flat_index(looked_at) if is_exact else listed_index(looked_at, seed)
    count = k + 1 if is_exact else min(int(CANDIDATES * k) + 11, len(units))
    found_rows = np.empty((len(units), k), dtype=np.int64)
    found_scores = np.empty((len(units), k), dtype=np.float32)
    for first in range(0, len(units), SLICE_ROWS):
        part = slice(first, min(first + SLICE_ROWS, len(units)))
        own = np.arange(part.start, part.stop)
        scores, rows = index.search(looked_at[part], count)
        if not is_exact:
            scores, rows = compared_in_full(units, own, rows)
        found_scores[part], found_rows[part] = without_self(scores, rows, own, k)
        if on_progress is not None:
            on_progress(part.stop, len(units))
    distances = np.sqrt(np.maximum(2 - 2 * found_scores.astype(np.float64), 0))
    return Nearest(found_rows, distances.astype(np.float32))


def flat_index(units: NDArray[np.float32]) -> Any:
    """Put rows into an index that compares all."""
    index = faiss_library().IndexFlatIP(units.shape[1])
    index.add(units)
    return index


def listed_index(rows: NDArray[np.float32], seed: int) -> Any:
    """Put rows into the lists of an inverted file."""
    faiss = faiss_library()
    dim = rows.shape[1]
    # Twice the root: shorter lists are cheap to search many of.
    lists = 2 * math.isqrt(len(rows))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter = seed, 10
    index.train(rows)
    index.add(rows)
    index.nprobe = LISTS_SEARCHED
    return index


def in_components(units: NDArray[np.float32]) -> NDArray[np.float32]:
    """Project rows on the directions that hold most of their length, at most 96 of them."""
    if units.shape[1] <= COMPONENTS:
        return units
    _, directions = np.linalg.eigh(units.T.astype(np.float64) @ units)
    kept = np.ascontiguousarray(directions[:, ::-1][:, :COMPONENTS], dtype=np.float32)
    return unit_rows(units @ kept)


def compared_in_full(
    units: NDArray[np.float32], own: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Score candidates by their whole embeddings, and order them again.

    Args:
        units: All rows.
        own: ``(s,)``: those whose neighbors are looked for.
        rows: ``(s, c)``: candidates; -1 where there are fewer.
    """
    scores = np.empty(rows.shape, dtype=np.float32)
    for line, row in enumerate(own):
        scores[line] = units[rows[line]] @ units[row]
    scores[rows < 0] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def without_self(
    scores: NDArray[np.float32], rows: NDArray[np.int64], own: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Drop each row from its own list and keep k others.

    Args:
        scores: ``(s, c)``, best first, c above k.
        rows: Of the same shape; -1 where lists held too few.
        own: ``(s,)``: which row each line belongs to.
        k: How many to keep.

    Returns:
        Scores and rows ``(s, k)``. A missing neighbor is the last there is, once more.
    """
    # A stable sort moves the row itself behind the rest and keeps their order.
    order = np.argsort(rows == own[:, None], axis=1, kind="stable")[:, :k]
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    last = np.maximum((rows >= 0).sum(axis=1) - 1, 0)[:, None]
    missing = rows < 0
    rows = np.where(missing, np.take_along_axis(rows, last, 1), rows)
    scores = np.where(missing, np.take_along_axis(scores, last, 1), scores)
    return scores, rows
