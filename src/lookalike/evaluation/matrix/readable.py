"""Judgements without the pictures that cannot be read: nobody could find them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.protocol import Judged, Qrels
from lookalike.evaluation.judging.runs import Run

__all__ = ["ReadableQrels"]


# Places of rankings that are looked at together.
CELLS = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class ReadableQrels:
    """Judgements in which some images are as if they were not in the set.

    Attributes:
        whole: The judgements of the set.
        dead: int64 ``(n,)``: the image_ids that are not there.
    """

    whole: Qrels
    dead: NDArray[np.int64]

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the queries."""
        return self.whole.queries

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The label of each query."""
        return self.whole.groups

    @property
    def is_revisited(self) -> bool:
        """Whether the protocol is that of the Oxford and Paris sets."""
        return self.whole.is_revisited

    @property
    def most_junk(self) -> int:
        """How many hits of a query can be junk."""
        return self.whole.most_junk

    def answers_to(self, query: str) -> dict[int, int]:
        """List the images that answer a query, and junk, as far as they are there."""
        gone = set(self.dead.tolist())
        answers = self.whole.answers_to(query)
        return {image_id: grade for image_id, grade in answers.items() if image_id not in gone}

    def judge(self, run: Run) -> Judged:
        """Grade every hit of a run; what is not there is not to be found either."""
        judged = self.whole.judge(run)
        if not len(self.dead):
            return judged
        positives = judged.positives - self._lost(run.queries)
        if judged.ideal is None:
            return replace(judged, positives=positives)
        return replace(judged, positives=positives, ideal=self._ideal(run))

    def _lost(self, queries: tuple[str, ...]) -> NDArray[np.int64]:
        """Count for each query what would have answered it, and is not there."""
        counts = np.zeros(len(queries), dtype=np.int64)
        size = max(1, CELLS // len(self.dead))
        for start in range(0, len(queries), size):
            part = queries[start : start + size]
            # A ranking of nothing else says which of them would have answered.
            lost = np.tile(self.dead, (len(part), 1))
            missing = self.whole.judge(Run(part, lost, np.zeros(lost.shape, np.float32)))
            counts[start : start + size] = np.count_nonzero(missing.grades > 0, axis=1)
        return counts

    def _ideal(self, run: Run) -> NDArray[np.int8]:
        """Put the grades of what is there in falling order, cut off at the run's depth."""
        ideal = np.zeros(run.image_ids.shape, dtype=np.int8)
        for line, query in enumerate(run.queries):
            grades = sorted(grade for grade in self.answers_to(query).values() if grade > 0)
            best = grades[::-1][: run.depth]
            ideal[line, : len(best)] = best
        return ideal
