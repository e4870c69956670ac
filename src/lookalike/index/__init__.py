"""Indexes: neighbour structures over rows."""

from __future__ import annotations

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
