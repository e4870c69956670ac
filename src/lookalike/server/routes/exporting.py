"""Exporting a selection: the files, a list of them, or a contact sheet."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from lookalike.errors import ImageNotInGallery, UsageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.server.leaving import while_there
from lookalike.server.pictures.exporting import (
    csv_list,
    json_list,
    sheet_jpeg,
    text_list,
    zip_chunks,
)
from lookalike.server.pictures.headers import SAFE
from lookalike.server.pictures.sending import StreamedAnswer
from lookalike.server.pictures.serving import Pictures, pictures_of
from lookalike.server.routes.images import LARGEST_ID
from lookalike.server.state import HostedGallery

__all__ = ["router"]

router = APIRouter(tags=["export"])

MOST_EXPORTED = 10_000
MOST_ON_SHEET = 300

KINDS = {
    "csv": ("csv", "text/csv; charset=utf-8"),
    "json": ("json", "application/json"),
    "sheet": ("jpg", "image/jpeg"),
    "txt": ("txt", "text/plain; charset=utf-8"),
    "zip": ("zip", "application/zip"),
}


class Export(BaseModel):
    """Which images to export, and as what."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"image_ids": [12, 31], "form": "zip"}]},
    )

    image_ids: list[Annotated[int, Field(ge=1, le=LARGEST_ID)]] = Field(
        min_length=1,
        max_length=MOST_EXPORTED,
        description=f"In the order wanted; at most {MOST_ON_SHEET} fit on a sheet.",
    )
    form: Literal["zip", "csv", "json", "txt", "sheet"] = Field(
        "zip",
        description="zip: the files; csv, json and txt: lists; sheet: small pictures side by side.",
    )


@router.post(
    "/galleries/{gallery}/export",
    response_class=Response,
    responses={
        200: {"content": {kind.partition(";")[0]: {} for _, kind in KINDS.values()}},
    },
)
async def export_images(request: Request, hosted: HostedGallery, wanted: Export) -> Response:
    """Export a selection of images.

    Files that are missing, or are not what was indexed any more, are named in the
    archive's MISSING.txt. Of all other forms the header Lookalike-Missing counts the
    images that are not in the gallery, and is not there where none is missing.
    """
    gallery: Gallery = hosted.gallery
    image_ids = list(dict.fromkeys(wanted.image_ids))
    if wanted.form == "sheet" and len(image_ids) > MOST_ON_SHEET:
        raise UsageError(
            f"{len(image_ids)} pictures were asked for, and {MOST_ON_SHEET} fit on a sheet: "
            "choose fewer, or export a list."
        )
    found = await run_in_threadpool(gallery.images_by_id, image_ids)
    records = list(found.values())
    gone = [image_id for image_id in image_ids if image_id not in found]
    if not records:
        raise ImageNotInGallery(
            f"None of the {len(gone)} images that were to be exported is in the gallery."
        )
    ending, kind = KINDS[wanted.form]
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{hosted.name}.{ending}"',
        **SAFE,
    }
    if gone and wanted.form != "zip":  # which ones its MISSING.txt says, and what else lacks
        headers["Lookalike-Missing"] = str(len(gone))
    pictures = pictures_of(request)
    if wanted.form == "zip":
        chunks = zip_chunks(gallery, records, gone, pictures.contents)
        return StreamedAnswer(chunks, pictures.exporting, headers=headers, media_type=kind)
    body = await while_there(request, made(pictures, wanted.form, gallery, records, gone))
    return Response(body, headers=headers, media_type=kind)


def made(
    pictures: Pictures, form: str, gallery: Gallery, records: list[ImageRecord], gone: list[int]
) -> asyncio.Future[bytes]:
    """Make a list or a sheet in a thread; one that is given up before is not begun."""

    def make() -> bytes:
        if form == "sheet":
            return sheet_jpeg(gallery, records, pictures.contents)
        if form == "json":
            return json_list(gallery, records, gone)
        return (csv_list if form == "csv" else text_list)(gallery, records)

    return asyncio.get_running_loop().run_in_executor(pictures.exporting, make)
