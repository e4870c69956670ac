"""One line for each request: who asked for what kind of thing, and how it went.

Never the query string, never what a request or an answer held. Of the path only the
route, and the names and numbers of galleries, images and jobs in it.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any

from lookalike.server.measuring import route_of
from lookalike.server.safety.access import access_of, client_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLog", "is_worth_showing", "logger", "shown_route"]

logger = logging.getLogger("lookalike.access")

PLACEHOLDER = re.compile(r"\{(\w+)(?::\w+)?\}")
# What may stand in the place of a placeholder: a name or a number, no content.
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Paths of the page's files say nothing that the route does not.
FREE = re.compile(r"\{\w+:path\}")
METHOD = re.compile(r"[A-Z]{1,12}")
ADDRESS = re.compile(r"[0-9A-Fa-f:.%a-z]{1,64}")
# A page asks for hundreds of them while somebody scrolls.
SMALL = "/thumbnail"
FAILED = 400


class AccessLog:
    """The outermost layer, which writes the line when the answer has gone out.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not logger.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        status, sent = 0, 0
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            write_line(scope, status, sent, seconds=time.perf_counter() - begun)


def write_line(scope: Scope, status: int, sent: int, *, seconds: float) -> None:
    """Log a request as a line, with the same facts beside it for those who write JSON."""
    facts: dict[str, Any] = {
        "client": shown_client(scope),
        "token": access_of(scope).name or None,
        "method": scope["method"] if METHOD.fullmatch(scope["method"]) else "OTHER",
        "route": shown_route(scope),
        # None: the asker went away before there was an answer.
        "status": status or None,
        "duration_ms": round(1000 * seconds, 1),
        "bytes": sent,
    }
    is_small = (facts["route"] or "").endswith(SMALL) and status < FAILED
    logger.info(
        "%s %s %s %s %s %.1f ms %d bytes",
        facts["client"] or "-",
        facts["token"] or "-",
        facts["method"],
        facts["route"] or "-",
        facts["status"] or "gone",
        facts["duration_ms"],
        sent,
        extra={"is_small": is_small, "facts": facts},
    )


def is_worth_showing(record: logging.LogRecord) -> bool:
    """Tell whether a line is shown without -v: all but those of small pictures are."""
    return not getattr(record, "is_small", False)


def shown_client(scope: Scope) -> str | None:
    """Write the address whose rate counts; a proxy may have been told anything."""
    address = client_of(scope)
    return address if ADDRESS.fullmatch(address) else None


def shown_route(scope: Scope) -> str | None:
    """Write the route that answered, with the names and numbers that stood in its path."""
    given = scope.get("path_params", {})

    def filled(place: re.Match[str]) -> str:
        value = str(given.get(place[1], ""))
        is_shown = PLAIN.fullmatch(value) and not FREE.fullmatch(place[0])
        return value if is_shown else place[0]

    return PLACEHOLDER.sub(filled, route_of(scope)) or None
