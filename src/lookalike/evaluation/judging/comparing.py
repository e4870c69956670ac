"""A second look: what changed from one run to another, over the same queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.judging.intervals import (
    LEVEL,
    RESAMPLES,
    ROUNDING,
    Difference,
    Estimate,
    differences,
    estimates,
)
from lookalike.evaluation.judging.scoring import Scores

__all__ = ["Comparison", "Moved", "compare_runs"]


@dataclass(frozen=True, slots=True)
class Moved:
    """A query that is answered better, or worse, than before.

    Attributes:
        query: Its name.
        before: The metric of the first run.
        after: That of the second.
    """

    query: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two runs side by side, over the queries that both answer.

    Attributes:
        first: The scores of the one, of the common queries.
        second: Those of the other, in the same order.
        before: Means and intervals of the first, by metric.
        after: Those of the second.
        differences: Of each metric that both have: the second less the first.
        only_first: How many queries only the first answers: they are left out.
        only_second: How many only the second answers.
    """

    first: Scores
    second: Scores
    before: dict[str, Estimate]
    after: dict[str, Estimate]
    differences: dict[str, Difference]
    only_first: int
    only_second: int

    def gained(self, metric: str, count: int) -> list[Moved]:
        """List the queries that rose most, those that rose at all."""
        return self._moved(metric, count, sign=1)

    def lost(self, metric: str, count: int) -> list[Moved]:
        """List the queries that fell most, those that fell at all."""
        return self._moved(metric, count, sign=-1)

    def counts(self, metric: str) -> tuple[int, int, int]:
        """Count the queries that rose, fell, and stayed as they were."""
        changes = self.second.of(metric) - self.first.of(metric)
        rose = int(np.count_nonzero(changes > ROUNDING))
        fell = int(np.count_nonzero(changes < -ROUNDING))
        return rose, fell, int(np.count_nonzero(~np.isnan(changes))) - rose - fell

    def _moved(self, metric: str, count: int, *, sign: int) -> list[Moved]:
        """Sort queries by how far they moved in one direction, then as they stand."""
        before, after = self.first.of(metric), self.second.of(metric)
        changes = sign * (after - before)
        moved = np.flatnonzero(changes > ROUNDING)
        order = moved[np.argsort(-changes[moved], kind="stable")][:count]
        return [
            Moved(self.first.queries[line], float(before[line]), float(after[line]))
            for line in order.tolist()
        ]


def compare_runs(
    first: Scores,
    second: Scores,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Comparison:
    """Compare two runs over the same set, query by query.

    Args:
        first: Scores of the one.
        second: Scores of the other; above it, the difference is positive.
        resamples: How often queries are drawn for the intervals.
        level: Of the intervals.
        seed: Equal seeds draw equal queries.

    Raises:
        UsageError: They have no query or no metric in common, or the same query has
            other positives: they were judged differently.
    """
    there = set(second.queries)
    common = [query for query in first.queries if query in there]
    if not common:
        raise UsageError("The two runs have no query in common: compare runs over the same set.")
    ours, theirs = first.of_queries(common), second.of_queries(common)
    differing = np.flatnonzero(ours.positives != theirs.positives)
    if len(differing):
        line = int(differing[0])
        raise UsageError(
            f"The query {common[line]!r} has {ours.positives[line]} images to find in the first "
            f"run and {theirs.positives[line]} in the second: compare runs over the same set and "
            "labels."
        )
    drawing = {"resamples": resamples, "seed": seed}
    return Comparison(
        ours,
        theirs,
        estimates(ours, level=level, **drawing),
        estimates(theirs, level=level, **drawing),
        differences(ours, theirs, level=level, **drawing),
        len(first) - len(common),
        len(second) - len(common),
    )
