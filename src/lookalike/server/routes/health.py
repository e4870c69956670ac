"""Whether the server lives, is ready, and how it fares."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from lookalike.errors import LookalikeError
from lookalike.gallery.connections import GalleryReplaced
from lookalike.server.answers import json_answer
from lookalike.server.problems import Problem
from lookalike.server.safety.access import access_of
from lookalike.server.state import Server, server_of

router = APIRouter(tags=["health"])

RETRY_AFTER_S = 2


@router.get("/healthz", summary="Whether the server lives")
async def healthz() -> Response:
    """Answer as long as the server runs."""
    return json_answer({"status": "alive"})


@router.get(
    "/readyz",
    summary="Whether every gallery can answer every query",
    responses={503: {"description": "A gallery is not ready; the answer names it."}},
)
async def readyz(request: Request) -> Response:
    """Answer 200 while galleries can be read and their encoders are loaded.

    Which galleries there are is told to those only who may ask them.
    """
    server = server_of(request)
    is_told = access_of(request.scope).can_read
    problems = await run_in_threadpool(problems_of, server)
    if problems:
        told = "; ".join(f"{name}: {problem.rstrip('.')}" for name, problem in problems.items())
        if not is_told:
            told, problems = "a gallery or its encoder", {}
        raise Problem(
            503,
            "Not ready",
            f"Not ready yet: {told}.",
            slug="not-ready",
            headers={"Retry-After": str(RETRY_AFTER_S)},
            galleries=problems,
        )
    return json_answer({"status": "ready", "galleries": list(server.galleries) if is_told else []})


@router.get(
    "/metrics",
    summary="Counts and times, as Prometheus reads them",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Write what was counted and timed since the start.

    Numbers of a gallery, and of its jobs, are told to those only who may ask it; all
    others are of the whole server.
    """
    body, content_type = await run_in_threadpool(exposition, server_of(request))
    return Response(body, headers={"Content-Type": content_type})


def problems_of(server: Server) -> dict[str, str]:
    """Say of each gallery that is not ready why."""
    problems = {}
    for name, hosted in server.galleries.items():
        problem = hosted.problem
        try:
            _ = hosted.gallery.generation
        except GalleryReplaced as error:
            problem = problem or str(error)  # that cannot be opened, or is just now
        except LookalikeError as error:  # damaged since
            problem = str(error)
        if problem:
            problems[name] = problem
    return problems


def exposition(server: Server) -> tuple[bytes, str]:
    """Look at the galleries, then write everything."""
    not_ready = problems_of(server)
    for name, hosted in server.galleries.items():
        uploads = server.uploads.get(name)
        pending = 0 if uploads is None else uploads.pending
        server.measures.state(name, is_ready=name not in not_ready, pending_uploads=pending)
        try:
            server.measures.gallery(name, len(hosted.gallery), hosted.gallery.generation)
        except LookalikeError:
            continue  # damaged since: its last numbers stay, and queries tell of it
    return server.measures.exposition(server.jobs.counts())
