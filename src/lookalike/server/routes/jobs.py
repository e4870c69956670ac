"""Jobs and events: what is being done, and hearing of it as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from lookalike.server.answers import json_answer
from lookalike.server.jobs import STATES, Event, Job
from lookalike.server.jobs.streaming import EventStream
from lookalike.server.problems import Problem
from lookalike.server.schemas.examples import JOB_EXAMPLE
from lookalike.server.state import HostedGallery, server_of

__all__ = ["router"]

router = APIRouter(tags=["jobs"])

JobId = Annotated[
    str,
    Path(description="A job's name, as its answer told it.", examples=["9f86d081884c7d65"]),
]
LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="What browsers send when they come back."),
]

STREAM_EXAMPLE = 'retry: 2000\n\nid: 5f0c1a2b-7\nevent: job\ndata: {"job_id": ...}\n\n'
JOB_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The job as it is now.",
        "content": {"application/json": {"example": JOB_EXAMPLE}},
    }
}
STREAM_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events, until the listener goes away, or nothing more will come.",
        "content": {"text/event-stream": {"example": STREAM_EXAMPLE}},
    }
}


def job_named(request: Request, job_id: JobId) -> Job:
    """Find the job that a request is about.

    Raises:
        Problem: There is none.
    """
    job = server_of(request).jobs.job(job_id)
    if job is None:
        raise no_such_job(job_id)
    return job


NamedJob = Annotated[Any, Depends(job_named)]


@router.get(
    "/jobs",
    responses={
        200: {
            "description": "Jobs, the newest first.",
            "content": {"application/json": {"example": {"jobs": [JOB_EXAMPLE]}}},
        }
    },
)
def list_jobs(
    request: Request,
    gallery: Annotated[str | None, Query(description="Only those of this gallery.")] = None,
    state: Annotated[
        str | None,
        Query(description="Only those in this state.", pattern=f"^({'|'.join(STATES)})$"),
    ] = None,
    limit: Annotated[int, Query(description="So many at most.", ge=1, le=1000)] = 100,
) -> Response:
    """List what is being done and what was: the last 1000 jobs since the server started.

    What became of each single picture or file is told by the job itself.
    """
    jobs = server_of(request).jobs.jobs(gallery=gallery, state=state)
    return json_answer({"jobs": [in_short(job) for job in jobs[:limit]]})


@router.get("/jobs/{job_id}", responses=JOB_ANSWER)
def show_job(job: NamedJob) -> Response:
    """Tell how far a job is, and what came of it."""
    return json_answer(job.to_dict())


@router.delete("/jobs/{job_id}", responses=JOB_ANSWER)
async def cancel_job(request: Request, job: NamedJob) -> Response:
    """Ask for a job's end.

    One that waits ends at once, and pictures that were sent with it are deleted. One that
    runs ends as soon as it can, and keeps what it has committed; pictures that are just
    being added are added. One that has ended stays as it is.
    """
    cancelled = await asyncio.to_thread(server_of(request).jobs.cancel, job.job_id)
    return json_answer((cancelled or job).to_dict())


@router.get(
    "/jobs/{job_id}/events", response_class=EventStream, responses=STREAM_ANSWER, status_code=200
)
async def follow_job(
    request: Request, job: NamedJob, last_event_id: LastEventId = None
) -> Response:
    """Follow a job: an event ``job`` at each change, the last one when it has ended."""
    board = server_of(request).jobs
    last_seen = board.events.last_seen(last_event_id or "")

    def first() -> list[Event]:
        now = board.job(job.job_id) or job
        # Told again if it has ended: a listener that comes back must not wait for ever.
        return [board.event_of(now)] if now.has_ended or now.sequence > last_seen else []

    def is_last(event: Event) -> bool:
        now = board.job(job.job_id)
        return now is None or (now.has_ended and event.sequence >= now.sequence)

    return EventStream(board.events, [f"job:{job.job_id}"], first=first, is_last=is_last)


@router.get(
    "/galleries/{gallery}/events",
    response_class=EventStream,
    responses=STREAM_ANSWER,
    status_code=200,
)
async def follow_gallery(
    request: Request, hosted: HostedGallery, last_event_id: LastEventId = None
) -> Response:
    """Follow a gallery: an event ``gallery`` when it has changed, ``job`` as its jobs go on.

    What is so now is told first: the generation, and jobs that have not ended; to a
    listener that comes back, what has changed meanwhile.
    """
    server = server_of(request)
    board, name = server.jobs, hosted.name
    await asyncio.to_thread(server.generations.look, name)
    last_seen = board.events.last_seen(last_event_id or "")

    def first() -> Iterator[Event]:
        # Read only now: what changed since the look, others have been told already.
        state = server.generations.latest(name)
        events = [state] if state.sequence > last_seen else []
        for job in board.jobs(gallery=name):
            if job.sequence > last_seen and (last_seen or not job.has_ended):
                events.append(board.event_of(job))
        return reversed(events)  # where there are too many, the first are let go

    return EventStream(board.events, [f"gallery:{name}"], first=first)


def in_short(job: Job) -> dict[str, Any]:
    """Tell of a job in a list: its counts, and none of the lists in its result."""
    told = job.to_dict()
    if told["result"] is not None:
        told["result"] = {
            name: value for name, value in told["result"].items() if not isinstance(value, list)
        }
    return told


def no_such_job(job_id: str) -> Problem:
    """Say that there is no such job."""
    return Problem(
        404,
        "There is no such job",
        f"There is no job {job_id!r:.40}: the last 1000 since the server started are known.",
        slug="job-not-found",
        error="UsageError",
    )
