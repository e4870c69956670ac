"""What an error becomes on its way out: one table, and one form (RFC 9457)."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookalike import errors
from lookalike.errors import LookalikeError
from lookalike.gallery.connections import GalleryReplaced
from lookalike.server.answers import json_bytes

__all__ = [
    "PROBLEM_JSON",
    "TABLE",
    "Catching",
    "Kind",
    "Problem",
    "answer_problems",
    "facts_of",
    "kind_of",
    "problem_answer",
    "problem_facts",
    "problem_of",
]

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"

# A message may repeat what was sent, and that may be long.
LONGEST_DETAIL = 600


class Kind(NamedTuple):
    """A kind of problem: its status, the last word of its type, and its title."""

    status: int
    slug: str
    title: str


# The one table. An error that is not in it is what its nearest ancestor is.
TABLE: dict[type[LookalikeError], Kind] = {
    errors.UsageError: Kind(400, "usage", "The request makes no sense"),
    errors.MissingExtra: Kind(501, "missing-extra", "The server lacks an optional library"),
    errors.ImageError: Kind(422, "image", "A picture cannot be used"),
    errors.ImageUnreadable: Kind(422, "image-unreadable", "A picture cannot be read"),
    errors.ImageOutOfReach: Kind(422, "image-out-of-reach", "A picture cannot be had just now"),
    errors.ImageTooLarge: Kind(422, "image-too-large", "A picture has too many pixels"),
    errors.SourceError: Kind(409, "source", "A source of pictures cannot be used"),
    errors.SourceNotFound: Kind(409, "source-not-found", "A source of pictures is not there"),
    errors.NoImagesFound: Kind(409, "no-images-found", "A source holds no readable picture"),
    errors.EncoderError: Kind(503, "encoder", "The encoder cannot be used"),
    errors.EncoderNotFound: Kind(503, "encoder-not-found", "The encoder is not there"),
    errors.SpaceMismatch: Kind(409, "space-mismatch", "These embeddings cannot be compared"),
    errors.GalleryError: Kind(503, "gallery", "The gallery cannot be used just now"),
    errors.GalleryNotFound: Kind(404, "gallery-not-found", "There is no such gallery"),
    errors.GalleryUnreadable: Kind(503, "gallery-unreadable", "The gallery is damaged"),
    errors.GalleryTooNew: Kind(503, "gallery-too-new", "A newer Lookalike wrote the gallery"),
    errors.GalleryLocked: Kind(409, "gallery-locked", "Another process writes to the gallery"),
    errors.GalleryReadOnly: Kind(403, "gallery-read-only", "The gallery cannot be written"),
    errors.ImageNotInGallery: Kind(404, "image-not-in-gallery", "There is no such image"),
    errors.DatasetError: Kind(409, "dataset", "A data set cannot be used"),
    errors.ServerError: Kind(502, "server", "Another server did not answer as it should"),
    errors.ServerNotReached: Kind(502, "server-not-reached", "Another server was not reached"),
    errors.AccessDenied: Kind(403, "access-denied", "This is not allowed"),
    errors.StorageFull: Kind(507, "storage-full", "The disk is full"),
    LookalikeError: Kind(500, "internal", "Something went wrong inside"),
}

# What is over soon, and when to ask again.
RETRY_AFTER_S = {errors.GalleryLocked: 5, GalleryReplaced: 1}

# What the web's own refusals are called, and which error they are for a client.
STATUSES: dict[int, tuple[Kind, str]] = {
    400: (Kind(400, "bad-request", "The request cannot be read"), "UsageError"),
    401: (Kind(401, "token", "A token is needed"), "AccessDenied"),
    403: (Kind(403, "access-denied", "This is not allowed"), "AccessDenied"),
    404: (Kind(404, "not-found", "There is nothing here"), "UsageError"),
    405: (Kind(405, "method-not-allowed", "This is not done here"), "UsageError"),
    413: (Kind(413, "too-large", "The request is too large"), "UsageError"),
    415: (Kind(415, "media-type", "The body is of a kind that is not read here"), "UsageError"),
    422: (Kind(422, "invalid", "A value makes no sense"), "UsageError"),
    # For the log: it reaches nobody.
    499: (Kind(499, "hung-up", "The asker hung up"), "ServerError"),
    500: (Kind(500, "internal", "Something went wrong inside"), "ServerError"),
}


class Problem(Exception):
    """A problem that is none of Lookalike's errors.

    Args:
        status: Of the answer.
        title: What kind of problem it is: the same for all of its kind.
        detail: What was asked, what was found, what to do next, in a sentence.
        slug: The last word of its type.
        error: The class of ``lookalike.errors`` that a client raises.
        headers: More headers of the answer.
        extra: More facts of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        slug: str,
        error: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(status, title, detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.slug = slug
        self.error = error
        self.headers = dict(headers or {})
        self.extra = extra

    def __str__(self) -> str:
        return self.detail

    def to_dict(self) -> dict[str, Any]:
        """Turn into the body of an answer."""
        told = problem_facts(self.status, self.slug, self.title, self.detail, error=self.error)
        return {**self.extra, **told}


def problem_facts(
    status: int, slug: str, title: str, detail: str, *, error: str | None = None
) -> dict[str, Any]:
    """Write a problem as RFC 9457 does, with the class of error that it is for a client."""
    usual = STATUSES.get(status)
    return {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": shortened(detail),
        "error": error or (usual[1] if usual else "ServerError"),
    }


def shortened(detail: str) -> str:
    """Keep a message from repeating all that was sent."""
    return detail if len(detail) <= LONGEST_DETAIL else f"{detail[: LONGEST_DETAIL - 1]}…"


def problem_answer(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    error: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a problem; for what answers before a route does."""
    return answer_of(Problem(status, title, detail, slug=slug, error=error, headers=headers))


def answer_of(problem: Problem) -> Response:
    """Answer with a problem."""
    body = json_bytes(problem.to_dict())
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(body, problem.status, headers, media_type=PROBLEM_JSON)


def kind_of(error: type[LookalikeError]) -> Kind:
    """Look an error up in the table, or its nearest ancestor."""
    return next(TABLE[kind] for kind in error.__mro__ if kind in TABLE)


def problem_of(error: Exception) -> Problem:
    """Turn any error into a problem; what is not meant for readers is logged and kept back."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        return of_validation(error.errors())
    if isinstance(error, ClientDisconnect):
        return of_status(499, "The body ended before its end.")
    if isinstance(error, HTTPException):
        return of_status(error.status_code, str(error.detail), error.headers)
    if isinstance(error, LookalikeError) and kind_of(type(error)).status != 500:
        kind = kind_of(type(error))
        pause_s = next(
            (RETRY_AFTER_S[each] for each in RETRY_AFTER_S if isinstance(error, each)), None
        )
        headers = None if pause_s is None else {"Retry-After": str(pause_s)}
        names = (each.__name__ for each in type(error).__mro__)
        known = next(name for name in names if name in errors.__all__)
        return Problem(
            kind.status, kind.title, str(error), slug=kind.slug, error=known, headers=headers
        )
    return of_bug(error)


def facts_of(error: Exception) -> dict[str, Any]:
    """Tell any error as an answer would tell it; for what is answered later, as jobs are."""
    return problem_of(error).to_dict()


def of_bug(error: Exception) -> Problem:
    """Log an error that nobody meant to raise, and say nothing of it but where to look."""
    log_id = secrets.token_hex(6)
    trace = (type(error), error, error.__traceback__)
    log.error("A request failed inside (log id %s).", log_id, exc_info=trace)
    kind, name = STATUSES[500]
    detail = (
        f"The server failed at this request, and its log tells more under {log_id}: try again, "
        "and tell who runs the server if it stays so."
    )
    return Problem(500, kind.title, detail, slug=kind.slug, error=name, log_id=log_id)


def of_status(status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> Problem:
    """Make a refusal of the web's own kind; without a sentence, say what the status means."""
    kind, name = STATUSES.get(status) or (Kind(status, f"http-{status}", phrase(status)), None)
    # The bare phrase is what libraries say where nobody gave a sentence.
    said = detail if detail and detail != phrase(status) else ""
    sentence = said or {
        401: "The server wants a token: send it as 'Authorization: Bearer TOKEN'.",
        404: "Nothing is at this address: /openapi.json lists all that there is.",
        405: f"This address does not answer this method: it answers {allowed(headers)}.",
        413: "The body is larger than this server reads: send less at a time.",
    }.get(status, f"{kind.title}.")
    return Problem(status, kind.title, sentence, slug=kind.slug, error=name, headers=headers)


def allowed(headers: Mapping[str, str] | None) -> str:
    """Name the methods that an address answers."""
    return (headers or {}).get("Allow", "others")


def phrase(status: int) -> str:
    """Name a status as HTTP does."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"


def of_validation(found: Sequence[Any]) -> Problem:
    """Say in one sentence which value pydantic did not take, and where it was."""
    first: Mapping[str, Any] = found[0] if found else {"loc": (), "msg": "it makes no sense"}
    place, *inner = [*first.get("loc", ())] or ["request"]
    # The number of a value in a list says little: its name says where it stands.
    name = ".".join(str(step) for step in inner if not isinstance(step, int))
    where = {"query": "the query string", "path": "the address", "header": "the headers"}.get(
        str(place), f"the {place}"
    )
    said = {
        "extra_forbidden": "nothing of that name is read here",
        "missing": "it is not there, and is needed",
    }.get(str(first.get("type")), str(first["msg"]).rstrip("."))
    more = f" ({len(found) - 1} more like it)" if len(found) > 1 else ""
    subject = f"{name!r:.60} in {where}" if name else f"What is in {where}"
    return of_status(422, f"{subject} cannot be used: {said[:1].lower()}{said[1:]}{more}.")


def answer_problems(app: FastAPI) -> None:
    """Let every error of a route become a problem."""

    async def answered(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            methods = methods_at(request.url.path, app.openapi()["paths"])
            headers = {"Allow": ", ".join(methods)} if methods else error.headers
            return answer_of(of_status(405, headers=headers))
        return answer_of(problem_of(error))

    for kind in (Problem, LookalikeError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answered)


def methods_at(path: str, templates: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """List the methods of all routes at a path: a route by itself knows only its own."""
    found = set()
    for template, methods in templates.items():
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            found |= {method.upper() for method in methods}
            # What streams without an end has no head (server/heads.py).
            found |= {"HEAD"} if "get" in methods and not path.endswith("/events") else set()
    return sorted(found)


class Catching:
    """The innermost layer: an error that nobody meant to raise becomes a problem, too.

    The layers around it see an answer, so that it is counted, logged and secured as
    any other. Where an answer has begun, nothing can be put right: the connection ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except ClientDisconnect:
            return  # nobody is there to be answered, or a layer around this one has
        except Exception as error:
            if has_begun:
                raise
            await answer_of(problem_of(error))(scope, receive, send)
