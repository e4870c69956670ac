"""Whitening by class: what varies within classes counts less, what tells them apart counts more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lookalike.errors import UsageError
from lookalike.training.pictures import UNLABELLED
from lookalike.training.teacher import Projection

FloatArray = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

LEAST_MEMBERS = 8


def fit_class_whitening(
    parts: Sequence[tuple[FloatArray, Labels]], power: float = 1.0, floor: float = 0.01
) -> Projection:
    """Fit a linear map that makes the scatter within classes round.

    The scatter S of each part is the covariance of its rows around their class
    means, divided by its trace, so that every part counts alike; axis i of the
    eigenvectors of their mean, of eigenvalue v_i, is scaled by
    ``(v_i + floor * max(v)) ** (-power / 2)``. Power 0 keeps the geometry, 1
    whitens fully (Mikolajczyk and Matas, *Improving descriptors for fast tree
    matching by optimal linear projection*, ICCV 2007).

    Args:
        parts: Embeddings ``(n, dim)`` with labels ``(n,)`` of one data set each.
        power: How far to whiten, in [0, 1].
        floor: Keeps axes along which nothing varies from being blown up.

    Raises:
        UsageError: No class of a part has enough members.
    """
    dim = parts[0][0].shape[1]
    scatter = np.zeros((dim, dim))
    for rows, labels in parts:
        own = within_classes(rows, labels)
        scatter += own / np.trace(own) / len(parts)
    variances, vectors = np.linalg.eigh(scatter)
    scales = (np.maximum(variances, 0) + floor * variances.max()) ** (-power / 2)
    mean = np.mean([rows.mean(axis=0, dtype=np.float64) for rows, _ in parts], axis=0)
    return Projection(mean.astype(np.float32), (vectors * scales).astype(np.float32))


def within_classes(rows: FloatArray, labels: Labels) -> npt.NDArray[np.float64]:
    """Compute the covariance of rows ``(n, dim)`` around the means of their classes."""
    centred = [
        members - members.mean(axis=0)
        for label in np.unique(labels[labels != UNLABELLED])
        if len(members := rows[labels == label].astype(np.float64)) >= LEAST_MEMBERS
    ]
    if not centred:
        raise UsageError(
            f"No class has {LEAST_MEMBERS} pictures, too few to whiten by: use --whitening 0."
        )
    stacked = np.concatenate(centred)
    return np.asarray(stacked.T @ stacked / len(stacked))
