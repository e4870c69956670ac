"""Queries asked of one state of a gallery, until there are as many hits as were wanted."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import Condition, Gallery, ImageRecord
from lookalike.gallery.groups import Groups
from lookalike.index import SearchParams
from lookalike.index.plans import Plan
from lookalike.search.diversity import POOL_FACTOR, diverse_order
from lookalike.search.grouping import Grouping, open_rows
from lookalike.search.indexing import Indexed
from lookalike.search.preparing import Prepared
from lookalike.search.query import Query
from lookalike.search.ranking import Ranked, best_of_views, ranked_with_ties
from lookalike.search.selections import Chosen
from lookalike.vectors import gathered, unit_rows

__all__ = ["Answer", "Asking", "Candidate"]

# How many times more rows are asked for where exclusions and groups left too few.
GROWTH = 4

# From so many rows on, groups that were not found are looked for by themselves.
MANY_FOR_GROUPS = 256

# Rounding to float16 moves a unit row by up to 2^-11: two roundings of one row lie
# no further apart than this.
COPY_DISTANCE = 2.0**-10


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An image that may become a hit.

    Attributes:
        score: Its score.
        record: The image.
        row: Of the snapshot.
    """

    score: float
    record: ImageRecord
    row: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query found: the images in order, and how."""

    found: list[Candidate]
    plan: Plan


@dataclass(slots=True)
class Asking:
    """One state of a gallery, asked.

    Attributes:
        gallery: Whose.
        current: Its state, with an index over it.
        choose: What a filter lets through of it.
        groups: Which images of it have which value of a column.
        params: How hard the index looks.
        reading_s: Seconds spent on the catalog so far.
    """

    gallery: Gallery
    current: Indexed
    choose: Callable[[Condition], Chosen]
    groups: Callable[[Grouping], Groups]
    params: SearchParams | None = None
    reading_s: float = 0.0
    _records: dict[int, list[ImageRecord]] = field(default_factory=dict)

    def answers(self, prepared: Sequence[Prepared]) -> list[Answer]:
        """Answer queries; those that are alike in filter and number are asked together.

        Raises:
            StaleSnapshot: The gallery was compacted meanwhile.
        """
        done: dict[int, Answer] = {}
        pending = {line: first_count(ready) for line, ready in enumerate(prepared)}
        while pending:
            together = defaultdict(list)
            for line, count in pending.items():
                together[prepared[line].query.condition, count].append(line)
            pending = {}
            for (condition, count), lines in together.items():
                batch = [prepared[line] for line in lines]
                for line, answer in zip(lines, self._asked(batch, condition, count), strict=True):
                    if answer is None:
                        pending[line] = count * GROWTH
                    else:
                        done[line] = answer
        return [done[line] for line in range(len(prepared))]

    def _asked(
        self, batch: Sequence[Prepared], condition: Condition | None, count: int
    ) -> list[Answer | None]:
        """Ask for so many rows for each query; None where that was not enough."""
        chosen = None if condition is None else self.choose(condition)
        ranked = self._ranked(batch, chosen, count)
        self._read([row for each in ranked for row in each.rows.tolist()])
        answers: list[Answer | None] = []
        for ready, found in zip(batch, ranked, strict=True):
            candidates = self._candidates(ready, found, chosen)
            if found.is_all or len(candidates) >= wanted(ready.query):
                answers.append(Answer(self._ordered(ready.query, candidates), found.plan))
            elif ready.grouping is None or count < MANY_FOR_GROUPS:
                answers.append(None)
            else:
                groups = self.groups(ready.grouping)
                answers.append(self._among_other_groups(ready, found, candidates, chosen, groups))
        return answers

    def _among_other_groups(
        self,
        ready: Prepared,
        found: Ranked,
        candidates: list[Candidate],
        chosen: Chosen | None,
        groups: Groups,
    ) -> Answer:
        """Go on among the rows of groups that were not found: those found may be most of all."""
        rows = self.current.snapshot.rows
        is_open = np.ones(rows, dtype=np.bool_) if chosen is None else chosen.allowed.copy()
        count = wanted(ready.query)
        while True:
            is_open[found.rows] = False
            ids = np.array([each.record.image_id for each in candidates], dtype=np.int64)
            is_open &= open_rows(groups, ids, rows)
            left = int(np.count_nonzero(is_open))
            others = Chosen(np.empty(0, dtype=np.int64), is_open, left)
            [found] = self._ranked([ready], others, count)
            self._read(found.rows.tolist())
            more = self._candidates(ready, found, chosen)
            both = sorted([*candidates, *more], key=in_order)
            candidates = first_of_each(both, ready.grouping)
            if found.is_all or len(candidates) >= wanted(ready.query):
                return Answer(self._ordered(ready.query, candidates), found.plan)
            count *= GROWTH

    def _ranked(self, batch: Sequence[Prepared], chosen: Chosen | None, count: int) -> list[Ranked]:
        """Ask the index with all views at once, and merge those of each query."""
        views = np.concatenate([ready.views for ready in batch])
        lowest = [lowest_score(ready.query) for ready in batch for _ in ready.views]
        ranked = ranked_with_ties(
            self.current,
            views,
            count,
            np.array(lowest, dtype=np.float32),
            allowed=None if chosen is None else chosen.allowed,
            available=None if chosen is None else chosen.available,
            params=self.params,
        )
        ends = np.cumsum([len(ready.views) for ready in batch])
        return [
            best_of_views(ranked[end - len(ready.views) : end])
            for ready, end in zip(batch, ends.tolist(), strict=True)
        ]

    def _read(self, rows: Sequence[int]) -> None:
        """Read the images behind rows that no query has found yet."""
        start = time.perf_counter()
        unknown = [row for row in dict.fromkeys(rows) if row not in self._records]
        found = self.gallery.images_at(self.current.snapshot, unknown)
        self._records.update(zip(unknown, found, strict=True))
        self.reading_s += time.perf_counter() - start

    def _candidates(self, ready: Prepared, found: Ranked, chosen: Chosen | None) -> list[Candidate]:
        """List the images that a query may find, best first; equal scores by image_id."""
        rows = self._without_copies(ready, found)
        candidates = [
            Candidate(score, record, row)
            for score, row in rows
            for record in self._records[row]
            if record.image_id not in ready.left_out
            and (chosen is None or chosen.has(record.image_id))
        ]
        candidates.sort(key=in_order)
        return first_of_each(candidates, ready.grouping)

    def _without_copies(self, ready: Prepared, found: Ranked) -> list[tuple[float, int]]:
        """Drop rows that are a part of the query but for rounding."""
        pairs = list(zip(found.scores.tolist(), found.rows.tolist(), strict=True))
        if not len(ready.originals) or not pairs:
            return pairs
        rows = self._embeddings(found.rows)
        is_copy = np.zeros(len(rows), dtype=np.bool_)
        for original in ready.originals:
            is_copy |= np.linalg.norm(rows - original, axis=1) <= COPY_DISTANCE
        return [pair for pair, drop in zip(pairs, is_copy.tolist(), strict=True) if not drop]

    def _ordered(self, query: Query, candidates: list[Candidate]) -> list[Candidate]:
        """Keep the first k, or k that are unlike each other."""
        if not query.diversity or not candidates:
            return candidates[: query.k]
        pool = candidates[: wanted(query)]
        scores = np.array([candidate.score for candidate in pool])
        rows = self._embeddings(np.array([candidate.row for candidate in pool], dtype=np.int64))
        order = diverse_order(scores, rows, query.k, diversity=query.diversity)
        return [pool[place] for place in order]

    def _embeddings(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read embeddings by row, at unit length."""
        return unit_rows(gathered(self.current.snapshot.blocks, rows))


def in_order(candidate: Candidate) -> tuple[float, int]:
    """Put the best first, and equal scores by image_id."""
    return -candidate.score, candidate.record.image_id


def wanted(query: Query) -> int:
    """Say how many candidates a query needs, if there are so many."""
    return query.k * POOL_FACTOR if query.diversity else query.k


def first_count(ready: Prepared) -> int:
    """Say how many rows are asked for at first."""
    return wanted(ready.query) + len(ready.left_out)


def lowest_score(query: Query) -> float:
    """Say what a hit must score at least."""
    return -np.inf if query.min_score is None else query.min_score


def first_of_each(candidates: list[Candidate], grouping: Grouping | None) -> list[Candidate]:
    """Keep the best candidate of each group, or all where there are no groups."""
    if grouping is None:
        return candidates
    best: dict[object, Candidate] = {}
    for candidate in candidates:
        best.setdefault(grouping.key(candidate.record), candidate)
    return list(best.values())
