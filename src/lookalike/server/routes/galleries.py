"""The galleries of a server, and what they hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.errors import LookalikeError
from lookalike.server.answers import json_answer
from lookalike.server.describing import entry_of, facts_of
from lookalike.server.openapi import answers
from lookalike.server.safety.access import access_of
from lookalike.server.schemas.examples import GALLERY_ENTRY_EXAMPLE, GALLERY_EXAMPLE
from lookalike.server.schemas.galleries import GalleryFacts, GalleryList
from lookalike.server.state import HostedGallery, server_of

router = APIRouter(tags=["galleries"])


@router.get(
    "/galleries",
    operation_id="list_galleries",
    summary="List the galleries",
    responses=answers(
        "The default gallery first.", GalleryList, {"galleries": [GALLERY_ENTRY_EXAMPLE]}
    ),
)
async def list_galleries(request: Request) -> Response:
    """List the galleries that this server answers for.

    One that cannot be read just now is left out: ask for it by its name to hear why.
    """
    server = server_of(request)
    can_write = access_of(request.scope).can_write
    told = []
    for here in server.galleries.values():
        with suppress(LookalikeError):
            told.append(await asyncio.to_thread(entry_of, server, here, can_write=can_write))
    return json_answer({"galleries": told})


@router.get(
    "/galleries/{gallery}",
    operation_id="describe_gallery",
    summary="Describe a gallery",
    responses=answers("The gallery in numbers.", GalleryFacts, GALLERY_EXAMPLE),
)
async def describe_gallery(request: Request, here: HostedGallery) -> Response:
    """Tell what a gallery holds, which columns filters can name, and what may be asked.

    While pictures are being added, the values of columns may be a few seconds old.
    """
    can_write = access_of(request.scope).can_write
    return json_answer(await facts_of(server_of(request), here, can_write=can_write))
