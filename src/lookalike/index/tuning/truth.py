"""Exact answers to held-out queries, and how much of them an index finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.index.metrics import rounding, scaled
from lookalike.vectors import FloatRows, Neighbors, exact_scores, gathered

__all__ = ["Exam", "interval"]

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Exam:
    """Queries with their exact answers.

    Attributes:
        queries: ``(n, dim)``.
        truth: Scores and rows ``(n, k)``, as exact search finds them.
        blocks: Arrays ``(rows, dim)`` that the rows count through.
        metric: As in ``IndexConfig``.
    """

    queries: NDArray[np.float32]
    truth: Neighbors
    blocks: Sequence[FloatRows]
    metric: str = "cosine"

    @property
    def k(self) -> int:
        """How many neighbors are asked for."""
        return int(self.truth.rows.shape[1])

    def part(self, lines: slice) -> Exam:
        """Take some of the queries."""
        truth = Neighbors(self.truth.scores[lines], self.truth.rows[lines])
        return replace(self, queries=self.queries[lines], truth=truth)

    def recalls(self, found: Neighbors) -> NDArray[np.float64]:
        """Count, for each query, which share of the true k nearest was found.

        A row that scores as the k-th does is as right as the one that exact
        search took.

        Returns:
            ``(n,)``, each in [0, 1].
        """
        lines = np.arange(len(found.rows))[:, None]
        span = 1 + sum(len(block) for block in self.blocks)
        named = found.rows >= 0
        right = named & np.isin(found.rows + lines * span, self.truth.rows + lines * span)
        line, place = np.nonzero(named & ~right)
        if len(line):
            right[line, place] = self._ties(line, found.rows[line, place])
        known = (self.truth.rows >= 0).sum(axis=1)
        return np.asarray(np.minimum(right.sum(axis=1), known) / np.maximum(known, 1))

    def _ties(self, lines: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which rows score as the k-th true one of their query does."""
        vectors = scaled(gathered(self.blocks, rows), self.metric)
        scores = [
            exact_scores(self.queries[line], vector[None], self.metric)[0]
            for line, vector in zip(lines, vectors, strict=True)
        ]
        slack = rounding(self.queries, vectors, self.metric)
        return np.asarray(np.array(scores) >= self.truth.scores[lines, -1] - slack)


def interval(recalls: NDArray[np.float64]) -> tuple[float, float]:
    """Bound the mean recall by a 95 % interval.

    The percentile bootstrap over queries (Efron and Tibshirani 1993, chapter 13).
    Where no query missed anything it knows no spread; the rule of three (Hanley
    and Lippman-Hand 1983) does: at most 3 in n queries miss.
    """
    count = len(recalls)
    if recalls.min() == 1.0:
        return max(0.0, 1 - 3 / count), 1.0
    dice = np.random.default_rng(count)
    means = recalls[dice.integers(0, count, (RESAMPLES, count))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
