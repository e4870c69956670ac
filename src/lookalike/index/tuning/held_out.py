"""Queries that are in no index: rows that are left out of it until it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.exact import ExactIndex
from lookalike.index.metrics import rounding, scaled
from lookalike.index.tuning.truth import Exam
from lookalike.vectors import FloatRows, Neighbors, gathered, merge_neighbors

__all__ = ["HeldOut", "given_queries", "hold_out"]

MOST_QUERIES = 1000
# One row in 600: their exact answers take a fraction of a build.
SHARE = 600
# With fewer the interval says little; one row in 20 of a small gallery at most.
FEWEST_QUERIES = 400
SMALL_SHARE = 20


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Queries with exact answers, and the rows to leave out meanwhile.

    Attributes:
        exam: Queries and answers.
        rows: int64, sorted: rows that are queries, and in no index.
    """

    exam: Exam
    rows: NDArray[np.int64]

    @property
    def halves(self) -> tuple[Exam, Exam]:
        """Split the queries: one half to tune with, one to check the choice with."""
        return self.exam.part(slice(0, None, 2)), self.exam.part(slice(1, None, 2))


def hold_out(
    blocks: Sequence[FloatRows],
    living: NDArray[np.int64],
    k: int,
    *,
    dead: NDArray[np.int64],
    metric: str,
    dice: np.random.Generator,
) -> HeldOut:
    """Take random rows as queries, but for those with an equal in the gallery.

    A query whose very copy is in the index is easier than those that will come.

    Args:
        blocks: Arrays ``(rows, dim)``.
        living: Rows that can be found.
        k: How many neighbors a query asks for.
        dead: The other rows.
        metric: As in ``IndexConfig``.
        dice: Who decides.
    """
    fewest = min(FEWEST_QUERIES, len(living) // SMALL_SHARE)
    count = min(MOST_QUERIES, max(len(living) // SHARE, fewest))
    taken = dice.choice(living, count, replace=False)
    rows = gathered(blocks, taken)
    queries = scaled(rows, metric)
    exact = ExactIndex(blocks, dim=rows.shape[1], dead=np.union1d(dead, taken), metric=metric)
    truth = exact.search(queries, k)
    useless = has_equal(queries, truth.scores[:, 0], metric) | ~queries.any(axis=1)
    back, kept = np.flatnonzero(useless), np.flatnonzero(~useless)
    truth = Neighbors(truth.scores[kept], truth.rows[kept])
    if len(back) and len(kept):
        again = ExactIndex([rows[back]], dim=rows.shape[1], metric=metric).search(queries[kept], k)
        named = np.where(again.rows < 0, -1, taken[back][again.rows])
        truth = merge_neighbors([truth, Neighbors(again.scores, named)], k)
    return HeldOut(Exam(queries[kept], truth, blocks, metric), np.sort(taken[kept]))


def has_equal(
    queries: NDArray[np.float32], best: NDArray[np.float32], metric: str
) -> NDArray[np.bool_]:
    """Tell which queries score with their nearest row as with themselves."""
    own = np.zeros(len(queries)) if metric == "l2" else np.einsum("nd,nd->n", queries, queries)
    return np.asarray(best >= own - rounding(queries[:0], queries, metric) / 10)


def given_queries(
    queries: FloatRows,
    blocks: Sequence[FloatRows],
    k: int,
    *,
    dim: int,
    dead: NDArray[np.int64],
    metric: str,
) -> HeldOut:
    """Take the user's queries, which are in no index anyway.

    Raises:
        UsageError: They are too few, or of another shape, or not finite.
    """
    asked = np.asarray(queries)
    if asked.ndim != 2 or asked.shape[1] != dim or asked.dtype.kind != "f":
        raise UsageError(
            f"Queries have to be floats of shape (n, {dim}); these are {asked.dtype} of "
            f"shape {asked.shape}."
        )
    if len(asked) < 2:
        raise UsageError(f"There are {len(asked)} queries: tuning needs 2, and better 1,000.")
    unit = scaled(asked, metric)
    truth = ExactIndex(blocks, dim=dim, dead=dead, metric=metric).search(unit, k)
    return HeldOut(Exam(unit, truth, blocks, metric), np.empty(0, dtype=np.int64))
