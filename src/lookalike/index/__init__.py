"""Indexes: neighbour structures over rows."""

from __future__ import annotations

from lookalike.index.building import IndexConfig, build_index
from lookalike.index.exact import ExactIndex
from lookalike.index.flat import FlatIndex
from lookalike.index.protocol import Index

__all__ = ["ExactIndex", "FlatIndex", "Index", "IndexConfig", "build_index"]
