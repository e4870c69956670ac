"""Runs: what a searcher answered to each query, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

__all__ = ["NO_IMAGE", "Run"]

# Fills up the line of a query that has fewer hits than the deepest.
NO_IMAGE = -1

# Numbers that are sorted at a time: a copy of a whole ranking would double its memory.
SORTED_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The ranking that each query was answered with.

    The query itself is left out of its ranking by its image_id, never by its position:
    a copy may score as high, and an approximate index may miss it.

    Attributes:
        queries: Their names, unique.
        image_ids: int64 ``(q, depth)``, best first; ``NO_IMAGE`` where there was no
            further hit.
        scores: float32 ``(q, depth)``, never rising along a line.

    Raises:
        UsageError: The shapes do not fit, a query is there twice, a line names an
            image twice or goes on after its end, an image_id is below ``NO_IMAGE``, or a
            score rises.
    """

    queries: tuple[str, ...]
    image_ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.image_ids.ndim != 2 or self.image_ids.shape != self.scores.shape:
            raise UsageError(
                f"A run has image_ids and scores of one shape (q, depth), not "
                f"{self.image_ids.shape} and {self.scores.shape}."
            )
        if len(self.queries) != len(self.image_ids):
            raise UsageError(
                f"A run names each of its queries: {len(self.queries)} names came with "
                f"{len(self.image_ids)} rankings."
            )
        if not self.depth:
            raise UsageError("A run has no hits at all: search for at least one.")
        require_unique(self.queries)
        require_known(self.queries, self.image_ids)
        require_whole_lines(self.queries, self.image_ids)
        require_falling(self.queries, self.image_ids, self.scores)

    @property
    def depth(self) -> int:
        """The longest ranking that a line has room for."""
        return int(self.image_ids.shape[1])

    def __len__(self) -> int:
        return len(self.queries)


def require_unique(queries: tuple[str, ...]) -> None:
    """Refuse a query that is there twice.

    Raises:
        UsageError: There is one; it is named.
    """
    if len(set(queries)) == len(queries):
        return
    seen: set[str] = set()
    for query in queries:
        if query in seen:
            raise UsageError(f"The query {query!r} is there twice: name each query once.")
        seen.add(query)


def require_known(queries: tuple[str, ...], image_ids: NDArray[np.int64]) -> None:
    """Refuse what no image_id can be.

    Raises:
        UsageError: There is one below ``NO_IMAGE``.
    """
    if int(image_ids.min(initial=NO_IMAGE)) < NO_IMAGE:
        line = int((image_ids < NO_IMAGE).any(axis=1).argmax())
        raise UsageError(
            f"The ranking of the query {queries[line]!r} names the image {image_ids[line].min()}: "
            f"image_ids begin at 0, and {NO_IMAGE} fills up lines at their end."
        )


def require_whole_lines(queries: tuple[str, ...], image_ids: NDArray[np.int64]) -> None:
    """Refuse a line that names an image twice, or an image after its end.

    Raises:
        UsageError: There is one.
    """
    size = max(1, SORTED_AT_ONCE // image_ids.shape[1])
    for start in range(0, len(image_ids), size):
        part = image_ids[start : start + size]
        is_resumed = ((part[:, :-1] < 0) & (part[:, 1:] >= 0)).any(axis=1)
        ordered = np.sort(part, axis=1)
        is_repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1)
        if is_resumed.any():
            query = queries[start + int(is_resumed.argmax())]
            raise UsageError(
                f"The ranking of the query {query!r} has a gap: fill up lines at their end, "
                f"with {NO_IMAGE}."
            )
        if is_repeated.any():
            query = queries[start + int(is_repeated.argmax())]
            raise UsageError(
                f"The ranking of the query {query!r} names an image twice: a searcher that "
                "finds an image twice cannot be judged."
            )


def require_falling(
    queries: tuple[str, ...], image_ids: NDArray[np.int64], scores: NDArray[np.float32]
) -> None:
    """Refuse a line whose scores rise: distances were taken for scores, most likely.

    Raises:
        UsageError: There is one.
    """
    is_rising = ~(scores[:, 1:] <= scores[:, :-1]) & (image_ids[:, 1:] >= 0)
    if is_rising.any():
        query = queries[int(is_rising.any(axis=1).argmax())]
        raise UsageError(
            f"The scores of the query {query!r} rise along its ranking: the best hit comes "
            "first, and a bigger score is better (a distance is none)."
        )
