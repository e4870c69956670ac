"""Runs from a searcher: what a user would see, to be judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.judging.runs import NO_IMAGE, Run
from lookalike.search import Query, QueryInput, QueryPart, Searcher

__all__ = ["run_of"]

# Queries that are answered at a time: each hit is joined with its catalog entry.
ASKED_AT_ONCE = 256


def run_of(
    searcher: Searcher,
    queries: Sequence[QueryInput],
    depth: int,
    *,
    names: Sequence[str] | None = None,
    exclude_self: bool = True,
) -> Run:
    """Ask a searcher, and keep image_ids and scores.

    Where a second stage put hits in another order than that of their scores, a hit is
    given the score of the one before it: the order counts.

    Args:
        searcher: Whom.
        queries: What ``Searcher.search`` takes. A ``Query`` says itself how many hits
            it wants, and whether it leaves itself out.
        depth: How many hits each.
        names: Of the queries; None for their labels, as ``Results.query`` writes them.
        exclude_self: Leave out the image that is the query: the one with its image_id
            or path, else those with its very bytes. False where queries are no images
            of the gallery, and copies of them are to be found.

    Raises:
        UsageError: There are no queries, or two have one name.
        LookalikeError: As ``Searcher.search`` raises.
    """
    if not queries:
        raise UsageError("There are no queries: give at least one.")
    image_ids = np.full((len(queries), depth), NO_IMAGE, dtype=np.int64)
    scores = np.full((len(queries), depth), -np.inf, dtype=np.float32)
    labels: list[str] = []
    asked = [
        query
        if isinstance(query, Query)
        else Query((QueryPart.of(query),), k=depth, exclude_self=exclude_self)
        for query in queries
    ]
    for start in range(0, len(asked), ASKED_AT_ONCE):
        for results in searcher.search_many(asked[start : start + ASKED_AT_ONCE]):
            line, hits = len(labels), results[:depth]
            image_ids[line, : len(hits)] = [hit.image_id for hit in hits]
            scores[line, : len(hits)] = [hit.score for hit in hits]
            labels.append(results.query)
    return Run(
        tuple(labels if names is None else names),
        image_ids,
        np.minimum.accumulate(scores, axis=1),
    )
