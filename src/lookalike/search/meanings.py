"""What the scores of a query are, in a word and in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lookalike.search.parts import QueryPart
from lookalike.search.query import Query

__all__ = ["meaning_of", "score_kind_of"]

NOUNS = {
    "picture": ("picture", "pictures"),
    "text": ("text", "texts"),
    "image_id": ("image of the gallery", "images of the gallery"),
    "embedding": ("embedding", "embeddings"),
}


def score_kind_of(query: Query) -> str:
    """Name the formula: ``cosine``, or ``best cosine`` of several views."""
    return "best cosine" if query.combine == "best" and len(query.views) > 1 else "cosine"


def meaning_of(query: Query) -> str:
    """Say what a score says, and what the order of the hits is."""
    said = cosine_of(query)
    if query.feedback is not None:
        told = [(len(query.feedback.kept), "kept"), (len(query.feedback.rejected), "rejected")]
        images = " and ".join(f"{count} {what}" for count, what in told if count)
        said += f", moved by feedback ({images})" if query.items else f" ({images})"
    if query.group_by is not None:
        said += f"; the best of each {query.group_by}"
    if query.diversity:
        said += f"; ordered with diversity {query.diversity:g}, so that scores need not fall"
    return said


def cosine_of(query: Query) -> str:
    """Say what the cosine is to, without feedback and order."""
    parts = query.items
    if not parts:
        return "cosine to feedback alone"
    plus = [part for part in parts if not part.is_minus]
    minus = [part for part in parts if part.is_minus]
    if score_kind_of(query) == "best cosine":
        others = [part for part in plus if all(part is not view for view in query.views)]
        with_others = f", each plus {counted(others)}" if others else ""
        without = f"{',' if others else ', each'} less {counted(minus)}" if minus else ""
        return f"best cosine of {counted(query.views)}{with_others}{without}"
    if not plus:
        return f"cosine to the opposite of {summed(minus)}: the least alike come first"
    if len(parts) == 1:
        return "cosine to the text" if plus[0].text is not None else "cosine to the query"
    less = f", less {counted(minus)}" if minus else ""
    return f"cosine to {summed(plus)}{less}"


def summed(parts: Sequence[QueryPart]) -> str:
    """Write what is added up."""
    return counted(parts) if len(parts) == 1 else f"the weighted sum of {counted(parts)}"


def counted(parts: Sequence[QueryPart]) -> str:
    """Write how many parts there are of each kind: ``2 pictures and 1 text``."""
    counts = Counter(part.kind for part in parts)
    return " and ".join(
        f"{counts[kind]} {NOUNS[kind][counts[kind] > 1]}" for kind in NOUNS if counts[kind]
    )
