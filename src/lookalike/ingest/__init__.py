"""Ingest: from files to a gallery."""

from __future__ import annotations

from lookalike.ingest.interchange import (
    FORMATS,
    ImportReport,
    export_gallery,
    import_embeddings,
)
from lookalike.ingest.merging import MergeReport, common_space, merge_galleries
from lookalike.ingest.metadata import MetadataTable, load_metadata
from lookalike.ingest.removing import remove_images, remove_source
from lookalike.ingest.report import FileChange, SkippedFile, UpdateReport, write_skipped
from lookalike.ingest.sharding import Shard
from lookalike.ingest.timing import Progress
from lookalike.ingest.updating import add_images, update_images, update_paths
from lookalike.ingest.watching import Watcher

__all__ = [
    "FORMATS",
    "FileChange",
    "ImportReport",
    "MergeReport",
    "MetadataTable",
    "Progress",
    "Shard",
    "SkippedFile",
    "UpdateReport",
    "Watcher",
    "add_images",
    "common_space",
    "export_gallery",
    "import_embeddings",
    "load_metadata",
    "merge_galleries",
    "remove_images",
    "remove_source",
    "update_images",
    "update_paths",
    "write_skipped",
]
