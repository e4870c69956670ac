"""Asking an index for rows, with all that tie, and merging what several views found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.index import SearchParams
from lookalike.index.live import LiveIndex
from lookalike.index.plans import Plan
from lookalike.search.indexing import Indexed
from lookalike.vectors import Neighbors

__all__ = ["Ranked", "best_of_views", "ranked_with_ties"]

# Where an index is asked, more ties than that are left to chance: each costs time.
MOST_WITH_TIES = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Rows found for one query, best first.

    Attributes:
        scores: float32 ``(n,)``.
        rows: int64 ``(n,)``.
        is_all: Whether no other row may be found, however many are asked for.
        plan: How they were found.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    is_all: bool
    plan: Plan


def ranked_with_ties(
    current: Indexed,
    embeddings: NDArray[np.float32],
    count: int,
    lowest: NDArray[np.float32],
    *,
    allowed: NDArray[np.bool_] | None = None,
    available: int | None = None,
    params: SearchParams | None = None,
) -> list[Ranked]:
    """Find the best rows for each query, and all that score as the last of them does.

    Which of the ties come first is for the caller to say: a row's number says
    nothing about the image.

    Args:
        current: What is asked.
        embeddings: ``(n, dim)``.
        count: How many rows are wanted.
        lowest: The least score of each query ``(n,)``.
        allowed: Mask over all rows: only these are found.
        available: How many rows it lets through.
        params: How hard the index looks.

    Returns:
        For each query ``count`` rows or, with ties, more of them.
    """
    there = current.index.size
    available = there if available is None else min(there, available)
    count = max(1, min(count, available))
    ranked: dict[int, Ranked] = {}
    lines = np.arange(len(embeddings))
    beyond = 1
    while len(lines):
        found, plan = asked(current, embeddings[lines], count + beyond, params, allowed)
        beyond *= 16
        is_last = not plan.is_exact and count + beyond > MOST_WITH_TIES
        # Asked for more, an index finds others: a query's ties are no other's business.
        has_ties = (found.scores[:, -1] == found.scores[:, count - 1]) & (found.rows[:, -1] >= 0)
        has_ended = np.ones(len(lines), dtype=np.bool_) if is_last else ~has_ties
        for place in np.flatnonzero(has_ended).tolist():
            line = int(lines[place])
            one = Neighbors(found.scores[place], found.rows[place])
            ranked[line] = best_and_ties(one, count, float(lowest[line]), plan, available=available)
        lines = lines[~has_ended]
    return [ranked[line] for line in range(len(embeddings))]


def best_and_ties(
    found: Neighbors, count: int, lowest: float, plan: Plan, *, available: int
) -> Ranked:
    """Keep the best rows of one query, and all that score as the last of them does."""
    kth = found.scores[count - 1]
    is_all = bool(kth < lowest or found.rows[count - 1] < 0 or count >= available)
    kept = (found.rows >= 0) & (found.scores >= max(kth, lowest))
    return Ranked(found.scores[kept], found.rows[kept], is_all, plan)


def asked(
    current: Indexed,
    embeddings: NDArray[np.float32],
    count: int,
    params: SearchParams | None,
    allowed: NDArray[np.bool_] | None,
) -> tuple[Neighbors, Plan]:
    """Ask an index, and say how it was asked."""
    index = current.index
    if isinstance(index, LiveIndex):
        found, plan = index.explained(embeddings, count, params=params, allowed=allowed)
    else:
        found = index.search(embeddings, count, params=params, allowed=allowed)
        among = None if allowed is None else int(np.count_nonzero(allowed))
        plan = Plan("exact", index.size, among)
    generations = (current.index_generation, current.snapshot.generation)
    return found, replace(plan, index_generation=generations[0], generation=generations[1])


def best_of_views(views: Sequence[Ranked]) -> Ranked:
    """Merge what the views of one query found: each row with its best score.

    Below the last row of a view that could find more, another row may have a better
    score in that view than in the one that found it: such rows are left for the next
    time, when more are asked for.
    """
    if len(views) == 1:
        return views[0]
    scores = np.concatenate([view.scores for view in views])
    rows = np.concatenate([view.rows for view in views])
    order = np.lexsort((rows, -scores))
    scores, rows = scores[order], rows[order]
    _, first = np.unique(rows, return_index=True)
    best = np.sort(first)
    ends = [view.scores[-1] for view in views if len(view.scores) and not view.is_all]
    floor = max(ends, default=-np.inf)
    best = best[scores[best] >= floor]
    plan = next((view.plan for view in views if not view.plan.is_exact), views[0].plan)
    return Ranked(scores[best], rows[best], all(view.is_all for view in views), plan)
