"""What a search on a server gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lookalike.search import Results

__all__ = ["Answered"]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to one query.

    Attributes:
        results: What was found.
        seconds: How long it took, by stage: ``wait``, ``decode``, ``encode``,
            ``search``, ``join``. A stage that was taken with other queries counts whole.
    """

    results: Results
    seconds: Mapping[str, float]
