"""Filters: ``label = 'cat' AND width > 800`` over catalog and metadata, as a set of images.

A filter is read into conditions, compiled to SQL in which every name comes
from a fixed table and every value is a parameter, and asked of the catalog.
"""

from __future__ import annotations

from lookalike.gallery.where.columns import column_names, metadata_keys
from lookalike.gallery.where.compiling import Compiled, compile_condition
from lookalike.gallery.where.conditions import Condition
from lookalike.gallery.where.parsing import parse_where
from lookalike.gallery.where.selecting import Selection, select

__all__ = [
    "Compiled",
    "Condition",
    "Selection",
    "column_names",
    "compile_condition",
    "metadata_keys",
    "parse_where",
    "select",
]
