"""Images: listed, looked at, handed out and removed."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lookalike.errors import UsageError
from lookalike.gallery import Gallery, ImageRecord, parse_where
from lookalike.ingest.removing import remove_images as take_out
from lookalike.server.answers import json_answer
from lookalike.server.leaving import while_there
from lookalike.server.pictures.headers import (
    SAFE,
    caching,
    content_disposition,
    is_shown_by_browsers,
    media_type_of,
)
from lookalike.server.pictures.opening import (
    OpenPicture,
    is_imported,
    open_indexed,
    state_of,
    tag_of,
)
from lookalike.server.pictures.ranges import Span, http_date, is_known, span_asked_for
from lookalike.server.pictures.sending import FileChunks, StreamedAnswer
from lookalike.server.pictures.serving import Pictures, at_hand, pictures_of
from lookalike.server.pictures.thumbnails import SIDES, fitting_side
from lookalike.server.problems import Problem
from lookalike.server.state import GalleryAsSeen, HostedGallery, server_of
from lookalike.server.telling import image_facts

__all__ = ["LARGEST_ID", "router"]

router = APIRouter(tags=["images"], lifespan=at_hand)

# Pages count in floating-point numbers: these are the whole ones that they have.
LARGEST_ID = 2**53 - 1
MOST_LISTED = 500
MOST_REMOVED = 10_000

ImageId = Annotated[
    int, Path(ge=1, le=LARGEST_ID, description="The number of an image.", examples=[12])
]
Version = Annotated[
    str | None,
    Query(
        max_length=200,
        description="The image's content_hash: an answer to such an address is kept for good.",
    ),
]


class ToRemove(BaseModel):
    """Which images to take out of a gallery."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"image_ids": [12, 31]}]}
    )

    image_ids: list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] = Field(
        min_length=1, max_length=MOST_REMOVED
    )


@router.get("/galleries/{gallery}/images")
async def list_images(
    request: Request,
    hosted: HostedGallery,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED, description="How many at most.")] = 60,
    after: Annotated[
        int | None,
        Query(ge=0, le=LARGEST_ID, description="next_after of the page before."),
    ] = None,
    where: Annotated[
        str | None, Query(description="A filter.", examples=["label = 'cat' AND width > 800"])
    ] = None,
    order: Annotated[
        Literal["newest", "id", "sample"],
        Query(description="newest: what was added last comes first; sample: drawn at random."),
    ] = "newest",
    seed: Annotated[
        int, Query(ge=0, le=2**32 - 1, description="Of a sample: equal seeds draw equally.")
    ] = 0,
) -> Response:
    """List images of a gallery, page by page, or draw some at random."""
    limits = server_of(request).settings.limits
    if where is not None and len(where) > limits.max_where:
        raise UsageError(
            f"The filter has {len(where)} characters; up to {limits.max_where} are read here."
        )
    if order == "sample" and after is not None:
        raise UsageError("A sample has no pages: draw another with another seed.")

    def listed() -> list[dict[str, Any]]:
        gallery: Gallery = hosted.gallery
        condition = parse_where(where) if where and where.strip() else None
        if order == "sample":
            records = gallery.sample(limit, seed=seed, condition=condition)
        else:
            records = gallery.page(
                limit, after=after, newest_first=order == "newest", condition=condition
            )
        return image_facts(gallery, records)

    images = await run_in_threadpool(listed)
    has_more = order != "sample" and len(images) == limit
    return json_answer(
        {"images": images, "next_after": images[-1]["image_id"] if has_more else None}
    )


@router.post("/galleries/{gallery}/images/remove")
async def remove_images(request: Request, hosted: GalleryAsSeen, wanted: ToRemove) -> Response:
    """Take several images out of a gallery; those that are not there are told."""
    removed = await removed_from(request, hosted, wanted.image_ids)
    missing = sorted({*wanted.image_ids} - {*removed})
    return json_answer({"removed": removed, "missing": missing})


@router.get("/galleries/{gallery}/images/{image_id}")
async def show_image(hosted: HostedGallery, image_id: ImageId) -> Response:
    """Tell what the catalog knows of an image."""

    def facts() -> dict[str, Any]:
        return image_facts(hosted.gallery, [hosted.gallery.image(image_id)])[0]

    return json_answer(await run_in_threadpool(facts))


@router.delete("/galleries/{gallery}/images/{image_id}")
async def remove_image(request: Request, hosted: GalleryAsSeen, image_id: ImageId) -> Response:
    """Take an image out of a gallery.

    Its file stays, and comes back when it changes; a file that was uploaded here is deleted.
    """
    await run_in_threadpool(hosted.gallery.image, image_id)
    removed = await removed_from(request, hosted, [image_id])
    return json_answer({"removed": removed, "missing": [] if removed else [image_id]})


@router.get("/galleries/{gallery}/images/{image_id}/embedding")
async def show_embedding(hosted: HostedGallery, image_id: ImageId) -> Response:
    """Tell an image's embedding: a unit row, as it is stored."""
    gallery: Gallery = hosted.gallery
    row = await run_in_threadpool(gallery.embedding, image_id)
    return json_answer(
        {
            "image_id": image_id,
            "encoder": gallery.space.encoder,
            "fingerprint": gallery.space.fingerprint,
            "embedding": row.tolist(),
        }
    )


@router.head("/galleries/{gallery}/images/{image_id}/thumbnail", include_in_schema=False)
@router.get(
    "/galleries/{gallery}/images/{image_id}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "Nothing is new."}},
)
async def show_thumbnail(
    request: Request,
    hosted: HostedGallery,
    image_id: ImageId,
    side: Annotated[
        int,
        Query(
            ge=1,
            le=SIDES[-1],
            description="Of the square that it fits into; the next larger of "
            f"{', '.join(map(str, SIDES))} is taken.",
        ),
    ] = 256,
    v: Version = None,
) -> Response:
    """Show an image small, as JPEG: upright, in sRGB, whatever format its file has."""
    gallery: Gallery = hosted.gallery
    record: ImageRecord = await run_in_threadpool(gallery.image, image_id)
    fitted = fitting_side(side)
    tag = f'"{tag_of(record.content_hash)}-{fitted}"'
    headers = {"Cache-Control": caching(record, v), **SAFE}
    if not is_imported(record):
        headers["ETag"] = tag
        if is_known(request.headers, tag=tag):
            return Response(status_code=304, headers=headers)
    thumbnails = pictures_of(request).thumbnails
    found = thumbnails.kept(gallery, record, fitted)
    if found is None:
        found = await while_there(request, thumbnails.made(gallery, record, fitted))
    if not found.is_as_indexed:
        # What is in the file's place now is shown, and never taken for what was indexed.
        headers = {"Cache-Control": "no-store", "Lookalike-File": "changed", **SAFE}
    return Response(found.jpeg, headers=headers, media_type="image/jpeg")


@router.head("/galleries/{gallery}/images/{image_id}/original", include_in_schema=False)
@router.get(
    "/galleries/{gallery}/images/{image_id}/original",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {}}},
        206: {"description": "The part that was asked for.", "content": {"image/*": {}}},
        304: {"description": "Nothing is new."},
    },
)
async def show_original(
    request: Request,
    hosted: HostedGallery,
    image_id: ImageId,
    v: Version = None,
    download: Annotated[bool, Query(description="Offer it to be saved.")] = False,
) -> Response:
    """Hand out the file of an image, if it still is the one that was indexed."""
    gallery: Gallery = hosted.gallery
    pictures = pictures_of(request)

    def opened() -> tuple[ImageRecord, OpenPicture]:
        record = gallery.image(image_id)
        return record, open_indexed(gallery, record, pictures.contents)

    loop = asyncio.get_running_loop()
    record, file = await loop.run_in_executor(pictures.reading, opened)
    try:
        return original_of(request, pictures, record, file, version=v, is_download=download)
    except BaseException:
        file.close()
        raise


def original_of(
    request: Request,
    pictures: Pictures,
    record: ImageRecord,
    file: OpenPicture,
    *,
    version: str | None,
    is_download: bool,
) -> Response:
    """Answer with an open file, or a part of it, or that nothing is new."""
    size, modified_s = file.size_bytes, file.facts.st_mtime
    tag, modified = f'"{state_of(file, record)}"', http_date(modified_s)
    headers = {
        "ETag": tag,
        "Last-Modified": modified,
        "Cache-Control": caching(record, version),
        "Accept-Ranges": "bytes",
        **SAFE,
    }
    if is_known(request.headers, tag=tag, modified_s=modified_s):
        file.close()
        return Response(status_code=304, headers=headers)
    try:
        span = span_asked_for(request.headers, size, tag=tag, modified=modified)
    except ValueError:
        raise Problem(
            416,
            "The picture has no such part",
            f"The file of image {record.image_id} has {size} bytes: ask for some of these.",
            slug="range",
            error="UsageError",
            headers={"Content-Range": f"bytes */{size}"},
        ) from None
    headers["Content-Disposition"] = content_disposition(record, is_download=is_download)
    if not is_shown_by_browsers(record):
        address = request.url_for(
            "show_thumbnail",
            gallery=request.path_params["gallery"],
            image_id=str(record.image_id),
        )
        small = f"{address.path}?side={SIDES[-1]}"
        headers["Link"] = f'<{small}>; rel="alternate"; type="image/jpeg"'
    whole = Span(0, size)
    sent = span or whole
    headers["Content-Length"] = str(sent.stop - sent.start)
    if span is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    return StreamedAnswer(
        FileChunks(file, sent),
        pictures.reading,
        status=200 if span is None else 206,
        headers=headers,
        media_type=media_type_of(record),
    )


async def removed_from(request: Request, hosted: Any, image_ids: list[int]) -> list[int]:
    """Take images out of a gallery, in line with all else that writes to it.

    Returns:
        Those that were there.
    """
    gallery: Gallery = hosted.gallery

    def remove() -> list[int]:
        known = gallery.images_by_id(image_ids)
        if known:
            take_out(gallery, list(known.values()))
        return list(known)

    removed: list[int] = await server_of(request).jobs.run_now(hosted.name, "remove", remove)
    return removed
