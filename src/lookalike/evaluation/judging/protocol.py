"""Judgements: which images answer a query, and which neither answer it nor count against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.runs import Run

__all__ = ["JUNK", "UNRANKED", "Judged", "Qrels"]

# What a judged ranking holds besides grades from 0, not relevant, upwards.
JUNK = -1
UNRANKED = -2


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A run with the grade of every hit.

    Attributes:
        grades: int8 ``(q, depth)``: above 0 for a positive, 0 for a negative, ``JUNK``
            for an image that is taken out of the ranking before anything is counted,
            ``UNRANKED`` where the ranking has ended.
        positives: int64 ``(q,)``: how many positives there are to be found for each
            query, the query itself left out.
        ideal: int8 ``(q, depth)``: the grades of the best possible ranking, best first
            and 0 after the last positive, or None where every positive has grade 1.
        groups: The label of each query, or None where there are none.

    Raises:
        UsageError: There are grades above 1 and no ideal: nDCG would be above 1.
    """

    grades: NDArray[np.int8]
    positives: NDArray[np.int64]
    ideal: NDArray[np.int8] | None = None
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.ideal is None and self.grades.max(initial=0) > 1:
            raise UsageError(
                "A run that is judged by grades above 1 needs its ideal ranking: give the grades "
                "of the best ranking there can be."
            )

    def without_junk(self) -> Judged:
        """Take junk out of every ranking: what comes after it moves up.

        A junk image is treated as if it were not in the collection, as the Oxford and
        Paris sets are evaluated (Philbin et al., *Object retrieval with large
        vocabularies and fast spatial matching*, CVPR 2007).
        """
        lines = np.flatnonzero((self.grades == JUNK).any(axis=1))
        if not len(lines):
            return self
        grades, touched = self.grades.copy(), self.grades[lines]
        kept = touched != JUNK
        moved = np.full_like(touched, UNRANKED)
        # Both masks are walked line by line, and hold equally many places in each.
        moved[np.arange(touched.shape[1]) < kept.sum(axis=1)[:, None]] = touched[kept]
        grades[lines] = moved
        return replace(self, grades=grades)


class Qrels(Protocol):
    """The judgements of a set of queries, in the order of the queries."""

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the queries."""
        ...

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The label of each query, for tables by class; None where there are none."""
        ...

    @property
    def is_revisited(self) -> bool:
        """Whether the protocol is that of the Oxford and Paris sets."""
        ...

    @property
    def most_junk(self) -> int:
        """How many hits of a query can be junk: a run must be so much deeper than k."""
        ...

    def answers_to(self, query: str) -> dict[int, int]:
        """List the image_ids that answer a query with their grades, and junk with ``JUNK``.

        Raises:
            UsageError: The query is not judged.
        """
        ...

    def judge(self, run: Run) -> Judged:
        """Grade every hit of a run.

        The run may answer some of the queries only, in any order.

        Raises:
            UsageError: The run has a query that is not judged, or an image that the
                judgements do not know.
        """
        ...
