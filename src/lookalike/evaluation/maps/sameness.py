"""Equal embeddings: laid out once, and fanned out at the end so that none hides another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import FloatRows

__all__ = ["Distinct", "distinct_rows", "fanned_out"]

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
# Of the map's width: copies stay one dot until the map is magnified.
STEP = 0.0006


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Which rows are equal, value for value.

    Attributes:
        first: int64 ``(m,)``, rising: the first row of each kind.
        number: int64 ``(n,)``: the position in ``first`` of each row's kind.
    """

    first: NDArray[np.int64]
    number: NDArray[np.int64]


def distinct_rows(rows: FloatRows) -> Distinct:
    """Find the rows ``(n, dim)`` that differ; those of equal bytes are one."""
    # Adding zero turns -0.0, which equals 0.0, into it.
    whole = np.ascontiguousarray(rows + np.zeros((), rows.dtype))
    if not len(whole):
        return Distinct(np.zeros(0, np.int64), np.zeros(0, np.int64))
    keys = whole.view(np.dtype((np.void, whole.dtype.itemsize * whole.shape[1])))[:, 0]
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return Distinct(first[order].astype(np.int64), place[number.reshape(-1)].astype(np.int64))


def fanned_out(points: NDArray[np.float32], distinct: Distinct) -> NDArray[np.float32]:
    """Place all rows where their kind is, copies as the seeds of a sunflower around it.

    The seed number s lies at the angle s times the golden angle, in the distance of
    the root of s (Vogel, "A better way to construct the sunflower head",
    Mathematical Biosciences 44, 1979).

    Args:
        points: Where each kind is ``(m, 2)``.
        distinct: Which row is of which kind.

    Returns:
        ``(n, 2)``.
    """
    placed = points[distinct.number].astype(np.float64)
    seeds = seed_numbers(distinct.number)
    width = float(np.ptp(points, axis=0).max()) if len(points) > 1 else 0.0
    radius = STEP * (width or 1.0) * np.sqrt(seeds)
    placed[:, 0] += radius * np.cos(seeds * GOLDEN_ANGLE)
    placed[:, 1] += radius * np.sin(seeds * GOLDEN_ANGLE)
    return placed.astype(np.float32)


def seed_numbers(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the rows of each kind from 0, in their order."""
    order = np.argsort(number, kind="stable")
    grouped = number[order]
    is_start = np.diff(grouped, prepend=-1) > 0
    starts = np.maximum.accumulate(np.where(is_start, np.arange(len(grouped)), 0))
    seeds = np.empty_like(number)
    seeds[order] = np.arange(len(grouped)) - starts
    return seeds
