"""The gallery: the truth on disk.

A folder with ``catalog.sqlite`` (what the images are), ``segments/*.npy`` (their
embeddings, plain NumPy arrays) and ``writer.lock``. Anyone can look into it
with ``sqlite3`` and ``numpy.load``.
"""

from __future__ import annotations

from lookalike.gallery.creating import (
    find_gallery,
    is_gallery,
)
from lookalike.gallery.gallery import (
    Gallery,
)
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
from lookalike.gallery.snapshots import (
    Snapshot,
    StaleSnapshot,
)
from lookalike.gallery.where import (
    Condition,
    Selection,
    parse_where,
)
from lookalike.gallery.writing import (
    GalleryWriter,
)

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
