"""The form of a server's answers, for all who make or read them; standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

__all__ = ["API", "RECORD_KEYS", "SCORE_DIGITS", "bare_hit", "search_path"]

# Below this lie all addresses of the API.
API = "/api/v1"

# What a hit has besides what ``Hit.to_dict`` says, so that a client can make the
# whole ``ImageRecord`` of it; its score is not rounded.
RECORD_KEYS = ("source_id", "name", "content_hash", "mtime_ns", "indexed_at")

# As ``Hit.to_dict`` rounds it.
SCORE_DIGITS = 6


def search_path(gallery: str) -> str:
    """Write the address below which a gallery is searched."""
    return f"{API}/galleries/{quote(gallery, safe='')}/search"


def bare_hit(hit: Mapping[str, Any]) -> dict[str, Any]:
    """Write a hit as ``Hit.to_dict`` does."""
    told = {key: value for key, value in hit.items() if key not in RECORD_KEYS}
    return {**told, "score": round(hit["score"], SCORE_DIGITS)}
