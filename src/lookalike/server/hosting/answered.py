"""What a search on a server gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.search import Results

__all__ = ["Answered"]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one query.

    Attributes:
        results: What was found.
        seconds: How long it took, by stage: ``wait``, ``decode``, ``encode``,
            ``search``, ``join``. A stage that was taken with other queries counts whole.
        embeddings: Of the parts of the query, in their order: unit rows ``(dim,)``.
    """

    results: Results
    seconds: Mapping[str, float]
    embeddings: tuple[NDArray[np.float32], ...] = ()
