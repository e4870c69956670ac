"""Queries of what ``search`` takes: a query as it is, or the one thing that it is made of."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.errors import UsageError
from lookalike.gallery import Condition
from lookalike.search.parts import QueryPart
from lookalike.search.query import Query, QueryInput, checked_count

__all__ = ["USUAL_K", "wanted_queries"]

USUAL_K = 10


def wanted_queries(
    queries: Sequence[QueryInput],
    k: int | None = None,
    *,
    exclude_self: bool = False,
    min_score: float | None = None,
    where: str | Condition | None = None,
) -> list[Query]:
    """Make a query of each.

    Raises:
        UsageError: One is nothing to search with, an option makes no sense, or is given
            beside a query that says it itself.
    """
    has_options = k is not None or exclude_self or min_score is not None or where is not None
    count = USUAL_K if k is None else checked_count(k)
    return [
        query_itself(query, has_options=has_options)
        if isinstance(query, Query)
        else Query(
            (QueryPart.of(query),),
            k=count,
            exclude_self=exclude_self,
            min_score=min_score,
            where=where,
        )
        for query in queries
    ]


def query_itself(query: Query, *, has_options: bool) -> Query:
    """Refuse options beside a query that says them itself.

    Raises:
        UsageError: There are some.
    """
    if has_options:
        raise UsageError(
            "A Query says itself how many hits it wants and which: give k, exclude_self, "
            "min_score and where to the Query."
        )
    return query
