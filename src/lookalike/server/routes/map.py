"""The map of a gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lookalike.client.answers import API
from lookalike.gallery import Gallery
from lookalike.gallery.failures import require_writable, writing
from lookalike.server.answers import json_answer
from lookalike.server.mapping import Maps, draw_map
from lookalike.server.pictures.ranges import is_known
from lookalike.server.problems import Problem
from lookalike.server.state import HostedGallery, server_of

__all__ = ["router"]

router = APIRouter(tags=["map"])

MOST_CLUSTERS = 1000
MOST_IMAGES = 100_000
LONGEST_NAME = 200

GZIP = re.compile(r"(?:^|,)\s*(?:gzip|x-gzip|\*)\s*(?:;\s*q=(?P<q>[0-9.]+))?\s*(?:,|$)", re.I)


class Wish(BaseModel):
    """What the map shall show."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"layout": "tsne", "clusters": 12}]},
    )

    layout: Annotated[
        Literal["tsne", "umap", "pca"], Field(description="How pictures are placed.")
    ] = "tsne"
    clusters: Annotated[
        int | None,
        Field(ge=1, le=MOST_CLUSTERS, description="How many; null for as many as suit it."),
    ] = None
    perplexity: Annotated[float, Field(gt=1, le=1000, description="Of t-SNE.")] = 30.0
    labels: Annotated[
        str | None,
        Field(max_length=LONGEST_NAME, description="The column that says what a picture shows."),
    ] = None
    names: Annotated[
        Literal["auto", "labels", "words", "files"],
        Field(description="What clusters are named after."),
    ] = "auto"
    most_images: Annotated[
        int, Field(ge=1, le=MOST_IMAGES, description="Of more, a sample is drawn.")
    ] = MOST_IMAGES
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


@router.get(
    "/galleries/{gallery}/map",
    responses={
        200: {"description": "The map.", "content": {"application/json": {}}},
        304: {"description": "Nothing is new."},
    },
)
async def show_map(request: Request, hosted: HostedGallery) -> Response:
    """Tell the map of a gallery as it was drawn last, and what has changed since."""
    gallery: Gallery = hosted.gallery
    found = await run_in_threadpool(maps_of(request).answer, gallery)
    if found is None:
        raise Problem(
            404,
            "There is no map yet",
            "This gallery has no map yet: POST to this address, and a job will draw it.",
            slug="no-map",
            error="UsageError",
        )
    # Weak: it is the same map, packed or not.
    tag = f'W/"{found.tag}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if is_known(request.headers, tag=tag):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(request.headers):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type="application/json")
    plain = await run_in_threadpool(lambda: found.plain)
    return Response(plain, headers=headers, media_type="application/json")


@router.post("/galleries/{gallery}/map", status_code=202)
async def make_map(request: Request, hosted: HostedGallery, wanted: Wish | None = None) -> Response:
    """Draw the map of a gallery, in a job; the map before stays until it is done."""
    from lookalike.evaluation.maps import MapWish

    asked = (wanted or Wish()).model_dump()
    wish = MapWish(**asked, thumbnails_mb=0, has_page=False, has_plot=False)
    gallery: Gallery = hosted.gallery
    await run_in_threadpool(require_means, gallery, wish.layout)

    def work(handle: Any) -> Mapping[str, Any]:
        encoder = hosted.searcher.encoder if hosted.has_text else None
        return draw_map(gallery, wish, handle, encoder=encoder)

    job = server_of(request).jobs.submit(hosted.name, "map", work)
    return json_answer(job.to_dict(), 202, {"Location": f"{API}/jobs/{job.job_id}"})


def require_means(gallery: Gallery, layout: str) -> None:
    """Find out before the long work whether a map can be drawn and kept.

    Raises:
        MissingExtra: The library for the layout is not installed.
        GalleryReadOnly, StorageFull: The gallery's folder cannot be written.
    """
    from lookalike.evaluation.maps.layouts import layout_library

    layout_library(layout)
    with writing(gallery.path):
        require_writable(gallery.path)


def accepts_gzip(headers: Mapping[str, str]) -> bool:
    """Tell whether whoever asks unpacks gzip."""
    found = GZIP.search(headers.get("accept-encoding", ""))
    return found is not None and (found["q"] or "1").strip("0.") != ""


def maps_of(request: Request) -> Maps:
    """Find the maps that this application has read, or begin to read them."""
    state = request.app.state
    if not isinstance(getattr(state, "maps", None), Maps):
        state.maps = Maps()
    maps: Maps = state.maps
    return maps
