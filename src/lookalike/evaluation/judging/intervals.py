"""How sure a mean over queries is: bootstrap intervals, and differences between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.scoring import Scores

__all__ = [
    "Difference",
    "Estimate",
    "bootstrap",
    "differences",
    "estimates",
    "estimates_of_groups",
    "paired_bootstrap",
]

RESAMPLES = 1000
LEVEL = 0.95

# Of fewer differences too few resamples are possible: three that are alike would have p at
# its least.
LEAST_QUERIES = 10

# Counts that are multiplied at a time, as float64: 8 MB.
MULTIPLIED = 1_000_000

# Means that are equal but for the order in which they were summed.
ROUNDING = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries, with the interval in which it would lie for other queries.

    Attributes:
        mean: Of the queries that have something to find.
        low, high: Where the interval begins and ends.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a second run is better than a first one, over the same queries.

    Attributes:
        mean: Of the second less the first: above 0, the second is better.
        low, high: Its interval.
        p: How likely a difference as large or larger is, either way, between runs that
            are equally good over all queries there could be; None where fewer than
            ``LEAST_QUERIES`` queries are compared, which cannot tell. What shows it
            writes it with ``p_text`` of ``evaluation.reports.wording``, which knows None
            and the smallest p that so many resamples can give.
    """

    mean: float
    low: float
    high: float
    p: float | None


def bootstrap(
    values: Values, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Estimate:
    """Compute a percentile interval of the mean.

    Queries are drawn with replacement, as many as there are, and averaged; done
    ``resamples`` times, ``low`` and ``high`` are the ``(1 - level) / 2`` and
    ``(1 + level) / 2`` quantiles of the averages. The interval answers for the choice
    of queries only, not for that of the images.

    Source: Efron and Tibshirani, *An introduction to the bootstrap*, Chapman and Hall
    1993, section 13.3.

    Args:
        values: ``(q,)``, one for each query; NaN is left out.
        resamples: How often to draw.
        level: How often the interval should hold the mean.
        seed: Equal seeds draw equal queries.

    Raises:
        UsageError: There are no values but NaN, or resamples or level make no sense.
    """
    return bootstraps(values[:, None], resamples=resamples, level=level, seed=seed)[0]


def estimates(
    scores: Scores, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int = 0
) -> dict[str, Estimate]:
    """Compute the mean and interval of every metric, all over the same drawn queries.

    Raises:
        UsageError: As ``bootstrap``.
    """
    columns = np.stack(list(scores.values.values()), axis=1)
    found = bootstraps(columns, resamples=resamples, level=level, seed=seed)
    return dict(zip(scores.values, found, strict=True))


def estimates_of_groups(
    columns: Values,
    groups: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> list[list[Estimate]]:
    """Compute an interval of each column within each group of queries, as ``bootstrap`` does.

    Groups of one size draw the same places, so that they take one product.

    Args:
        columns: ``(q, m)``, a line for each query, without NaN.
        groups: ``(q,)``, the number of each query's group, from 0 up, none of them empty.
        resamples: How often to draw from each group.
        level: How often the interval should hold the mean.
        seed: Equal seeds draw equal queries.

    Returns:
        For each group, in the order of their numbers, an estimate of each column.

    Raises:
        UsageError: As ``bootstrap``.
    """
    require_sense(resamples, level)
    sizes = np.bincount(groups)
    ordered = columns[np.argsort(groups, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    means = np.add.reduceat(ordered, starts, axis=0) / sizes[:, None]
    bounds = np.empty((2, *means.shape))
    for size in np.unique(sizes):
        same = np.flatnonzero(sizes == size)
        lines = (starts[same] + np.arange(size)[:, None]).ravel()
        drawn = weighted_sums(ordered[lines].reshape(size, -1), resamples, seed) / size
        bounds[:, same] = quantiles(drawn, level).reshape(2, len(same), -1)
    return [
        [Estimate(*map(float, each)) for each in zip(*group, strict=True)]
        for group in zip(means, *bounds, strict=True)
    ]


def paired_bootstrap(
    first: Values,
    second: Values,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Difference:
    """Compute by how much the second of two runs is better, query by query.

    The interval is that of ``bootstrap`` over the differences ``d = second - first``.
    With ``m`` their mean and ``m*`` that of a resample, resamples about no difference
    average ``m* - m``, so ``p = (1 + number of |m* - m| >= |m|) / (1 + resamples)``.
    There is no p of fewer than ``LEAST_QUERIES`` differences.

    Source: Efron and Tibshirani 1993, section 16.4; Sakai, *Evaluating evaluation
    metrics based on the bootstrap*, SIGIR 2006.

    Args:
        first: ``(q,)``, the values of one run.
        second: Those of the other, of the same queries; NaN in either leaves a query out.
        resamples: How often to draw.
        level: How often the interval should hold the difference.
        seed: Equal seeds draw equal queries.

    Raises:
        UsageError: As ``bootstrap``, or the lengths differ.
    """
    if first.shape != second.shape:
        raise UsageError(
            f"Two runs are compared query by query: there are {len(first)} and {len(second)}."
        )
    changes = (second - first)[:, None]
    return paired_bootstraps(changes, resamples=resamples, level=level, seed=seed)[0]


def differences(
    first: Scores,
    second: Scores,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compute the difference of every metric that both have, as ``paired_bootstrap`` does.

    Raises:
        UsageError: The queries differ, or as ``bootstrap``.
    """
    if first.queries != second.queries:
        raise UsageError("Two runs are compared query by query: their queries differ.")
    names = [name for name in first.values if name in second.values]
    if not names:
        raise UsageError("The two runs have no metric in common: evaluate both with the same k.")
    changes = np.stack([second.of(name) - first.of(name) for name in names], axis=1)
    found = paired_bootstraps(changes, resamples=resamples, level=level, seed=seed)
    return dict(zip(names, found, strict=True))


def paired_bootstraps(
    changes: Values, *, resamples: int, level: float, seed: int
) -> list[Difference]:
    """Compute interval and p of each column of differences ``(q, m)``.

    Raises:
        UsageError: As ``bootstrap``.
    """
    found = bootstraps(changes, resamples=resamples, level=level, seed=seed)
    means = np.array([each.mean for each in found])
    least = np.abs(means) - ROUNDING
    reached = np.abs(drawn_means(changes, resamples, seed) - means) >= least
    chances = (1 + np.count_nonzero(reached, axis=0)) / (1 + resamples)
    counts = np.count_nonzero(~np.isnan(changes), axis=0)
    return [
        Difference(each.mean, each.low, each.high, float(p) if count >= LEAST_QUERIES else None)
        for each, p, count in zip(found, chances, counts, strict=True)
    ]


def bootstraps(columns: Values, *, resamples: int, level: float, seed: int) -> list[Estimate]:
    """Compute an interval for each column ``(q, m)``.

    Raises:
        UsageError: As ``bootstrap``.
    """
    require_sense(resamples, level)
    if np.isnan(columns).all(axis=0).any():
        raise UsageError(
            "There is no mean: no query has anything to find; judge by labels that two images at "
            "least share, or ask other queries."
        )
    means = np.nanmean(columns, axis=0)
    low, high = quantiles(drawn_means(columns, resamples, seed), level)
    return [Estimate(*map(float, each)) for each in zip(means, low, high, strict=True)]


def require_sense(resamples: int, level: float) -> None:
    """Refuse an interval that none can be.

    Raises:
        UsageError: It is.
    """
    if resamples < 1 or not 0 < level < 1:
        raise UsageError(
            f"An interval of level {level} from {resamples} resamples makes no sense: take a "
            "level between 0 and 1 and one resample or more."
        )


def quantiles(drawn: Values, level: float) -> Values:
    """Take the two quantiles of each column of averages that an interval lies between.

    As ``numpy.quantile`` computes them, which takes ten times as long for many columns.
    """
    ordered = np.sort(np.ascontiguousarray(drawn.T), axis=1)
    tail = (1 - level) / 2
    places = np.array([tail, 1 - tail]) * (len(drawn) - 1)
    below = np.floor(places).astype(np.int64)
    low, high = ordered[:, below], ordered[:, np.minimum(below + 1, len(drawn) - 1)]
    found: Values = (low + (places - below) * (high - low)).T
    return found


def drawn_means(columns: Values, resamples: int, seed: int) -> Values:
    """Average each column over drawn lines ``(resamples, m)``.

    How often a line was drawn is its weight, so that columns take one product. Those
    that are NaN in the same lines go together: each is drawn from what it has.
    """
    is_known = ~np.isnan(columns)
    drawn = np.empty((resamples, columns.shape[1]))
    for lines in np.unique(is_known, axis=1).T:
        same = (is_known == lines[:, None]).all(axis=0)
        known = columns[np.ix_(lines, same)]
        drawn[:, same] = weighted_sums(known, resamples, seed) / len(known)
    return drawn


def weighted_sums(columns: Values, resamples: int, seed: int) -> Values:
    """Multiply the columns with how often each line was drawn."""
    counts = drawn_counts(len(columns), resamples, seed)
    size = max(1, MULTIPLIED // len(columns))
    parts = [
        counts[start : start + size].astype(np.float64) @ columns
        for start in range(0, resamples, size)
    ]
    return np.concatenate(parts)


@lru_cache(maxsize=4)
def drawn_counts(count: int, resamples: int, seed: int) -> NDArray[np.uint8]:
    """Count how often each of ``count`` queries is drawn ``(resamples, count)``.

    Remembered: every configuration over a set draws the same queries, so that their
    intervals can be compared.
    """
    dice = np.random.default_rng(seed)
    counts = np.empty((resamples, count), dtype=np.uint8)
    for line in counts:
        # Each is drawn once on average: 255 times is out of reach.
        line[:] = np.bincount(dice.integers(0, count, count), minlength=count)
    counts.flags.writeable = False
    return counts
