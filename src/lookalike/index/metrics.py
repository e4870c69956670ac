"""What the three metrics make of rows and queries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.vectors import DOT_PRODUCT_SLACK, FloatRows, to_queries, unit_rows

__all__ = ["all_scores", "rounding", "scaled", "scaled_queries"]


def scaled(rows: FloatRows, metric: str) -> NDArray[np.float32]:
    """Bring rows to float32, and to unit length where the metric asks for it.

    Raises:
        UsageError: A value is not finite.
    """
    if metric == "cosine":
        return unit_rows(rows)
    plain = np.ascontiguousarray(rows, dtype=np.float32)
    if not np.isfinite(plain).all():
        raise UsageError("An embedding holds a value that is not finite (NaN or infinity).")
    return plain


def scaled_queries(queries: FloatRows, dim: int, metric: str) -> NDArray[np.float32]:
    """Check queries; those that are float32 unit rows already are taken as they are.

    Raises:
        UsageError: The shape does not fit, or a value is not finite.
    """
    rows = np.atleast_2d(np.asarray(queries))
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise UsageError(f"Query embeddings need shape (n, {dim}); these have {np.shape(queries)}.")
    if metric != "cosine":
        return scaled(rows, metric)
    if rows.dtype == np.float32:
        away = np.abs(np.einsum("nd,nd->n", rows, rows) - 1)
        if away.max(initial=0) < 2e-7:
            return np.ascontiguousarray(rows, dtype=np.float32)
        # Only those: a query is answered alike alone and beside one of another length.
        bent = ~(away < 2e-7)
        rows = rows.copy()
        rows[bent] = to_queries(rows[bent], dim)
        return np.ascontiguousarray(rows, dtype=np.float32)
    return to_queries(rows, dim)


def all_scores(
    queries: NDArray[np.float32], rows: NDArray[np.float32], metric: str
) -> NDArray[np.float32]:
    """Score every row for every query but for rounding: ``(queries, rows)``."""
    products = queries @ rows.T
    if metric == "inner_product":
        return np.asarray(products)
    squares = np.einsum("nd,nd->n", rows, rows)
    if metric == "l2":
        own = np.einsum("nd,nd->n", queries, queries)
        return np.asarray(2 * products - squares - own[:, None])
    # float16 keeps unit length only to about 5e-4, which is more than ties allow.
    lengths = np.sqrt(squares)
    return np.asarray(products / np.where(lengths > 0, lengths, 1))


def rounding(queries: NDArray[np.float32], rows: NDArray[np.float32], metric: str) -> float:
    """Bound the difference between two float32 sums of one score."""
    if metric == "cosine":
        return DOT_PRODUCT_SLACK
    longest = np.einsum("nd,nd->n", queries, queries).max(initial=0)
    longest += np.einsum("nd,nd->n", rows, rows).max(initial=0)
    return DOT_PRODUCT_SLACK * max(1.0, float(longest))
