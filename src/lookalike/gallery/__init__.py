"""The gallery: the truth on disk.

A folder with ``catalog.sqlite`` (what the images are), ``segments/*.npy`` (their
embeddings, plain NumPy arrays) and ``writer.lock``. Anyone can look into it
with ``sqlite3`` and ``numpy.load``.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.gallery.finding import find_gallery, is_gallery
    from lookalike.gallery.gallery import Gallery
    from lookalike.gallery.records import (
        CompactReport,
        GalleryInfo,
        ImageRecord,
        KnownImage,
        NewImage,
        Rename,
        Skipped,
        SourceRecord,
        Touch,
        VerifyReport,
    )
    from lookalike.gallery.snapshots import Snapshot, StaleSnapshot
    from lookalike.gallery.where import Condition, Selection, parse_where
    from lookalike.gallery.writing import GalleryWriter

__all__ = [
    "CompactReport",
    "Condition",
    "Gallery",
    "GalleryInfo",
    "GalleryWriter",
    "ImageRecord",
    "KnownImage",
    "NewImage",
    "Rename",
    "Selection",
    "Skipped",
    "Snapshot",
    "SourceRecord",
    "StaleSnapshot",
    "Touch",
    "VerifyReport",
    "find_gallery",
    "is_gallery",
    "parse_where",
]

HOMES = {
    "CompactReport": "records",
    "Condition": "where",
    "Gallery": "gallery",
    "GalleryInfo": "records",
    "GalleryWriter": "writing",
    "ImageRecord": "records",
    "KnownImage": "records",
    "NewImage": "records",
    "Rename": "records",
    "Selection": "where",
    "Skipped": "records",
    "Snapshot": "snapshots",
    "SourceRecord": "records",
    "StaleSnapshot": "snapshots",
    "Touch": "records",
    "VerifyReport": "records",
    "find_gallery": "finding",
    "is_gallery": "finding",
    "parse_where": "where",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
