"""Ingest: from files to a gallery."""

from __future__ import annotations

from lookalike.ingest.indexing import add_images, update_images
from lookalike.ingest.metadata import MetadataTable, load_metadata
from lookalike.ingest.removing import remove_images, remove_source
from lookalike.ingest.report import IndexReport, SkippedFile, write_skipped
from lookalike.ingest.timing import Progress

__all__ = [
    "IndexReport",
    "MetadataTable",
    "Progress",
    "SkippedFile",
    "add_images",
    "load_metadata",
    "remove_images",
    "remove_source",
    "update_images",
    "write_skipped",
]
