"""Which index to build, and building it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.exact import ExactIndex
from lookalike.index.flat import FlatIndex
from lookalike.index.protocol import Index
from lookalike.vectors import FloatRows

__all__ = ["IndexConfig", "build_index"]

KINDS = ("exact", "flat")


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Which neighbour structure to build over a gallery's rows.

    Attributes:
        kind: ``exact`` reads the gallery's own files, is ready at once and takes
            no memory of its own: right for the command line, where one query
            is asked. ``flat`` is FAISS's flat index: it copies all rows into
            memory as float32 (4 * dim bytes each) and answers the second and
            later queries faster. Both give the same answers.
    """

    kind: Literal["exact", "flat"] = "exact"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"Index kind {self.kind!r} is unknown: use {' or '.join(KINDS)}.")


def build_index(
    blocks: Sequence[FloatRows],
    config: IndexConfig,
    *,
    dim: int,
    dead: NDArray[np.int64] | None = None,
) -> Index:
    """Build an index over blocks of unit rows ``(rows, dim)`` without the dead ones."""
    if config.kind == "flat":
        return FlatIndex(blocks, dim=dim, dead=dead)
    return ExactIndex(blocks, dim=dim, dead=dead)
