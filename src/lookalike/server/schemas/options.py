"""The options of a search that stand in its address."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["PictureOptions", "SimpleOptions"]

# Which options are parts of a query: of what kind, and with which weight.
PARTS = (
    ("image_id", "image_id", 1),
    ("text", "text", 1),
    ("minus_id", "image_id", -1),
    ("minus_text", "text", -1),
)
PARAMS = ("nprobe", "ef_search", "k_factor")


class SearchOptions(BaseModel):
    """What may be said of any search. Bounds are told here and checked by ``Query``."""

    k: int = Field(10, description="Hits of a page.", examples=[10])
    offset: int = Field(0, description="Hits before the page.", examples=[0])
    min_score: float | None = Field(None, description="The lowest score.", examples=[0.5])
    where: str | None = Field(
        None, description="Search only among these.", examples=["width > 800"]
    )
    exclude_self: bool = Field(False, description="Leave out the images of the query.")
    exclude_copies: bool = Field(False, description="Leave out their copies too.")
    diversity: float | None = Field(
        None, description="From 0, best first, to 1, each unlike those before."
    )
    group_by: str | None = Field(
        None, description="Only the best of each value of a column.", examples=["folder"]
    )
    combine: str = Field("mean", description="mean or best.", examples=["mean"])
    nprobe: int | None = Field(None, description="Lists that the index looks into.")
    ef_search: int | None = Field(None, description="Candidates of the index's graph.")
    k_factor: float | None = Field(None, description="Candidates scored again, for each hit.")
    with_embeddings: bool = Field(
        False, description="Tell the embedding of each part, to ask with it again."
    )

    def to_dict(self) -> dict[str, Any]:
        """Write what was said as a query does."""
        said = self.model_dump(exclude_unset=True)
        params = {name: said.pop(name) for name in PARAMS if name in said}
        return {**said, "params": params} if params else said


class PictureOptions(SearchOptions):
    """What may be said of a search by pictures alone."""

    region: str | None = Field(
        None,
        description="Which part of the one picture: left,top,width,height.",
        examples=["10%,20%,50%,50%"],
    )

    def to_dict(self) -> dict[str, Any]:
        """Write what was said as a query does; the region belongs to the first picture."""
        said = super().to_dict()
        region = said.pop("region", None)
        return said if region is None else {**said, "parts": [{"upload": 0, "region": region}]}


class SimpleOptions(SearchOptions):
    """What may be said of a search without a picture."""

    image_id: list[int] = Field([], description="Images of the gallery.", examples=[[5]])
    text: list[str] = Field([], description="What pictures show, in words.", examples=[["a cat"]])
    minus_id: list[int] = Field([], description="Images that are taken away.")
    minus_text: list[str] = Field([], description="Words that are taken away.")
    template: str | None = Field(
        None, description="Put around texts, with {} in their place.", examples=["a photo of {}"]
    )

    def to_dict(self) -> dict[str, Any]:
        """Write what was said as a query does."""
        said = super().to_dict()
        parts = [
            {kind: value, "weight": weight}
            for name, kind, weight in PARTS
            for value in said.pop(name, [])
        ]
        return {**said, "parts": parts}
