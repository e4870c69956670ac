"""The encoders that are known."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.known import known_card, known_names
from lookalike.encoders.loading import builtin_card
from lookalike.encoders.weights.stored import size_on_disk
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
    """Tell of each encoder."""
    cards = [builtin_card(), *(known_card(name) for name in known_names())]
    return [told(card, server) for card in cards]


def told(card: EncoderCard, server: Server) -> dict[str, Any]:
    """Turn an encoder's card into what JSON can hold."""
    size_bytes = size_on_disk(card)
    return {
        "name": card.name,
        "family": card.family,
        "architecture": card.architecture,
        "repository": card.repository,
        "revision": card.revision,
        "dim": card.dim,
        "parameters": card.parameters,
        "has_text": card.has_text,
        "licence": card.licence,
        "is_here": not card.repository or size_bytes > 0,
        "size_bytes": size_bytes,
        "in_use_by": [
            name
            for name, here in server.galleries.items()
            if here.gallery.space.encoder == card.name
        ],
    }
