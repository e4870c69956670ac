"""The forms of what is told of galleries and encoders."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ColumnFacts",
    "EncoderFacts",
    "EncoderList",
    "GalleryEntry",
    "GalleryFacts",
    "GalleryList",
]


class GalleryEntry(BaseModel):
    """A gallery in a list."""

    name: str = Field(description="What it is called in addresses.")
    is_default: bool = Field(description="Whether it is meant where none is named.")
    images: int = Field(ge=0)
    generation: int = Field(description="How many changes were committed.", ge=0)
    dim: int = Field(description="Numbers of an embedding.", ge=1)
    encoder: str = Field(description="What made its embeddings.")
    has_text: bool = Field(description="Whether it can be searched with words.")
    has_map: bool = Field(description="Whether a map of it was drawn.")
    is_ready: bool = Field(description="Whether its encoder is loaded.")
    can_write: bool = Field(description="Whether you may change it.")


class GalleryList(BaseModel):
    """The galleries of a server, the default first."""

    galleries: list[GalleryEntry]


class ColumnFacts(BaseModel):
    """A column that filters can name."""

    name: str = Field(description="As a filter writes it.")
    kind: Literal["number", "text", "moment", "boolean", "mixed"]
    is_metadata: bool = Field(description="Whether a metadata file brought it.")
    images: int = Field(description="How many images have a value.", ge=0)
    values: list[Any] | None = Field(
        None, description="All its values, most frequent first, where they are few."
    )
    examples: list[Any] | None = Field(None, description="Some of its values, where they are many.")
    min: float | str | None = Field(None, description="The lowest number or moment.")
    max: float | str | None = Field(None, description="The highest number or moment.")


class SourceFacts(BaseModel):
    """A place that pictures come from."""

    source_id: int
    kind: str
    location: str
    images: int


class SpaceFacts(BaseModel):
    """What makes embeddings comparable."""

    model_config = ConfigDict(extra="allow")

    encoder: str
    fingerprint: str
    dim: int


class IndexFacts(BaseModel):
    """What the gallery is searched with."""

    kind: str
    summary: str | None = None
    recall: float | None = Field(None, description="As it was measured when it was tuned.")
    generation: int | None = None


class LimitFacts(BaseModel):
    """How much one request may ask for."""

    max_body_bytes: int
    max_files: int
    max_pixels: int
    max_k: int
    max_parts: int
    max_text: int
    max_where: int
    body_s: float
    max_url_bytes: int
    url_s: float


class GalleryFacts(GalleryEntry):
    """A gallery in numbers."""

    path: str
    space: SpaceFacts
    dtype: str
    skipped: int
    embeddings: int
    tombstones: int
    segments: int
    size_bytes: int
    created: str
    updated: str
    sources: list[SourceFacts]
    columns: list[ColumnFacts]
    index: IndexFacts
    limits: LimitFacts
    can_fetch_urls: bool = Field(description="Whether queries may name addresses of pictures.")


class EncoderFacts(BaseModel):
    """What an encoder is."""

    model_config = ConfigDict(extra="allow")

    name: str
    family: str
    architecture: str
    repository: str = Field(description="Where it comes from; empty for the one in the box.")
    revision: str
    dim: int
    parameters: int
    has_text: bool
    licence: str
    is_here: bool = Field(description="Whether it can be loaded without a hub.")
    size_bytes: int
    in_use_by: list[str] = Field(description="The galleries here that it made.")


class EncoderList(BaseModel):
    """The encoders that are known by name."""

    encoders: list[EncoderFacts]
