"""Indexes: neighbor structures over rows.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.index.building import build_index
    from lookalike.index.config import IndexConfig, SearchParams
    from lookalike.index.exact import ExactIndex
    from lookalike.index.faiss_index import FaissIndex
    from lookalike.index.flat import FlatIndex
    from lookalike.index.protocol import Index

__all__ = [
    "ExactIndex",
    "FaissIndex",
    "FlatIndex",
    "Index",
    "IndexConfig",
    "SearchParams",
    "build_index",
]

HOMES = {
    "ExactIndex": "exact",
    "FaissIndex": "faiss_index",
    "FlatIndex": "flat",
    "Index": "protocol",
    "IndexConfig": "config",
    "SearchParams": "config",
    "build_index": "building",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
