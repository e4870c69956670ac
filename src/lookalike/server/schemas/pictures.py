"""The forms of what is told of images, jobs and the server itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lookalike.server.schemas.searching import RecordFacts

__all__ = [
    "AddForm",
    "AliveFacts",
    "EmbeddingFacts",
    "ExportedList",
    "ImagePage",
    "JobFacts",
    "JobList",
    "MapFacts",
    "ReadyFacts",
    "RemovedFacts",
]


class ImagePage(BaseModel):
    """Images of a gallery, and where the next page begins."""

    images: list[RecordFacts]
    next_after: int | None = Field(description="What the next page has as after; null at the end.")


class AddForm(BaseModel):
    """A form of pictures to add."""

    picture: list[bytes] = Field(
        description="One or more pictures.",
        json_schema_extra={"items": {"type": "string", "format": "binary"}},
    )
    metadata: str | None = Field(
        None,
        description="JSON: an object of columns to keep with each picture, or a list with one "
        "object or null for each.",
    )


class RemovedFacts(BaseModel):
    """What was taken out of a gallery."""

    removed: list[int] = Field(description="image_ids that are gone.")
    missing: list[int] = Field(description="image_ids that were not there.")


class EmbeddingFacts(BaseModel):
    """An image's embedding."""

    image_id: int
    encoder: str
    fingerprint: str = Field(description="Equal fingerprints: comparable embeddings.")
    embedding: list[float] = Field(description="A unit row.")


class JobFacts(BaseModel):
    """Something that is being done to a gallery, or was."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    gallery: str
    kind: str
    state: str
    done: int | None
    total: int | None
    note: str
    created: str
    started: str | None
    ended: str | None
    is_unwanted: bool = Field(description="Whether it was asked to stop.")
    result: dict[str, Any] | None = Field(
        description="What came of it. The path of an added picture is relative to the gallery's "
        "uploads (a hit's path is absolute), and null where nothing was kept."
    )
    error: dict[str, Any] | None = Field(description="Its problem, where it failed.")


class JobList(BaseModel):
    """Jobs, the newest first."""

    jobs: list[JobFacts]


class ExportedList(BaseModel):
    """A selection of images as JSON."""

    images: list[RecordFacts]
    missing: list[int] = Field(description="image_ids that are not there.")


class PackedNumbers(BaseModel):
    """Numbers of one kind, packed."""

    kind: str = Field(description="u16 or u32, little-endian, and the like.")
    data: str = Field(description="Base64.")


class StaleFacts(BaseModel):
    """How many images are not as they were when the map was drawn."""

    added: int
    removed: int
    changed: int
    total: int
    gone: list[int] = Field(description="Which points have no image any more.")


class MapFacts(BaseModel):
    """What a page needs to draw a map: points, clusters, and whose they are."""

    model_config = ConfigDict(extra="allow")

    count: int = Field(description="Points.")
    x: PackedNumbers
    y: PackedNumbers
    width: int = Field(description="The largest x.")
    height: int = Field(description="The largest y.")
    image_ids: list[int] = Field(description="Whose the points are, in their order.")
    columns: list[dict[str, Any]] = Field(description="What points can be coloured by.")
    remarks: list[str] = Field(description="How it was made.")
    map_id: str
    made: str = Field(description="When, in UTC.")
    of: int = Field(description="Images of the gallery at that time.")
    generation: int = Field(description="The state of the gallery now.")
    stale: StaleFacts


class AliveFacts(BaseModel):
    """The server lives."""

    status: Literal["alive"]


class ReadyFacts(BaseModel):
    """The server answers every query."""

    status: Literal["ready"]
    galleries: list[str]
