"""Find the pictures that look alike: in a folder, or among a million.

>>> import lookalike
>>> encoder = lookalike.load_encoder("builtin")
>>> gallery = lookalike.Gallery.open_or_create("photos.gallery", encoder.space)
>>> report = lookalike.add_images(gallery, "~/photos", encoder)
>>> searcher = lookalike.Searcher(gallery, encoder)
>>> for hit in searcher.search("query.jpg", k=10):
...     print(hit.score, hit.path)

Importing the package loads nothing but the standard library; each name below
is fetched from its room when it is first used.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lookalike.encoders import Encoder, EncoderCard, embed, load_encoder
    from lookalike.errors import LookalikeError
    from lookalike.gallery import Gallery, ImageRecord, parse_where
    from lookalike.images import Picture, Preprocessing, decode
    from lookalike.index import IndexConfig, SearchParams
    from lookalike.ingest import (
        ImportReport,
        MergeReport,
        MetadataTable,
        Progress,
        Shard,
        SkippedFile,
        UpdateReport,
        add_images,
        export_gallery,
        import_embeddings,
        load_metadata,
        merge_galleries,
        update_images,
    )
    from lookalike.search import (
        Feedback,
        Hit,
        Query,
        QueryPart,
        Region,
        Results,
        Searcher,
        contact_sheet,
        save_sheet,
    )
    from lookalike.vectors import EmbeddingSpace

__version__ = "0.1.0"

__all__ = [
    "EmbeddingSpace",
    "Encoder",
    "EncoderCard",
    "Feedback",
    "Gallery",
    "Hit",
    "ImageRecord",
    "ImportReport",
    "IndexConfig",
    "LookalikeError",
    "MergeReport",
    "MetadataTable",
    "Picture",
    "Preprocessing",
    "Progress",
    "Query",
    "QueryPart",
    "Region",
    "Results",
    "SearchParams",
    "Searcher",
    "Shard",
    "SkippedFile",
    "UpdateReport",
    "__version__",
    "add_images",
    "contact_sheet",
    "decode",
    "embed",
    "export_gallery",
    "import_embeddings",
    "load_encoder",
    "load_metadata",
    "merge_galleries",
    "parse_where",
    "save_sheet",
    "update_images",
]

_ROOMS = {
    "EmbeddingSpace": "vectors",
    "Encoder": "encoders",
    "EncoderCard": "encoders",
    "Feedback": "search",
    "Gallery": "gallery",
    "Hit": "search",
    "ImageRecord": "gallery",
    "ImportReport": "ingest",
    "IndexConfig": "index",
    "LookalikeError": "errors",
    "MergeReport": "ingest",
    "MetadataTable": "ingest",
    "Picture": "images",
    "Preprocessing": "images",
    "Progress": "ingest",
    "Query": "search",
    "QueryPart": "search",
    "Region": "search",
    "Results": "search",
    "SearchParams": "index",
    "Searcher": "search",
    "Shard": "ingest",
    "SkippedFile": "ingest",
    "UpdateReport": "ingest",
    "add_images": "ingest",
    "contact_sheet": "search",
    "decode": "images",
    "embed": "encoders",
    "export_gallery": "ingest",
    "import_embeddings": "ingest",
    "load_encoder": "encoders",
    "load_metadata": "ingest",
    "merge_galleries": "ingest",
    "parse_where": "gallery",
    "save_sheet": "search",
    "update_images": "ingest",
}

# A library stays silent until its user asks for its log.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
