"""HEAD wherever GET is answered: what watches over servers asks so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.server.safety.stopping import STREAMS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Heads"]

# These answer HEAD themselves, without opening more than they have to; streams have no
# end that could be waited for.
OWN = ("/thumbnail", "/original", STREAMS)
PAGE = ("/", "/favicon.ico")
BELOW_PAGE = "/page/"


class Heads:
    """The layer that answers HEAD as GET, without the body.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or has_own(scope["path"]):
            await self._app(scope, receive, send)
            return
        # A copy: the connection has to know that no body may follow.
        asked = {**scope, "method": "GET"}

        async def headed(message: Message) -> None:
            is_body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if is_body else message)

        try:
            await self._app(asked, receive, headed)
        finally:
            if "route" in asked:  # for the layers around, which count by routes
                scope["route"] = asked["route"]


def has_own(path: str) -> bool:
    """Tell whether a route answers HEAD itself, or must not."""
    return path.endswith(OWN) or path in PAGE or path.startswith(BELOW_PAGE)
