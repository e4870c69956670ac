"""The demonstration collection: pictures that Lookalike draws itself, to have something to search.

A bare machine holds no pictures, so :func:`render_collection` draws some: two dozen
kinds of things, scenes and patterns, in every format the core reads, with the oddities
that real folders have (turned photographs, copies, names in any script, broken files).
"""

from __future__ import annotations

from lookalike.demonstration.collection import (
    CollectionReport,
    example_queries,
    render_collection,
)

__all__ = ["CollectionReport", "example_queries", "render_collection"]
