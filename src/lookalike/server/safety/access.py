"""Who asks, what they may do, and how often."""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookalike.server.problems import Problem, answer_of, of_status, problem_answer
from lookalike.server.safety.rate import DEFAULT_RATE, Buckets, address_key, retry_after
from lookalike.server.safety.sessions import Sessions, cookie_name, cookie_of
from lookalike.server.safety.stopping import STREAMS
from lookalike.server.safety.tokens import TokenEntry, TokenFile

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from lookalike.server.settings import ServerSettings

__all__ = [
    "ACCESS",
    "Access",
    "Doorkeeper",
    "Keeping",
    "access_of",
    "client_of",
    "header_of",
    "no_gallery",
]

# Where the layers leave what they found out.
ACCESS = "lookalike.access"

UNKNOWN_TOKEN = (
    "The token is not known to this server, or it was removed: ask who runs the server for another."
)

# What is answered to everybody: life signs, signing in, and the files of the page.
OPEN = frozenset({"/", "/healthz", "/readyz", "/session", "/favicon.ico"})
OPEN_BELOW = "/page/"

# Asking with a body is still asking. Whatever is not named here and is no GET changes something.
ASKING = re.compile(r"/api/v1/galleries/[^/\s]+/(search|search/batch|export)")
READING = frozenset({"GET", "HEAD", "OPTIONS"})

# What costs next to nothing is counted as a tenth.
LIGHT = re.compile(r".*/thumbnail|/page/.*|/|/favicon\.ico|/healthz|/readyz")
LIGHT_WEIGHT = 0.1
# A wrong token counts for more: whoever tries them is slowed down.
WRONG_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and what they may do: in ``scope["lookalike.access"]``.

    Attributes:
        name: Of the token; empty where none was shown.
        can_read: Whether questions are answered.
        can_write: Whether changes are allowed.
        is_local: Whether it is the command line of the server's own user, which may
            name files of this machine.
        galleries: The names of those that are there for the asker; None for all.
    """

    name: str = ""
    can_read: bool = True
    can_write: bool = True
    is_local: bool = False
    galleries: frozenset[str] | None = None

    @property
    def has_none(self) -> bool:
        """Whether no gallery is there for the asker."""
        return self.galleries is not None and not self.galleries


NOBODY = Access(can_read=False, can_write=False)


def access_of(scope: Scope) -> Access:
    """Return what was found out about the asker of a request."""
    found: Access = scope.get(ACCESS, NOBODY)
    return found


class Doorkeeper:
    """Knows the tokens, the sessions and the buckets of a server.

    Args:
        settings: Of the server.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._local_token = settings.local_token
        self._is_writable = not settings.read_only
        self._served = frozenset(settings.galleries)
        self.tokens = None if settings.tokens_file is None else TokenFile(settings.tokens_file)
        self.sessions = Sessions()
        rate = settings.rate
        if rate is None and self.needs_token:
            rate = DEFAULT_RATE
        self.buckets = None if rate is None else Buckets(rate)

    @property
    def needs_token(self) -> bool:
        """Whether a token is asked for."""
        return self.tokens is not None

    @property
    def is_writable(self) -> bool:
        """Whether anything can be changed by anybody."""
        return self._is_writable

    def identify(self, scope: Scope) -> Access:
        """Find out who asks: by the token, else by the session."""
        token = bearer_of(scope)
        if token is not None and self._is_local(token, scope):
            return Access("local", can_write=self._is_writable, is_local=True)
        if self.tokens is None:
            return Access(can_write=self._is_writable)
        entry = self.tokens.find(token) if token is not None else self._of_session(scope)
        return NOBODY if entry is None else self.allowed(entry)

    def allowed(self, entry: TokenEntry) -> Access:
        """Say what a token allows."""
        can_write = entry.can_write and self._is_writable
        bound = None if entry.galleries is None else self._served.intersection(entry.galleries)
        return Access(entry.name, can_write=can_write, galleries=bound)

    def charge(self, scope: Scope) -> None:
        """Let a wrong token cost more than another request."""
        if self.buckets is not None:
            self.buckets.charge(asker_of(scope, NOBODY), WRONG_WEIGHT)

    def _is_local(self, token: str, scope: Scope) -> bool:
        if self._local_token is None or not is_loopback(client_of(scope)):
            return False
        sent, known = (text.encode("utf-8", "replace") for text in (token, self._local_token))
        return hmac.compare_digest(sent, known)

    def _of_session(self, scope: Scope) -> TokenEntry | None:
        identity = session_cookie(scope)
        digest = None if identity is None else self.sessions.token_of(identity)
        if digest is None or self.tokens is None:
            return None
        # Looked up each time: a session ends with its token.
        return self.tokens.with_digest(digest)


class Keeping:
    """The layer that lets in, counts and refuses.

    Args:
        app: What answers.
        keeper: Knows who may.
    """

    def __init__(self, app: ASGIApp, keeper: Doorkeeper) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        access = scope[ACCESS] = self._keeper.identify(scope)
        refusal = self._too_often(scope, access) or self._refusal(scope, access)
        if self._keeper.needs_token and scope["path"].endswith(STREAMS):
            send = self._while_known(scope, access, send)
        await (self._app if refusal is None else refusal)(scope, receive, send)

    def _while_known(self, scope: Scope, access: Access, send: Send) -> Send:
        """Let a stream go on for as long as its asker would be let in anew, to the same."""
        is_over = False

        async def passed(message: Message) -> None:
            nonlocal is_over
            if is_over:
                return
            if message["type"] == "http.response.body":
                now = self._keeper.identify(scope)
                is_over = not now.can_read or now.galleries != access.galleries
            await send({"type": "http.response.body", "body": b""} if is_over else message)

        return passed

    def _too_often(self, scope: Scope, access: Access) -> Response | None:
        buckets = self._keeper.buckets
        if buckets is None:
            return None
        asker = asker_of(scope, access)
        wait_s = buckets.take(asker, LIGHT_WEIGHT if LIGHT.fullmatch(scope["path"]) else 1.0)
        if wait_s:
            seconds = retry_after(wait_s)
            return problem_answer(
                429,
                "too-many-requests",
                "Too many requests",
                f"More requests came than one asker may send: wait {seconds} s.",
                error="ServerError",
                headers={"Retry-After": seconds},
            )
        if not access.can_read and bearer_of(scope) is not None:
            self._keeper.charge(scope)
        return None

    def _refusal(self, scope: Scope, access: Access) -> Response | None:
        if is_open(scope["path"]):
            return None
        if not access.can_read:
            return self._unknown(scope)
        if access.has_none:
            return answer_of(no_gallery(access))
        if access.can_write or is_reading(scope["method"], scope["path"]):
            return None
        if not self._keeper.is_writable:
            said = "This server only answers questions (--read-only): nothing can be changed here."
            return problem_answer(
                403, "read-only", "Nothing can be changed here", said, error="GalleryReadOnly"
            )
        said = (
            f"The token {access.name!r} may only ask, and this would change something: "
            "use one that was made with --scope write."
        )
        return problem_answer(403, "scope", "The token does not allow this", said)

    def _unknown(self, scope: Scope) -> Response:
        is_wrong = bearer_of(scope) is not None
        said = (
            UNKNOWN_TOKEN
            if is_wrong
            else "This server wants a token: send it as 'Authorization: Bearer TOKEN', or sign in."
        )
        challenge = 'Bearer realm="lookalike"' + (', error="invalid_token"' if is_wrong else "")
        return answer_of(of_status(401, said, {"WWW-Authenticate": challenge}))


def no_gallery(access: Access) -> Problem:
    """Say that a token is for galleries that are not served here."""
    return Problem(
        403,
        "The token is for no gallery of this server",
        f"The token {access.name!r} is for other galleries than those that are served here: ask "
        "who runs the server for another.",
        slug="no-gallery",
        error="AccessDenied",
    )


def asker_of(scope: Scope, access: Access) -> str:
    """Name whose bucket a request is taken from."""
    return f"name {access.name}" if access.name else address_key(client_of(scope))


def is_open(path: str) -> bool:
    """Tell whether a path is answered to everybody."""
    return path in OPEN or (path.startswith(OPEN_BELOW) and "/../" not in f"{path}/")


def is_reading(method: str, path: str) -> bool:
    """Tell whether a request changes nothing."""
    return method in READING or (method == "POST" and ASKING.fullmatch(path) is not None)


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return a header, the first of its name."""
    headers: Any = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), None)


def bearer_of(scope: Scope) -> str | None:
    """Return the token of the ``Authorization`` header."""
    kind, _, token = (header_of(scope, b"authorization") or "").strip().partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def session_cookie(scope: Scope) -> str | None:
    """Return what the session's cookie holds."""
    cookies = header_of(scope, b"cookie")
    return cookie_of(cookies, cookie_name(port_of(scope))) if cookies else None


def port_of(scope: Scope) -> int | None:
    """Return the port that a request came to."""
    server = scope.get("server")
    return server[1] if server else None


def client_of(scope: Scope) -> str:
    """Return the address of the asker; of a proxy's asker where a proxy of this machine tells."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_loopback(address: str) -> bool:
    """Tell whether an address is of this machine itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)
