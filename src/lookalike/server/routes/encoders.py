"""The encoders that are known."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.encoders.listing import listed_encoders
from lookalike.server.answers import json_answer
from lookalike.server.openapi import answers
from lookalike.server.schemas.examples import ENCODER_EXAMPLE
from lookalike.server.schemas.galleries import EncoderList
from lookalike.server.state import Server, server_of

router = APIRouter(tags=["galleries"])


@router.get(
    "/encoders",
    operation_id="list_encoders",
    summary="List the encoders",
    responses=answers("The one in the box first.", EncoderList, {"encoders": [ENCODER_EXAMPLE]}),
)
async def list_encoders(request: Request) -> Response:
    """List the encoders that Lookalike knows by name, and who uses them here."""
    return json_answer({"encoders": await asyncio.to_thread(listed, server_of(request))})


def listed(server: Server) -> list[dict[str, Any]]:
    """Tell of each encoder, and who uses it here."""
    return [
        {**one.to_dict(), "in_use_by": users(one.card.name, server)} for one in listed_encoders()
    ]


def users(encoder: str, server: Server) -> list[str]:
    """Name the galleries that an encoder made."""
    return [
        name for name, here in server.galleries.items() if here.gallery.space.encoder == encoder
    ]
