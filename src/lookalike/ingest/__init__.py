"""Ingest: from files to a gallery."""

from __future__ import annotations

from lookalike.ingest.metadata import MetadataTable, load_metadata
from lookalike.ingest.removing import remove_images, remove_source
from lookalike.ingest.report import SkippedFile, UpdateReport, write_skipped
from lookalike.ingest.timing import Progress
from lookalike.ingest.updating import add_images, update_images

__all__ = [
    "MetadataTable",
    "Progress",
    "SkippedFile",
    "UpdateReport",
    "add_images",
    "load_metadata",
    "remove_images",
    "remove_source",
    "update_images",
    "write_skipped",
]
