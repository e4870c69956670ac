"""Long streams in slices, so that memory is bounded whatever there is to copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["in_slices", "rows_at_once"]

Item = TypeVar("Item")

# Embeddings of one commit, as float32; each of its images takes some 2 KiB besides.
SLICE_BYTES = 32 * 2**20
MOST_ROWS = 16_384
LEAST_ROWS = 256


def in_slices(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of ``size`` items, the last one perhaps shorter."""
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part


def rows_at_once(dim: int) -> int:
    """Say how many embeddings are read, or committed, at a time."""
    return max(LEAST_ROWS, min(MOST_ROWS, SLICE_BYTES // (4 * dim)))
