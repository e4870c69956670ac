"""Which classes and which queries are answered well, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.judging.scoring import Scores

__all__ = ["ClassRow", "QueryRow", "best_queries", "per_class", "worst_queries"]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    Attributes:
        label: Its name.
        queries: How many of it have something to find.
        metrics: The mean of each metric over these.
    """

    label: str
    queries: int
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One query.

    Attributes:
        query: Its name.
        value: Of the metric that was asked for.
        positives: How many images answer it.
    """

    query: str
    value: float
    positives: int


def per_class(scores: Scores, metrics: Sequence[str]) -> list[ClassRow]:
    """Average metrics over the queries of each class, sorted by label.

    A class of which no query has anything to find is left out, as its queries are
    left out of the means over all.

    Returns:
        No rows where queries have no labels.

    Raises:
        UsageError: There is no such metric.
    """
    values = [scores.of(metric) for metric in metrics]
    if scores.groups is None:
        return []
    is_asked = scores.positives > 0
    labels, codes = np.unique(
        np.array(scores.groups, dtype=object)[is_asked].astype(str), return_inverse=True
    )
    counts = np.bincount(codes, minlength=len(labels))
    means = [np.bincount(codes, each[is_asked], minlength=len(labels)) / counts for each in values]
    return [
        ClassRow(
            label,
            int(counts[line]),
            {metric: float(mean[line]) for metric, mean in zip(metrics, means, strict=True)},
        )
        for line, label in enumerate(labels.tolist())
    ]


def worst_queries(scores: Scores, metric: str, count: int) -> list[QueryRow]:
    """List the queries with the lowest values; of equal ones those with more to find."""
    return in_order(scores, metric, count, best_first=False)


def best_queries(scores: Scores, metric: str, count: int) -> list[QueryRow]:
    """List the queries with the highest values; of equal ones those with more to find."""
    return in_order(scores, metric, count, best_first=True)


def in_order(scores: Scores, metric: str, count: int, *, best_first: bool) -> list[QueryRow]:
    """Sort queries by a metric, then by how many positives they have, then as they stand.

    Raises:
        UsageError: There is no such metric, or the count is below 1.
    """
    if count < 1:
        raise UsageError(f"The {count} worst or best queries were asked for: ask for one or more.")
    values = scores.of(metric)
    asked = np.flatnonzero(scores.positives > 0)
    keys = -values[asked] if best_first else values[asked]
    order = asked[np.lexsort((-scores.positives[asked], keys))][:count]
    return [
        QueryRow(scores.queries[line], float(values[line]), int(scores.positives[line]))
        for line in order.tolist()
    ]
