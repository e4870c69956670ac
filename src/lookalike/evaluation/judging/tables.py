"""Which classes and which queries are answered well, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.judging.intervals import (
    LEVEL,
    RESAMPLES,
    Estimate,
    estimates_of_groups,
)
from lookalike.evaluation.judging.scoring import Scores

__all__ = ["ClassRow", "QueryRow", "best_queries", "per_class", "worst_queries"]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    Attributes:
        label: Its name.
        queries: How many of it have something to find.
        metrics: The mean of each metric over these.
        intervals: The same means with their intervals; empty where there is one query,
            which says nothing about others.
    """

    label: str
    queries: int
    metrics: dict[str, float]
    intervals: dict[str, Estimate] = field(default_factory=dict)


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


def per_class(
    scores: Scores,
    metrics: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[ClassRow]:
    """Average metrics over the queries of each class, sorted by label.

    A class of which no query has anything to find is left out, as its queries are
    left out of the means over all.

    Args:
        scores: Of all queries.
        metrics: Which.
        resamples: How often the queries of a class are drawn for its intervals.
        level: Of the intervals.
        seed: Equal seeds draw equal queries.

    Returns:
        No rows where queries have no labels, or no metric is named.

    Raises:
        UsageError: There is no such metric, or resamples or level make no sense.
    """
    values = [scores.of(metric) for metric in metrics]
    is_asked = scores.positives > 0
    if scores.groups is None or not values or not is_asked.any():
        return []
    labels, codes = np.unique(
        np.array(scores.groups, dtype=object)[is_asked].astype(str), return_inverse=True
    )
    counts = np.bincount(codes, minlength=len(labels))
    columns = np.stack([each[is_asked] for each in values], axis=1)
    found = estimates_of_groups(columns, codes, resamples=resamples, level=level, seed=seed)
    rows = []
    for label, count, line in zip(labels.tolist(), counts.tolist(), found, strict=True):
        named = dict(zip(metrics, line, strict=True))
        means = {metric: each.mean for metric, each in named.items()}
        rows.append(ClassRow(label, count, means, named if count > 1 else {}))
    return rows


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
