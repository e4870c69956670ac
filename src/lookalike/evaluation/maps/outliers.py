"""Images that look like none other: far from their nearest neighbors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.maps.neighboring import Neighborhood, neighborhood_of
from lookalike.vectors import FloatRows

__all__ = ["OUTLIER_NEIGHBORS", "outlier_scores", "outliers_among"]

OUTLIER_NEIGHBORS = 10
# Of fewer images nobody can say what is usual.
FEWEST = 20
SHARE = 0.01
MOST = 100


def outlier_scores(
    rows: FloatRows,
    *,
    k: int = OUTLIER_NEIGHBORS,
    seed: int = 0,
    neighborhood: Neighborhood | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Measure how far each row is from those nearest to it.

    The mean of ``1 - cosine`` to the k nearest other rows: the weight of Angiulli and
    Pizzuti, "Fast outlier detection in high dimensional spaces", PKDD 2002, definition
    2, over k. Equal rows count as one, so that copies do not vouch for each other.

    Args:
        rows: ``(n, dim)``; they are scaled to unit length.
        k: How many neighbors; all others where there are fewer.
        seed: For the neighbors of many rows, see ``nearest_neighbors``.
        neighborhood: Of these rows, where it is known already, with k neighbors or more.
        on_progress: Told how many of the rows are done.

    Returns:
        float32 ``(n,)`` from 0 to 2; 0 for a row without others.
    """
    known = neighborhood or neighborhood_of(rows, k, seed=seed, on_progress=on_progress)
    distances = known.nearest.first(k).distances.astype(np.float64)
    if not distances.shape[1]:
        return np.zeros(len(known.distinct.number), dtype=np.float32)
    # Half the squared distance of unit rows is 1 - cosine.
    far = (distances**2 / 2).mean(axis=1)
    return np.asarray(far[known.distinct.number], dtype=np.float32)


def outliers_among(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Pick the outliers, farthest first: one image in 100, at most 100; none among fewer than 20.

    A share and no threshold: how far apart pictures lie depends on the encoder and on
    the pictures, and galleries of many kinds have no gap that would part the odd ones.
    """
    if len(scores) < FEWEST:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(-scores, kind="stable")
    return order[: min(MOST, max(1, int(SHARE * len(scores))))].astype(np.int64)
