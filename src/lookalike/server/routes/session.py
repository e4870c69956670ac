"""Signing in from the page: a token becomes a cookie that scripts cannot read."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from lookalike.server.answers import json_answer
from lookalike.server.openapi import body_of, form
from lookalike.server.problems import of_status
from lookalike.server.safety.access import (
    UNKNOWN_TOKEN,
    Doorkeeper,
    access_of,
    no_gallery,
    port_of,
    session_cookie,
)
from lookalike.server.safety.sessions import SESSION_S, cookie_name

__all__ = ["router"]

router = APIRouter(tags=["session"])

MOST_BYTES = 4096


class SessionFacts(BaseModel):
    """Who asks, and what they may do.

    Attributes:
        needs_token: Whether this server asks for one.
        name: Of the token; empty where none was shown.
        can_read: Whether questions are answered.
        can_write: Whether changes are allowed.
    """

    needs_token: bool = Field(description="Whether this server asks for a token.")
    name: str = Field(description="The token's name; empty where none was shown.")
    can_read: bool = Field(description="Whether questions are answered.")
    can_write: bool = Field(description="Whether changes are allowed.")


class SignIn(BaseModel):
    """A token."""

    token: str = Field(description="The token, as it was shown once.", examples=["lk_..."])


BODY = body_of("The token.", json=form(SignIn))
NO_TOKEN: dict[int | str, dict[str, Any]] = {
    401: {"description": "The token is not known (problem+json)."},
    403: {"description": "The token is for no gallery of this server (problem+json)."},
}


@router.get("/session", response_model=SessionFacts, summary="Say who asks")
async def session(request: Request) -> Response:
    """Say whether a token is needed, whose was shown, and what it allows."""
    return json_answer(facts_of(request))


@router.post(
    "/session",
    response_model=SessionFacts,
    summary="Sign in",
    openapi_extra=BODY,
    responses=NO_TOKEN,
)
async def sign_in(request: Request) -> Response:
    """Give a token, and get a cookie that stands for it for a week.

    Only pages of this server can use the cookie. It ends with the token, with the
    server, and with signing out.
    """
    keeper = keeper_of(request)
    token = token_of(await small_body(request))
    if keeper.tokens is None:
        return json_answer(facts_of(request))
    entry = keeper.tokens.find(token)
    if entry is None:
        keeper.charge(request.scope)
        raise of_status(401, UNKNOWN_TOKEN)
    access = keeper.allowed(entry)
    if access.has_none:
        raise no_gallery(access)
    end_session(request, keeper)
    answer = json_answer(
        session_facts(keeper, access.name, can_read=True, can_write=access.can_write)
    )
    answer.set_cookie(
        cookie_name(port_of(request.scope)),
        keeper.sessions.begin(entry),
        max_age=int(SESSION_S),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(request: Request) -> Response:
    """End the session of the cookie, if there is one."""
    end_session(request, keeper_of(request))
    answer = Response(status_code=204)
    answer.delete_cookie(
        cookie_name(port_of(request.scope)),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


def keeper_of(request: Request) -> Doorkeeper:
    """Find who knows the tokens."""
    keeper: Doorkeeper = request.app.state.keeper
    return keeper


def facts_of(request: Request) -> dict[str, Any]:
    """Say what was found out about the asker."""
    access = access_of(request.scope)
    return session_facts(
        keeper_of(request), access.name, can_read=access.can_read, can_write=access.can_write
    )


def session_facts(
    keeper: Doorkeeper, name: str, *, can_read: bool, can_write: bool
) -> dict[str, Any]:
    """Write the answer."""
    return {
        "needs_token": keeper.needs_token,
        "name": name,
        "can_read": can_read,
        "can_write": can_write,
    }


def end_session(request: Request, keeper: Doorkeeper) -> None:
    """End the session that a cookie stands for."""
    identity = session_cookie(request.scope)
    if identity is not None:
        keeper.sessions.end(identity)


async def small_body(request: Request) -> bytes:
    """Read a body that holds no more than a token.

    Raises:
        Problem: It is larger, or of another kind.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise of_status(415, "Send JSON.")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            said = 'A token is shorter than that: send {"token": "..."} and nothing else.'
            raise of_status(413, said, {"Connection": "close"})
    return body


def token_of(body: bytes) -> str:
    """Read the token.

    Raises:
        Problem: There is none.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    token = given.get("token") if isinstance(given, dict) else None
    if not isinstance(token, str) or not token:
        raise of_status(422, 'There is no token in what was sent: send {"token": "..."}.')
    return token
