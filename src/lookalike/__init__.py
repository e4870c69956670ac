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

import logging
import os
from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.client import Client
    from lookalike.encoders import Encoder, EncoderCard, embed, load_encoder
    from lookalike.errors import LookalikeError
    from lookalike.gallery import Gallery, ImageRecord, parse_where
    from lookalike.images import Picture, Preprocessing, decode
    from lookalike.index import IndexConfig, SearchParams
    from lookalike.ingest import (
        FileChange,
        ImportReport,
        MergeReport,
        MetadataTable,
        Progress,
        Shard,
        SkippedFile,
        UpdateReport,
        Watcher,
        add_images,
        export_gallery,
        import_embeddings,
        load_metadata,
        merge_galleries,
        update_images,
        update_paths,
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
    "Client",
    "EmbeddingSpace",
    "Encoder",
    "EncoderCard",
    "Feedback",
    "FileChange",
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
    "Watcher",
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
    "update_paths",
]

_ROOMS = {
    "Client": "client",
    "EmbeddingSpace": "vectors",
    "Encoder": "encoders",
    "EncoderCard": "encoders",
    "Feedback": "search",
    "FileChange": "ingest",
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
    "Watcher": "ingest",
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
    "update_paths": "ingest",
}

# Nothing is reported to anybody, by the libraries that may be loaded neither: ONNX Runtime
# counts sessions, writes a number for this machine into the cache and looks its maker's
# server up, FiftyOne and the hub's library send what is used. Each reads its variable when it
# is loaded, so that later is too late.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")

# A library stays silent until its user asks for its log.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__getattr__, __dir__ = late_names(__name__, _ROOMS)
