"""Where pictures come from, and how a file becomes pixels an encoder takes.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.images.decoding import MAX_PIXELS, Picture, decode
    from lookalike.images.hashing import content_hash
    from lookalike.images.preprocessing import Preprocessing, crop, normalized
    from lookalike.images.reading import MAX_FILE_BYTES, read_file
    from lookalike.images.sources import PICTURE_EXTENSIONS, ImageRef, Source, open_source
    from lookalike.images.thumbnails import thumbnail, thumbnail_jpeg

__all__ = [
    "ImageRef",
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "PICTURE_EXTENSIONS",
    "Picture",
    "Preprocessing",
    "Source",
    "content_hash",
    "crop",
    "decode",
    "normalized",
    "open_source",
    "read_file",
    "thumbnail",
    "thumbnail_jpeg",
]

HOMES = {
    "ImageRef": "sources",
    "MAX_FILE_BYTES": "reading",
    "MAX_PIXELS": "decoding",
    "PICTURE_EXTENSIONS": "sources",
    "Picture": "decoding",
    "Preprocessing": "preprocessing",
    "Source": "sources",
    "content_hash": "hashing",
    "crop": "preprocessing",
    "decode": "decoding",
    "normalized": "preprocessing",
    "open_source": "sources",
    "read_file": "reading",
    "thumbnail": "thumbnails",
    "thumbnail_jpeg": "thumbnails",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
