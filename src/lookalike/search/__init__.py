"""Search: queries in, results out.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
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

HOMES = {
    "Feedback": "feedback",
    "Hit": "results",
    "Query": "query",
    "QueryInput": "query",
    "QueryPart": "parts",
    "Region": "parts",  # which takes it from the room of images
    "Results": "results",
    "Searcher": "searcher",
    "contact_sheet": "sheet",
    "save_sheet": "sheet",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
