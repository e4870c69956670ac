"""The forms of queries and their answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lookalike.server.schemas.problems import ProblemFacts

__all__ = [
    "BatchAnswer",
    "BatchBody",
    "FeedbackBody",
    "FormBody",
    "HitFacts",
    "ParamsBody",
    "PartBody",
    "PlanFacts",
    "QueryBody",
    "RecordFacts",
    "SearchAnswer",
]

STRICT = ConfigDict(extra="forbid")


class PartBody(BaseModel):
    """One thing to search with. It has one of image_id, text, embedding, base64, upload, url."""

    model_config = STRICT

    image_id: int | None = Field(None, description="An image of the gallery.")
    text: str | None = Field(None, description="Words, for encoders with a text tower.")
    embedding: list[float] | None = Field(
        None, description="Numbers, as many as the gallery's dim."
    )
    base64: str | None = Field(None, description="A picture's bytes.")
    upload: int | None = Field(None, description="The picture of the form, counted from 0.", ge=0)
    url: str | None = Field(None, description="A picture's address, where the server allows it.")
    weight: float = Field(1, description="How much it counts; below 0 it is taken away.")
    region: str | list[float] | None = Field(
        None, description='Which part of the picture: "left,top,width,height", also in %.'
    )
    name: str | None = Field(None, description="What people call it.", min_length=1)


class FeedbackBody(BaseModel):
    """What was thought of earlier hits."""

    model_config = STRICT

    kept: list[int] = Field([], description="Images that were right.")
    rejected: list[int] = Field([], description="Images that were wrong: they are not found again.")
    alpha: float = Field(1.0, description="How much the query counts.", ge=0)
    beta: float = Field(0.75, description="How much kept images count.", ge=0)
    gamma: float = Field(0.15, description="How much rejected images count.", ge=0)


class ParamsBody(BaseModel):
    """How hard the index looks; what is left out is as it was tuned."""

    model_config = STRICT

    nprobe: int | None = Field(None, description="Lists looked into.", ge=1, le=65536)
    ef_search: int | None = Field(None, description="Candidates of a graph.", ge=1, le=65536)
    k_factor: float | None = Field(
        None, description="Candidates scored again, as a multiple of k.", ge=1, le=1000
    )


class QueryBody(BaseModel):
    """A query, as ``Query.to_dict`` writes it, and the page of its hits."""

    model_config = STRICT

    parts: list[PartBody] = Field([], description="What is searched with.")
    k: int = Field(10, description="Hits of a page.", ge=1)
    offset: int = Field(0, description="Hits before the page; k and offset within max_k.", ge=0)
    combine: Literal["mean", "best"] = Field(
        "mean", description="One direction, or the best of several views."
    )
    template: str | None = Field(None, description="Put around texts, with {} in their place.")
    where: str | None = Field(None, description="A filter, as in: label = 'cat' AND width > 800.")
    min_score: float | None = Field(None, description="The lowest score.", ge=-1, le=1)
    exclude_self: bool = Field(False, description="Leave out the images of the query.")
    exclude_copies: bool = Field(False, description="Leave out their copies too.")
    diversity: float | None = Field(
        None, description="From 0, best first, to 1, each unlike those before.", ge=0, le=1
    )
    group_by: str | None = Field(None, description="Only the best of each value of a column.")
    feedback: FeedbackBody | None = None
    params: ParamsBody | None = None
    with_embeddings: bool = Field(
        False, description="Tell the embedding of each part, to ask with it again."
    )


class FormBody(BaseModel):
    """A form: pictures, and what else is asked of them."""

    picture: list[bytes] = Field(
        description="One or more pictures.",
        json_schema_extra={"items": {"type": "string", "format": "binary"}},
    )
    query: str | None = Field(
        None, description='The query as JSON; {"upload": 0} is the first picture of the form.'
    )


class BatchBody(BaseModel):
    """Queries that are answered together."""

    model_config = STRICT

    queries: list[QueryBody] = Field(description="One or more.", min_length=1, max_length=100)


class RecordFacts(BaseModel):
    """A picture of a gallery; facts that nobody knows are left out."""

    image_id: int = Field(description="Its stable name.")
    path: str = Field(description="Where it is now, absolute.")
    width: int | None = Field(None, description="In pixels, upright.")
    height: int | None = Field(None, description="In pixels, upright.")
    format: str | None = None
    size_bytes: int | None = None
    taken: str | None = Field(None, description="On the camera's clock.")
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    metadata: dict[str, Any] = Field(description="What metadata files brought.")
    source_id: int = Field(description="The place that it comes from.")
    name: str = Field(description="Its path inside that place.")
    content_hash: str = Field(description="Of the file's bytes: equal hash, equal picture.")
    mtime_ns: int = Field(description="The file's date.")
    indexed_at: str = Field(description="When it was embedded, UTC.")


class HitFacts(RecordFacts):
    """One image that answers a query."""

    rank: int = Field(description="1 for the best of all pages.", ge=1)
    score: float = Field(description="From -1 to 1, bigger is better.")
    group: Any = Field(None, description="Its value of the column that the query groups by.")


class PlanFacts(BaseModel):
    """How the gallery was searched."""

    kind: str
    rows: int
    allowed: int | None
    usual: ParamsBody
    used: ParamsBody
    delta_rows: int
    dead_rows: int
    repeated: int
    index_generation: int | None
    generation: int | None
    summary: str


class SearchAnswer(BaseModel):
    """A page of hits, best first."""

    query: str = Field(description="What was asked, for people.")
    score_kind: str = Field(description="The formula of the scores.")
    meaning: str = Field(description="What the scores and their order say.")
    hits: list[HitFacts]
    offset: int = Field(description="Hits before this page.")
    k: int = Field(description="Hits of a page.")
    next_offset: int | None = Field(description="Where the next page begins; null after the last.")
    plan: PlanFacts | None
    seconds: dict[str, float] = Field(description="How long each stage took.")
    generation: int | None = Field(description="The state of the gallery that was searched.")
    embeddings: list[list[float]] | None = Field(
        None, description="Of each part, in their order, where they were asked for."
    )


class BatchAnswer(BaseModel):
    """The answers, in the order of the queries."""

    answers: list[SearchAnswer | ProblemFacts]
