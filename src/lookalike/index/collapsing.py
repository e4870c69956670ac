"""Rows that are equal bit for bit, found once before a graph is built over them.

A graph links each node to its nearest; a thousand equal rows are nearest to each
other, link in a circle, and no walk gets in or out. They become one node, and
answers fan out to all of them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import FloatRows, gathered

__all__ = ["Copies", "find_copies"]

# A slice of this many rows of 512 float16 is 8 MB, and so are its products.
SLICE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Copies:
    """Rows that stand for others.

    Attributes:
        first: int64 ``(n,)``, sorted: the row that stands for another.
        copy: int64 ``(n,)``: that other, larger row; a row may stand for several.
    """

    first: NDArray[np.int64]
    copy: NDArray[np.int64]


def find_copies(blocks: Sequence[FloatRows], dead: NDArray[np.int64]) -> Copies:
    """Find the rows that repeat a smaller living one.

    Args:
        blocks: Arrays ``(rows, dim)``; a row's number is its position over all.
        dead: Sorted rows that take no part.
    """
    hashes = [hashed(block[start : start + SLICE_ROWS])
              for block in blocks for start in range(0, len(block), SLICE_ROWS)]  # fmt: skip
    if not hashes:
        return Copies(np.empty(0, np.int64), np.empty(0, np.int64))
    every = np.concatenate(hashes)
    alive = np.ones(len(every), dtype=np.bool_)
    alive[dead] = False
    living = np.flatnonzero(alive)
    # Stable: among equal hashes the smallest row comes first.
    order = living[np.argsort(every[living], kind="stable")]
    same = np.flatnonzero(every[order[1:]] == every[order[:-1]]) + 1
    starts = np.arange(len(order))
    starts[same] = 0
    leader = order[np.maximum.accumulate(starts)]
    found = same[equal_rows(blocks, leader[same], order[same])]
    first, copy = leader[found], order[found]
    sorting = np.lexsort((copy, first))
    return Copies(first[sorting], copy[sorting])


def hashed(rows: FloatRows) -> NDArray[np.uint64]:
    """Hash each row's bytes to 64 bits: random odd multipliers, summed modulo 2^64."""
    whole = rows.shape[1] * rows.dtype.itemsize % 8 == 0
    word = np.dtype(np.uint64) if whole else np.dtype(f"u{rows.dtype.itemsize}")
    words = np.ascontiguousarray(rows).view(word).astype(np.uint64, copy=False)
    dice = np.random.default_rng(rows.shape[1])
    factors = dice.integers(0, 2**64, words.shape[1], dtype=np.uint64) | np.uint64(1)
    return np.asarray((words * factors).sum(axis=1, dtype=np.uint64))


def equal_rows(
    blocks: Sequence[FloatRows], left: NDArray[np.int64], right: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Compare pairs of rows, since hashes may meet by chance."""
    equal = np.zeros(len(left), dtype=np.bool_)
    for start in range(0, len(left), SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        equal[part] = (gathered(blocks, left[part]) == gathered(blocks, right[part])).all(axis=1)
    return equal
