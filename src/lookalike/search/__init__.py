"""Search: queries in, results out."""

from __future__ import annotations

from lookalike.search.query import Query
from lookalike.search.results import Hit, Results
from lookalike.search.searcher import Searcher
from lookalike.search.sheet import contact_sheet, save_sheet

__all__ = ["Hit", "Query", "Results", "Searcher", "contact_sheet", "save_sheet"]
