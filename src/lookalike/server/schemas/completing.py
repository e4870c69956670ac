"""Schemas and examples for operations whose routes do not tell them, by their names."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from lookalike.server.schemas.examples import JOB_EXAMPLE, RECORD_EXAMPLE
from lookalike.server.schemas.pictures import (
    AliveFacts,
    EmbeddingFacts,
    ExportedList,
    ImagePage,
    JobFacts,
    JobList,
    MapFacts,
    ReadyFacts,
    RemovedFacts,
)

__all__ = ["BESIDE_BODY", "BODIES", "EXAMPLES", "FILES", "FORMS", "NAMES", "PARAMETERS", "models"]

# What JSON an operation answers with, by its name.
FORMS: dict[str, Any] = {
    "list_images": ImagePage,
    "show_image": "RecordFacts",
    "remove_image": RemovedFacts,
    "remove_images": RemovedFacts,
    "show_embedding": EmbeddingFacts,
    "show_map": MapFacts,
    "make_map": JobFacts,
    "add_pictures": JobFacts,
    "update_gallery": JobFacts,
    "list_jobs": JobList,
    "export_images": ExportedList,
    "show_job": JobFacts,
    "cancel_job": JobFacts,
    "healthz": AliveFacts,
    "readyz": ReadyFacts,
}

MAP_EXAMPLE: dict[str, Any] = {
    "format": 1,
    "title": "photos",
    "remarks": ["2 pictures by principal components, 1 cluster"],
    "count": 2,
    "x": {"kind": "u16", "data": "AAD//w=="},
    "y": {"kind": "u16", "data": "AAD//w=="},
    "width": 65535,
    "height": 65535,
    "separator": "/",
    "folders": [{"path": "/home/ada/photos", "url": "file:///home/ada/photos/"}],
    "folder": {"kind": "u32", "data": "AAAAAAAAAAA="},
    "names": ["cat.jpg", "dog.jpg"],
    "odd_names": {},
    "columns": [],
    "palette": ["#4477cc"],
    "ramp": ["#3f6fd8"],
    "no_colour": "#9aa0ac",
    "outliers": {"kind": "u32", "data": ""},
    "map_format": 1,
    "map_id": "574489821a9ec5bb",
    "made": "2026-05-04T10:00:00Z",
    "of": 2,
    "last_image_id": 17,
    "image_ids": [5, 17],
    "generation": 8,
    "stale": {"added": 0, "removed": 0, "changed": 0, "total": 0, "gone": []},
}

WAITING_EXAMPLE: dict[str, Any] = {
    **JOB_EXAMPLE,
    "kind": "map",
    "state": "waiting",
    "done": 0,
    "total": None,
    "started": None,
}

EXAMPLES: dict[str, Any] = {
    "list_images": {"images": [RECORD_EXAMPLE], "next_after": 17},
    "show_image": RECORD_EXAMPLE,
    "remove_image": {"removed": [17], "missing": []},
    "remove_images": {"removed": [12], "missing": [31]},
    "show_embedding": {
        "image_id": 17,
        "encoder": "builtin",
        "fingerprint": "5f2a7c0d",
        "embedding": [0.6, 0.8],
    },
    "show_map": MAP_EXAMPLE,
    "make_map": WAITING_EXAMPLE,
    "healthz": {"status": "alive"},
    "readyz": {"status": "ready", "galleries": ["photos"]},
    "session": {"needs_token": True, "name": "page", "can_read": True, "can_write": False},
    "sign_in": {"needs_token": True, "name": "page", "can_read": True, "can_write": False},
}

BODIES: dict[str, dict[str, Any]] = {
    "sign_in": {"application/json": {"token": "lk_..."}},
    "make_map": {"application/json": {"layout": "pca", "clusters": 12}},
    "add_pictures": {
        "multipart/form-data": {
            "picture": ["(the bytes of a picture)"],
            "metadata": '{"label": "cat"}',
        }
    },
}

# Answers that are no JSON: their content types, with how they look as text where they are text.
FILES: dict[str, dict[str, Any]] = {
    "metrics": {"text/plain": 'lookalike_images{gallery="photos"} 1204.0\n'},
    "show_thumbnail": {"image/jpeg": None},
    "show_original": {"image/*": None, "application/octet-stream": None},
    "export_images": {
        "application/zip": None,
        "text/csv": "image_id,path\n17,/home/ada/photos/2024/orange cat.jpg\n",
        "application/json": {"images": [RECORD_EXAMPLE], "missing": []},
        "text/plain": "/home/ada/photos/2024/orange cat.jpg\n",
        "image/jpeg": None,
    },
}

# What generators of clients call the forms. In the code such names are those of the library,
# whose classes these are not.
NAMES = {
    "AliveFacts": "Liveness",
    "BatchBody": "BatchRequest",
    "ColumnFacts": "Column",
    "EmbeddingFacts": "Embedding",
    "EncoderFacts": "Encoder",
    "Export": "ExportRequest",
    "FeedbackBody": "Feedback",
    "FormBody": "SearchForm",
    "GalleryEntry": "GallerySummary",
    "GalleryFacts": "GalleryInfo",
    "HitFacts": "Hit",
    "IndexFacts": "IndexInfo",
    "JobFacts": "Job",
    "LimitFacts": "Limits",
    "MapFacts": "GalleryMap",
    "ParamsBody": "SearchParams",
    "PartBody": "QueryPart",
    "PlanFacts": "SearchPlan",
    "ProblemFacts": "Problem",
    "QueryBody": "Query",
    "ReadyFacts": "Readiness",
    "RecordFacts": "Image",
    "RemovedFacts": "RemoveAnswer",
    "SessionFacts": "Session",
    "SourceFacts": "Source",
    "SpaceFacts": "Space",
    "StaleFacts": "MapChanges",
    "ToRemove": "RemoveRequest",
    "Wish": "MapRequest",
}

# Options that only some bodies go with: generators of clients send every default.
BESIDE_BODY = {"search"}

PARAMETERS: dict[str, Any] = {
    "after": 17,
    "diversity": 0.3,
    "download": True,
    "ef_search": 64,
    "exclude_copies": True,
    "exclude_self": True,
    "gallery": "photos",
    "k_factor": 4,
    "Last-Event-ID": "5f0c1a2b-7",
    "limit": 60,
    "minus_id": [9],
    "minus_text": ["a dog"],
    "name": "cat.jpg",
    "nprobe": 16,
    "order": "newest",
    "seed": 7,
    "side": 256,
    "state": "running",
    "v": "0b5ac8f9a2cf4fbe6d7e1a5c93a2f9d1",
    "wait": 10,
    "with_embeddings": True,
}


def models() -> list[type[BaseModel]]:
    """List the models that these operations answer with."""
    return [form for form in FORMS.values() if isinstance(form, type)]
