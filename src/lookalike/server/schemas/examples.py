"""Whole examples of queries and answers, for the API's description."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BATCH_EXAMPLE",
    "BATCH_EXAMPLES",
    "ENCODER_EXAMPLE",
    "FORM_EXAMPLES",
    "GALLERY_ENTRY_EXAMPLE",
    "GALLERY_EXAMPLE",
    "HIT_EXAMPLE",
    "JOB_EXAMPLE",
    "PROBLEM_EXAMPLE",
    "QUERY_EXAMPLES",
    "RECORD_EXAMPLE",
    "SEARCH_EXAMPLE",
]

RECORD_EXAMPLE: dict[str, Any] = {
    "image_id": 17,
    "path": "/home/ada/photos/2024/orange cat.jpg",
    "width": 4032,
    "height": 3024,
    "format": "JPEG",
    "size_bytes": 2481032,
    "taken": "2024-05-17T10:21:44",
    "camera": "Google Pixel 8",
    "metadata": {"label": "cat"},
    "source_id": 1,
    "name": "2024/orange cat.jpg",
    "content_hash": "0b5ac8f9a2cf4fbe6d7e1a5c93a2f9d1",
    "mtime_ns": 1715934104000000000,
    "indexed_at": "2026-01-04T09:12:31Z",
}

HIT_EXAMPLE: dict[str, Any] = {"rank": 1, "score": 0.8731285333633423, **RECORD_EXAMPLE}

SEARCH_EXAMPLE: dict[str, Any] = {
    "query": "image 5 - image 9 (0.5)",
    "score_kind": "cosine",
    "meaning": "cosine to 1 image of the gallery, less 1 image of the gallery",
    "hits": [HIT_EXAMPLE],
    "offset": 0,
    "k": 1,
    "next_offset": 1,
    "plan": {
        "kind": "exact",
        "rows": 1204,
        "allowed": None,
        "usual": {},
        "used": {},
        "delta_rows": 0,
        "dead_rows": 0,
        "repeated": 0,
        "index_generation": None,
        "generation": 8,
        "summary": "exact over 1,204 rows",
    },
    "seconds": {"wait": 0.0031, "decode": 0.0, "encode": 0.0, "search": 0.0004, "join": 0.0002},
    "generation": 8,
}

PROBLEM_EXAMPLE: dict[str, Any] = {
    "type": "/problems/image-not-in-gallery",
    "title": "There is no such image",
    "status": 404,
    "detail": "No image has the id 99 in the gallery /home/ada/photos/.lookalike.",
    "error": "ImageNotInGallery",
}

QUERY_EXAMPLES: dict[str, Any] = {
    "an image of the gallery": {"parts": [{"image_id": 5}], "k": 20, "exclude_self": True},
    "more like this and less like that": {
        "parts": [{"image_id": 5}, {"image_id": 2, "weight": -0.5}]
    },
    "words and a filter": {"parts": [{"text": "a cat asleep"}], "where": "width > 800"},
    "a picture in the JSON": {
        "parts": [{"base64": "iVBORw0KGgo=", "region": "10%,20%,50%,50%", "name": "cat.png"}]
    },
    "an embedding": {"parts": [{"embedding": [0.6, 0.8, 0.0]}], "min_score": 0.5},
    "the second page": {"parts": [{"image_id": 5}], "k": 10, "offset": 10},
    "what was thought of hits": {
        "parts": [{"image_id": 5}],
        "feedback": {"kept": [4], "rejected": [1]},
    },
}

FORM_EXAMPLES: dict[str, Any] = {
    "a picture and a query": {
        "picture": ["(the bytes of a picture)"],
        "query": '{"parts": [{"upload": 0, "region": "10%,20%,50%,50%"}], "k": 20}',
    },
    "a picture that is asked with again": {
        "picture": ["(the bytes of a picture)"],
        "query": '{"parts": [{"upload": 0}], "with_embeddings": true}',
    },
}

BATCH_EXAMPLES: dict[str, Any] = {
    "two queries": {"queries": [{"parts": [{"image_id": 5}]}, {"parts": [{"image_id": 99}]}]}
}

BATCH_EXAMPLE: dict[str, Any] = {"answers": [SEARCH_EXAMPLE, PROBLEM_EXAMPLE]}

GALLERY_ENTRY_EXAMPLE: dict[str, Any] = {
    "name": "photos",
    "is_default": True,
    "images": 1204,
    "generation": 8,
    "dim": 256,
    "encoder": "builtin",
    "has_text": False,
    "has_map": True,
    "is_ready": True,
    "can_write": True,
}

GALLERY_EXAMPLE: dict[str, Any] = {
    **GALLERY_ENTRY_EXAMPLE,
    "path": "/home/ada/photos/.lookalike",
    "space": {"encoder": "builtin", "fingerprint": "5f2a", "dim": 256, "metric": "cosine"},
    "dtype": "float16",
    "skipped": 3,
    "embeddings": 1180,
    "tombstones": 0,
    "segments": 2,
    "size_bytes": 1310720,
    "created": "2026-01-04T09:11:02Z",
    "updated": "2026-02-11T18:40:55Z",
    "sources": [{"source_id": 1, "kind": "folder", "location": "/home/ada/photos", "images": 1204}],
    "columns": [
        {
            "name": "width",
            "kind": "number",
            "is_metadata": False,
            "images": 1204,
            "min": 640,
            "max": 4032,
        },
        {
            "name": "label",
            "kind": "text",
            "is_metadata": True,
            "images": 800,
            "values": ["cat", "dog"],
        },
    ],
    "index": {"kind": "exact", "summary": None, "recall": 1.0, "generation": 8},
    "limits": {
        "max_body_bytes": 67108864,
        "max_files": 64,
        "max_pixels": 50000000,
        "max_k": 1000,
        "max_parts": 32,
        "max_text": 2000,
        "max_where": 4000,
        "body_s": 60.0,
        "max_url_bytes": 20971520,
        "url_s": 10.0,
    },
    "can_fetch_urls": False,
}

ENCODER_EXAMPLE: dict[str, Any] = {
    "name": "builtin",
    "family": "onnx",
    "architecture": "",
    "repository": "",
    "revision": "",
    "dim": 256,
    "parameters": 1200000,
    "has_text": False,
    "licence": "Apache-2.0",
    "is_here": True,
    "size_bytes": 2400000,
    "in_use_by": ["photos"],
}

JOB_EXAMPLE: dict[str, Any] = {
    "job_id": "9f86d081884c7d65",
    "gallery": "photos",
    "kind": "add",
    "state": "running",
    "done": 12,
    "total": 40,
    "note": "",
    "created": "2026-05-04T10:00:00.000Z",
    "started": "2026-05-04T10:00:00.004Z",
    "ended": None,
    "is_unwanted": False,
    "result": None,
    "error": None,
}
