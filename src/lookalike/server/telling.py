"""What answers say of pictures and of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lookalike.gallery import Gallery, ImageRecord
from lookalike.search import Hit
from lookalike.server.asked import Asked
from lookalike.server.hosting import Answered

__all__ = ["answer_facts", "hit_facts", "image_facts", "record_facts"]

# So that nobody measures the last digits of a clock.
DIGITS_OF_SECONDS = 6


def record_facts(record: ImageRecord, path: str) -> dict[str, Any]:
    """Tell all that a catalog knows of a picture.

    Args:
        record: Of the catalog.
        path: Where the file is now, absolute.
    """
    return {
        **record.facts(path),
        "source_id": record.source_id,
        "name": record.path,
        "content_hash": record.content_hash,
        "mtime_ns": record.mtime_ns,
        "indexed_at": record.indexed_at,
    }


def image_facts(gallery: Gallery, records: Sequence[ImageRecord]) -> list[dict[str, Any]]:
    """Tell images in order: the keys of a hit, without what only a search can say.

    Raises:
        ImageNotInGallery: The source of one is no longer part of the gallery.
    """
    paths = gallery.absolute_paths(records)
    return [record_facts(record, path) for record, path in zip(records, paths, strict=True)]


def hit_facts(hit: Hit) -> dict[str, Any]:
    """Tell a hit, with its score to the last bit: a client's results equal the library's."""
    facts = {
        "rank": hit.rank,
        "score": float(hit.score),
        **record_facts(hit.record, hit.path),
    }
    if hit.group is not None:
        facts["group"] = hit.group
    return facts


def answer_facts(asked: Asked, answered: Answered, *, max_k: int) -> dict[str, Any]:
    """Tell the page of a query's hits that was asked for."""
    results, plan = answered.results, answered.results.plan
    page = results[asked.offset :]
    next_offset = asked.offset + asked.k
    # A page that is not full is the last one; diversity orders one page only.
    has_next = len(page) == asked.k and not asked.query.diversity
    return {
        "query": results.query,
        "score_kind": results.score_kind,
        "meaning": results.meaning,
        "hits": [hit_facts(hit) for hit in page],
        "offset": asked.offset,
        "k": asked.k,
        "next_offset": next_offset if has_next and next_offset + asked.k <= max_k else None,
        "plan": None if plan is None else plan.to_dict(),
        "seconds": {
            stage: round(seconds, DIGITS_OF_SECONDS) for stage, seconds in answered.seconds.items()
        },
        "generation": None if plan is None else plan.generation,
    }
