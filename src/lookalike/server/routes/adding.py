"""Adding pictures: those that are sent, and those that came to a gallery's folders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from lookalike.client.answers import API
from lookalike.errors import UsageError
from lookalike.ingest import UpdateReport, update_images
from lookalike.server.answers import json_answer
from lookalike.server.hosting import Hosted
from lookalike.server.jobs import Job, JobBoard, JobHandle
from lookalike.server.openapi import body_of
from lookalike.server.openapi import form as form_of
from lookalike.server.problems import Problem, of_status
from lookalike.server.reading import media_type, wrong_media_type
from lookalike.server.schemas.examples import JOB_EXAMPLE
from lookalike.server.schemas.pictures import AddForm
from lookalike.server.settings import Limits
from lookalike.server.state import HostedGallery, server_of
from lookalike.server.uploads import UploadedPicture
from lookalike.server.uploads.columns import columns_of
from lookalike.server.uploads.receiving import ReceivedForm, receive_form, receive_picture
from lookalike.server.uploads.uploaded import KeptFile, result_of

__all__ = ["router"]

router = APIRouter(tags=["adding"])

MOST_WAIT_S = 60.0
MOST_SKIPPED = 100
# Of an update of whole sources, without a file of metadata, there are none.
UNTOLD = frozenset({"changes", "named", "ambiguous"})

KEPT = " The pictures are kept here, and adding them is tried again."

RESULT_EXAMPLE = result_of(
    [
        UploadedPicture("cat.jpg", kept=KeptFile("2026-05-04/cat.jpg", "")).added_as(412),
        UploadedPicture("old.jpg").known_as(17),
    ]
)
ADDED_EXAMPLE = {**JOB_EXAMPLE, "state": "done", "done": 1, "total": 1, "result": RESULT_EXAMPLE}


def answer_like(description: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an answer."""
    return {"description": description, "content": {"application/json": {"example": example}}}


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: answer_like("Nothing had to be added.", ADDED_EXAMPLE),
    201: answer_like("They have been added.", ADDED_EXAMPLE),
    202: answer_like("They are safe on the disk, and will be added.", JOB_EXAMPLE),
}
BODY = body_of(
    "A form of pictures, or one picture.",
    multipart=form_of(AddForm),
    image=form_of({"type": "string", "format": "binary"}),
)

Seconds = Annotated[
    float,
    Query(
        description="So many seconds the answer waits for the job's end.",
        ge=0,
        le=MOST_WAIT_S,
    ),
]


@router.post("/galleries/{gallery}/images", status_code=202, responses=ANSWERS, openapi_extra=BODY)
async def add_pictures(
    request: Request,
    hosted: HostedGallery,
    wait: Seconds = 0.0,
    name: Annotated[str, Query(description="Of a picture that is the body itself.")] = "picture",
) -> Response:
    """Add pictures: files of the field ``picture``, or a body that is one picture.

    When this answers, what it accepted is on the disk and will be added, even if the
    server is killed. Pictures whose very bytes the gallery holds are told and not kept
    twice; those that cannot be used are told with the reason, and do not hurt the others.
    """
    server = server_of(request)
    uploads = server.uploads[hosted.name]
    await asyncio.to_thread(require_whole, hosted)
    async with uploads.receiving() as form:
        await receive(request, form, server.settings.limits, name)
        rows = await columns_of(form)
        taken = await asyncio.shield(form.beside(uploads.accept, form.files, rows))
    if not isinstance(taken, Job):
        raise none_usable([picture.to_dict() for picture in taken])
    ended = await server.jobs.wait(taken.job_id, wait) if wait else None
    return answer_of_job(ended or taken)


@router.post(
    "/galleries/{gallery}/update",
    status_code=202,
    responses={202: answer_like("It will be done.", {**JOB_EXAMPLE, "kind": "update"})},
)
async def update_gallery(request: Request, hosted: HostedGallery) -> Response:
    """Bring a gallery up to date with all its sources, as ``lookalike index`` does.

    Where this waits to be done already, the answer is that job.
    """
    board = server_of(request).jobs
    waiting = waiting_update(board, hosted.name)
    job = waiting or board.submit(hosted.name, "update", lambda handle: updated(hosted, handle))
    return json_answer(job.to_dict(), 202, {"Location": location_of(job)})


def require_whole(hosted: Hosted) -> None:
    """Refuse pictures for a shard: it holds what its number gives it, and nothing else.

    Raises:
        Problem: The gallery is one.
    """
    shard = hosted.gallery.shard
    if shard is not None:
        raise Problem(
            409,
            "The gallery is a shard",
            f"The gallery {hosted.name} holds shard {shard} of a larger one: merge the shards, "
            "then add pictures.",
            slug="gallery-is-shard",
            error="GalleryError",
        )


async def receive(request: Request, form: ReceivedForm, limits: Limits, name: str) -> None:
    """Receive a body of either kind.

    Raises:
        Problem: It is of another kind, or broken.
        UsageError: No picture is in it.
    """
    kind = media_type(request)
    try:
        if kind == "multipart/form-data":
            await receive_form(request, limits, form)
        elif kind.startswith("image/") or kind == "application/octet-stream":
            await receive_picture(request, name, form)
        else:
            raise wrong_media_type(request, "multipart/form-data, or a picture as image/*")
    except ClientDisconnect:
        raise of_status(499, "The connection ended early.") from None
    if not form.files:
        raise UsageError("No picture came: send it in the field 'picture'.")


def none_usable(pictures: Sequence[Mapping[str, Any]], **extra: Any) -> Problem:
    """Say that not one picture can be used, and why."""
    first = pictures[0]["problem"] or {}
    more = "" if len(pictures) == 1 else f"None of the {len(pictures)} pictures can be used. "
    return Problem(
        422,
        str(first.get("title", "A picture cannot be used")),
        f"{more}{first.get('detail', '')}",
        slug=str(first.get("type", "image")).rpartition("/")[2],
        error=str(first.get("error", "ImageError")),
        pictures=list(pictures),
        **extra,
    )


def answer_of_job(job: Job) -> Response:
    """Answer with a job that adds pictures, as far as it is.

    Raises:
        Problem: It has failed, or found that none of the pictures can be used.
    """
    if job.state == "cancelled" and job.is_unwanted:
        raise Problem(
            409,
            "The job was cancelled",
            "Somebody cancelled the job before the pictures were added: send them again.",
            slug="job-cancelled",
            job=job.to_dict(),
        )
    if job.state == "failed" and job.error is not None:
        is_kept = bool(job.result and job.result.get("waiting"))
        retry = {"Retry-After": "30"} if is_kept else {}
        raise Problem(
            int(job.error["status"]),
            str(job.error["title"]),
            f"{job.error['detail']}{KEPT if is_kept else ''}",
            slug=str(job.error["type"]).rpartition("/")[2],
            error=str(job.error["error"]),
            headers=retry,
            job=job.to_dict(),
        )
    result = job.result or {}
    has_added = bool(result.get("added"))
    if job.state == "done" and is_refused_whole(result):
        raise none_usable(result["pictures"], job=job.to_dict())
    status = (201 if has_added else 200) if job.state == "done" else 202
    return json_answer(job.to_dict(), status, {"Location": location_of(job)})


def is_refused_whole(result: Mapping[str, Any]) -> bool:
    """Tell whether all that was sent turned out to be of no use."""
    usable = ("added", "already_there", "waiting")
    return bool(result.get("refused")) and not any(result.get(name) for name in usable)


def location_of(job: Job) -> str:
    """Say where a job can be asked after."""
    return f"{API}/jobs/{job.job_id}"


def waiting_update(board: JobBoard, gallery: str) -> Job | None:
    """Find an update that has not begun: what is wanted now it will do as well."""
    waiting = board.jobs(gallery=gallery, state="waiting")
    return next((job for job in waiting if job.kind == "update"), None)


def updated(hosted: Hosted, handle: JobHandle) -> dict[str, Any]:
    """Bring a gallery up to date, and tell what was done."""
    report = update_images(hosted.gallery, hosted.encoder, on_progress=handle.listen)
    return facts_of_report(report)


def facts_of_report(report: UpdateReport) -> dict[str, Any]:
    """Tell what an update did; of files that cannot be used the first hundred."""
    facts = {name: value for name, value in asdict(report).items() if name not in UNTOLD}
    skipped = facts.pop("skipped")
    return {**facts, "skipped": len(skipped), "skipped_files": list(skipped[:MOST_SKIPPED])}
