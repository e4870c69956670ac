"""Names that this server answers to, and pages of other servers that may ask it.

A page of another server can make its reader's browser send requests here. Browsers say
so, in ``Origin`` and ``Sec-Fetch-Site``, and then nothing is answered. A page whose own
name was made to point at this machine (DNS rebinding) is told by ``Host``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import Response

from lookalike.errors import UsageError
from lookalike.server.problems import problem_answer
from lookalike.server.safety.access import header_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lookalike.server.settings import ServerSettings

__all__ = ["Origins", "is_own_name", "origin_of"]

PORTS = {"http": 80, "https": 443}
LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})
WHOLE_MACHINE = frozenset({"", "0.0.0.0", "::"})
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")

# What a page of an origin that was let in may send and see.
METHODS = "GET, HEAD, POST, DELETE"
REQUEST_HEADERS = "authorization, content-type, if-none-match, if-range, range, last-event-id"
ANSWER_HEADERS = "content-disposition, content-range, etag, location, retry-after"
PREFLIGHT_S = 600


class Origins:
    """The layer that answers to known names and known pages only.

    Args:
        app: What answers.
        settings: Of the server.

    Raises:
        UsageError: An origin or a name makes no sense.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings) -> None:
        self._app = app
        self._origins = frozenset(origin_of(text) for text in settings.origins)
        own = {settings.host, *settings.hosts} - WHOLE_MACHINE
        self._names = frozenset(plain_name(name) for name in own)
        # With tokens a foreign name is of no use to anybody, unless names were given.
        self._is_any_name = settings.tokens_file is not None and not settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        origin = header_of(scope, b"origin")
        if origin is None or is_same(origin, scope):
            refusal = self._host_refusal(scope) or self._site_refusal(scope, origin)
            await (refusal or self._app)(scope, receive, send)
        elif origin in self._origins:
            await self._answer_page(origin, scope, receive, send)
        else:
            await (self._host_refusal(scope) or foreign())(scope, receive, send)

    async def _answer_page(self, origin: str, scope: Scope, receive: Receive, send: Send) -> None:
        if refusal := self._host_refusal(scope):
            await refusal(scope, receive, send)
            return
        is_preflight = header_of(scope, b"access-control-request-method") is not None
        if scope["method"] == "OPTIONS" and is_preflight:
            await preflight(origin)(scope, receive, send)
            return

        # SameSite does not keep the cookie back where both servers have one domain.
        scope["headers"] = [item for item in scope["headers"] if item[0] != b"cookie"]

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), *page_headers(origin)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, opened)

    def _host_refusal(self, scope: Scope) -> Response | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 or (not hosts and scope.get("http_version") == "1.0"):
            name = host_name(hosts[0].decode("latin-1")) if hosts else "localhost"
            if name is not None and (self._is_any_name or is_own_name(name, self._names)):
                return None
        said = (
            "The request was meant for another name than this server's: ask for localhost, or "
            "start the server with --host-name and the name."
        )
        return problem_answer(421, "unknown-host", "This server has another name", said)

    def _site_refusal(self, scope: Scope, origin: str | None) -> Response | None:
        site = header_of(scope, b"sec-fetch-site")
        if origin is not None or site in {None, "same-origin", "none"}:
            return None
        is_link = (
            scope["method"] in {"GET", "HEAD"}
            and header_of(scope, b"sec-fetch-mode") == "navigate"
            and header_of(scope, b"sec-fetch-dest") == "document"
        )
        # Whoever follows a link to this server sees the answer; the page it stood on does not.
        return None if is_link else foreign()


def foreign() -> Response:
    """Refuse a page of another server."""
    return problem_answer(
        403,
        "foreign-page",
        "A page of another server asked",
        "A page of another server asked, and none may: start this server with --origin and the "
        "page's origin to let it.",
        headers={"Vary": "Origin"},
    )


def preflight(origin: str) -> Response:
    """Tell a browser what a page that was let in may send."""
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(PREFLIGHT_S),
        "Vary": "Origin",
    }
    return Response(status_code=204, headers=allowed)


def page_headers(origin: str) -> list[tuple[bytes, bytes]]:
    """Let a page see an answer. Never with credentials: such pages send a token."""
    return [
        (b"access-control-allow-origin", origin.encode("ascii")),
        (b"access-control-expose-headers", ANSWER_HEADERS.encode("ascii")),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"vary", b"Origin"),
    ]


def is_same(origin: str, scope: Scope) -> bool:
    """Tell whether an origin is this server's own, by the name that it was asked under.

    A proxy may speak https to the browser where http arrives here, never the other way
    round: then somebody on the line made the page. Where one says a port and the other
    does not, the usual port of the scheme counts.
    """
    host = header_of(scope, b"host") or ""
    try:
        theirs = urlsplit(origin)
        name, usual = host_name(theirs.netloc), PORTS.get(theirs.scheme)
        return (
            None not in {name, usual}
            and not (scope["scheme"] == "https" and theirs.scheme == "http")
            and name == host_name(host)
            and (theirs.port or usual) == (urlsplit(f"//{host}").port or usual)
        )
    except ValueError:
        return False


def origin_of(text: str) -> str:
    """Read an origin that may ask, as browsers write it.

    Raises:
        UsageError: It is none: a star, for example.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    name = host_name(parts.netloc)
    is_bare = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in PORTS or name is None or not is_bare:
        raise UsageError(
            f"The origin {text!r} is none: write scheme, name and port as in "
            "https://photos.example.org; a star is not taken."
        )
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}" + ("" if port in {None, PORTS[parts.scheme]} else f":{port}")


def plain_name(text: str) -> str:
    """Read a name of this server.

    Raises:
        UsageError: It is none.
    """
    name = host_name(f"[{text}]" if text.count(":") > 1 and "[" not in text else text)
    if name is None:
        raise UsageError(
            f"{text!r} is no name of a server: write it as in photos.example.org, without scheme."
        )
    return name


def host_name(header: str) -> str | None:
    """Return the name in a ``Host`` header, without port and final dot; None for nonsense."""
    if not header.isprintable() or " " in header or "@" in header:
        return None  # some of which is left out below
    try:
        parts = urlsplit(f"//{header}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.path or parts.query or parts.fragment:
        return None
    name = name.removesuffix(".")
    return name if ":" in name or NAME.fullmatch(name) else None


def is_own_name(name: str, names: frozenset[str]) -> bool:
    """Tell whether a name is this server's: of the loopback, or given."""
    if name in names or name in LOCAL_NAMES or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
