"""Search: queries in, results out."""

from __future__ import annotations

from lookalike.images.regions import Region
from lookalike.search.feedback import Feedback
from lookalike.search.parts import QueryPart
from lookalike.search.query import Query, QueryInput
from lookalike.search.results import Hit, Results
from lookalike.search.searcher import Searcher
from lookalike.search.sheet import contact_sheet, save_sheet

__all__ = [
    "Feedback",
    "Hit",
    "Query",
    "QueryInput",
    "QueryPart",
    "Region",
    "Results",
    "Searcher",
    "contact_sheet",
    "save_sheet",
]
