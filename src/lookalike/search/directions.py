"""Embeddings combined: weighted sums, views of one thing, and feedback."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.search.feedback import Feedback
from lookalike.search.query import Query
from lookalike.vectors import unit_rows

__all__ = ["query_views"]

Rows = NDArray[np.float32]

# Of all weights together. Rounding to float16 moves a unit row by up to 2^-11: a
# smaller rest of two rows may be nothing but that.
LEAST_LEFT = 2.0**-9


def query_views(query: Query, rows: Rows, kept: Rows, rejected: Rows) -> Rows:
    """Combine the parts of a query.

    Args:
        query: Whose.
        rows: An embedding for each part, ``(n, dim)``, none of them zeros.
        kept: Unit rows of the images that were kept.
        rejected: Unit rows of those that were rejected.

    Returns:
        Directions ``(v, dim)``: one, or with ``combine="best"`` one for each view.

    Raises:
        UsageError: What is added and what is taken away cancel each other.
    """
    weights = proportions([part.weight for part in query.items])
    sums = [summed(query, rows, weights, chosen) for chosen in choices(query)]
    if query.feedback is None:
        return np.stack(sums)
    return np.stack([after(query, query.feedback, row, kept, rejected) for row in sums])


def choices(query: Query) -> list[list[int]]:
    """List which parts each view is the sum of."""
    everything = list(range(len(query.items)))
    if query.combine == "mean":
        return [everything]
    of_views = {id(part) for part in query.views}
    views = [number for number in everything if id(query.items[number]) in of_views]
    others = [number for number in everything if number not in views]
    return [[view, *others] for view in views]


def summed(query: Query, rows: Rows, weights: NDArray[np.float64], chosen: list[int]) -> Rows:
    """Add unit rows by their weights, and bring the sum to unit length."""
    if not chosen:
        return np.zeros(rows.shape[1], dtype=np.float32)
    if len(chosen) == 1 and weights[chosen[0]] > 0:
        # As it is: a picture alone is searched to the last bit as it always was.
        alone: Rows = rows[chosen[0]]
        return alone
    total = weights[chosen] @ unit_rows(rows[chosen]).astype(np.float64)
    return direction(query, total, float(np.abs(weights[chosen]).sum()))


def after(query: Query, feedback: Feedback, row: Rows, kept: Rows, rejected: Rows) -> Rows:
    """Move a view by what was kept and rejected, as ``Feedback`` says; bring it to unit length."""
    factors = proportions([feedback.alpha, feedback.beta, -feedback.gamma])
    total, weight = np.zeros(row.shape, dtype=np.float64), 0.0
    own = row[None] if query.items else row[None][:0]
    for factor, rows in zip(factors.tolist(), (own, kept, rejected), strict=True):
        if len(rows):
            total += factor * unit_rows(rows).mean(axis=0, dtype=np.float64)
            weight += abs(factor)
    return direction(query, total, weight)


def proportions(given: Sequence[float]) -> NDArray[np.float64]:
    """Scale numbers so that the greatest is 1: squares of huge ones would not be finite."""
    weights = np.array(given, dtype=np.float64)
    greatest = float(np.abs(weights).max(initial=0))
    return weights / greatest if greatest else weights


def direction(query: Query, total: NDArray[np.float64], weight: float) -> Rows:
    """Bring a sum to unit length.

    Raises:
        UsageError: Nearly nothing is left of so much weight.
    """
    if not np.linalg.norm(total) > LEAST_LEFT * weight:
        with_feedback = " and its feedback" if query.feedback else ""
        raise UsageError(
            f"The parts of the query {query.label}{with_feedback} cancel each other, so that "
            "nothing is left to look for: change a weight, or leave a part out."
        )
    unit: Rows = unit_rows(total[None])[0]
    return unit
