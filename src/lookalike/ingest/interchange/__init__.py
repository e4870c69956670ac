"""Interchange: embeddings on their way to other programs and from them."""

from __future__ import annotations

from lookalike.ingest.interchange.exporting import export_gallery
from lookalike.ingest.interchange.formats import FORMATS
from lookalike.ingest.interchange.importing import ImportReport, import_embeddings

__all__ = ["FORMATS", "ImportReport", "export_gallery", "import_embeddings"]
