"""What a search gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from lookalike.gallery import ImageRecord
from lookalike.index.plans import Plan

if TYPE_CHECKING:
    from lookalike.search.query import Query

__all__ = ["Hit", "Results"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One image of the gallery that answers a query.

    Attributes:
        rank: 1 for the best.
        score: Cosine in [-1, 1]; the same picture scores 1 within 1e-3.
        image_id: Its stable name in the gallery.
        path: Its absolute path.
        record: Everything the gallery's catalog knows of it.
        group: Its value of the column that the query groups by.
    """

    rank: int
    score: float
    image_id: int
    path: str
    record: ImageRecord
    group: Any = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The columns that a metadata file brought."""
        return self.record.metadata

    def to_dict(self) -> dict[str, Any]:
        """Flatten to what JSON can hold; facts nobody knows are left out."""
        return {
            "rank": self.rank,
            "score": round(self.score, 6),
            **self.record.facts(self.path),
            **({} if self.group is None else {"group": self.group}),
        }


class Results(Sequence[Hit]):
    """Hits of one query, best first.

    Args:
        hits: In order.
        query: What was asked, for people: a path, ``image 12``, ``a picture``.
        plan: How the gallery was searched for it.
        score_kind: The formula of the scores: ``cosine``, or ``best cosine`` of several
            views. All lie in [-1, 1].
        meaning: What they are cosines to, and what the order is, in a sentence.
        asked: The query itself.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        *,
        query: str,
        plan: Plan | None = None,
        score_kind: str = "cosine",
        meaning: str = "cosine to the query",
        asked: Query | None = None,
    ) -> None:
        self._hits = tuple(hits)
        self.query = query
        self.plan = plan
        self.score_kind = score_kind
        self.meaning = meaning
        self.asked = asked

    @overload
    def __getitem__(self, position: int) -> Hit: ...

    @overload
    def __getitem__(self, position: slice) -> Results: ...

    def __getitem__(self, position: int | slice) -> Hit | Results:
        if isinstance(position, slice):
            return Results(
                self._hits[position],
                query=self.query,
                plan=self.plan,
                score_kind=self.score_kind,
                meaning=self.meaning,
                asked=self.asked,
            )
        return self._hits[position]

    def __len__(self) -> int:
        return len(self._hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self._hits)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Results) and self._hits == other._hits

    def __hash__(self) -> int:
        return hash(tuple((hit.image_id, hit.score) for hit in self._hits))

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return {
            "query": self.query,
            "score_kind": self.score_kind,
            "meaning": self.meaning,
            "hits": [hit.to_dict() for hit in self._hits],
        }

    def __repr__(self) -> str:
        if not self._hits:
            return f"No results for {self.query}"
        lines = [f"Results for {self.query}", "rank   score  path"]
        lines += [f"{hit.rank:4d}  {hit.score:6.3f}  {hit.path}" for hit in self._hits]
        return "\n".join(lines)
