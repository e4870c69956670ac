"""Pictures from addresses that a query names: public ones only, and nothing but pictures.

The name is resolved once, every address that it has is checked, and the connection goes
to a checked address, so that a name which changes in between changes nothing. Redirects
are checked as the first address was. Nothing of the environment is used: no proxies, no
cookies, no passwords.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from lookalike.errors import ImageOutOfReach, ImageUnreadable, UsageError
from lookalike.server.safety.addresses import is_public

if TYPE_CHECKING:
    from lookalike.server.settings import Limits

__all__ = ["Place", "fetch_picture", "place_of"]

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PORTS = {"http": 80, "https": 443}
OPEN_PORTS = frozenset({80, 443, 8080, 8443})
MOST_URL = 2000
MOST_HEAD_BYTES = 64 * 1024
READ_BYTES = 64 * 1024
# Whitespace, controls and the like have no place in an address; some libraries drop them.
ODD = re.compile(r"[\x00-\x20\x7f-\x9f\\<>\"^`{|}]")
# Fetched for all askers together: each may bring as much as a large picture has.
MOST_AT_ONCE = 32
under_way: set[object] = set()
# An asker that names a slow address holds one of these, and nothing that others need.
RESOLVERS = ThreadPoolExecutor(4, thread_name_prefix="resolving")

# A name and a port to the addresses that the name has.
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is said to be.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The name, in ASCII.
        port: The port.
        target: Path and query.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the ``Host`` header says."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"


@dataclass(slots=True)
class Answer:
    """What came back, as the parser tells it.

    Attributes:
        most_bytes: Of the body.
    """

    most_bytes: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    has_head: bool = False
    is_whole: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the body changes nothing of what was said before."""
        if not self.has_head:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Know that the body comes next."""
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body."""
        self.body += data
        if len(self.body) > self.most_bytes:
            raise ImageUnreadable(too_large(self.most_bytes))

    def on_message_complete(self) -> None:
        """Know that this was all."""
        self.is_whole = True


async def resolve(host: str, port: int) -> list[str]:
    """Look up the addresses of a name."""
    loop = asyncio.get_running_loop()
    look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(RESOLVERS, look)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def fetch_picture(
    url: str,
    limits: Limits,
    *,
    resolve: Resolve = resolve,
    allows: Callable[[str], bool] = is_public,
    ports: frozenset[int] = OPEN_PORTS,
) -> bytes:
    """Fetch a picture from a public address.

    Args:
        url: Where it is said to be.
        limits: How large it may be, and how long it may take.
        resolve: Looks names up; tests have their own.
        allows: Tells whether an address may be connected to.
        ports: Those that may be connected to.

    Returns:
        The bytes of a file that begins as a picture does.

    Raises:
        UsageError: It is no address of the public web.
        ImageOutOfReach: It cannot be had from there, or not in time, or too many are
            being fetched.
        ImageUnreadable: What is there is no picture, or too large.
    """
    if len(under_way) >= MOST_AT_ONCE:
        raise ImageOutOfReach(
            f"The picture at {shown(url)} is not fetched now, since {MOST_AT_ONCE} others are: "
            "try again in a moment."
        )
    mine = object()
    under_way.add(mine)
    try:
        fetching = follow(url, limits, resolve, allows, ports)
        return await asyncio.wait_for(fetching, limits.url_s)
    except asyncio.TimeoutError as error:
        raise ImageOutOfReach(
            f"The picture at {shown(url)} was not here within {limits.url_s:g} s: fetch it "
            "yourself and send the file."
        ) from error
    finally:
        under_way.discard(mine)


async def follow(
    url: str,
    limits: Limits,
    resolve: Resolve,
    allows: Callable[[str], bool],
    ports: frozenset[int],
) -> bytes:
    """Ask, and go where redirects lead, each checked anew."""
    for _ in range(MOST_REDIRECTS + 1):
        place = place_of(url, ports)
        addresses = await checked_addresses(place, resolve, allows)
        status, answer = await ask(place, addresses, limits)
        if status not in REDIRECTS:
            return picture_of(url, status, answer)
        if "location" not in answer.headers:
            raise ImageOutOfReach(f"{shown(url)} leads on, but does not say where to.")
        url = urljoin(url, answer.headers["location"])
    raise ImageOutOfReach(
        f"{shown(url)} is where more than {MOST_REDIRECTS} redirects led: name the address of the "
        "picture itself."
    )


def place_of(url: str, ports: frozenset[int] = OPEN_PORTS) -> Place:
    """Take an address apart.

    Raises:
        UsageError: It is none of the web, has a password, or an unusual port.
    """
    if len(url) > MOST_URL or ODD.search(url):
        raise refused(url, "it is too long or has characters that no address has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        name = (host or "").rstrip(".")
        # As browsers read it: full-width digits and dots become plain ones.
        name = name if ":" in name else name.encode("idna").decode("ascii").lower()
    except (ValueError, UnicodeError):
        raise refused(url, "it cannot be read") from None
    if parts.scheme not in PORTS or not name:
        raise refused(url, "it begins with neither http:// nor https://")
    if "@" in parts.netloc:
        raise refused(url, "it has a name or a password in it")
    number = PORTS[parts.scheme] if port is None else port
    if number not in ports:
        raise refused(url, f"its port is {number}, and only usual ones are asked")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(parts.scheme, name, number, in_ascii(target))


def in_ascii(target: str) -> str:
    """Write what is not ASCII as browsers do."""
    return "".join(
        letter if letter.isascii() else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8"))
        for letter in target
    )


async def checked_addresses(
    place: Place, resolve: Resolve, allows: Callable[[str], bool]
) -> list[str]:
    """Look a name up, and refuse it if any of its addresses is not public.

    Raises:
        UsageError: One is not, or there is none: which of the two is not told, since it
            would tell which names the network inside has.
    """
    try:
        addresses = await resolve(place.host, place.port)
    except (OSError, UnicodeError):
        addresses = []
    if not addresses or not all(allows(address) for address in addresses):
        raise UsageError(
            f"Nothing is fetched from {place.host!r:.80}: it has no address, or one that is not "
            "public."
        )
    return addresses


async def ask(place: Place, addresses: list[str], limits: Limits) -> tuple[int, Answer]:
    """Ask one of the addresses, the first that can be reached.

    Raises:
        ImageOutOfReach: None can, or the answer breaks off.
    """
    import httptools

    answer = Answer(limits.max_url_bytes)
    parser = httptools.HttpResponseParser(answer)
    reader, writer = await connected(place, addresses)
    try:
        writer.write(request_of(place))
        received = 0
        while not answer.is_whole:
            data = await reader.read(READ_BYTES)
            if not data:
                break
            received += len(data)
            parser.feed_data(data)
            # Headers, and what stands between the pieces of a body and after it.
            if received > MOST_HEAD_BYTES + 2 * len(answer.body):
                raise ImageOutOfReach(
                    f"The server {place.host!r:.80} answers with endless headers."
                )
            if answer.has_head and parser.get_status_code() != 200:
                break  # whatever it says there is no picture
        require_whole(place, answer, parser.get_status_code() if answer.has_head else 0)
        return parser.get_status_code(), answer
    except (OSError, httptools.HttpParserError) as error:
        # What is raised inside the parser's callbacks comes out wrapped.
        if isinstance(error.__context__, ImageUnreadable):
            raise error.__context__ from None
        raise out_of_reach(place) from error
    finally:
        writer.transport.abort()


def require_whole(place: Place, answer: Answer, status: int) -> None:
    """Refuse half a picture.

    Raises:
        ImageOutOfReach: The answer broke off.
    """
    has_end = "content-length" in answer.headers or "transfer-encoding" in answer.headers
    if not answer.has_head or (status == 200 and has_end and not answer.is_whole):
        raise out_of_reach(place)


async def connected(
    place: Place, addresses: list[str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to an address that was checked; certificates are of the name.

    Raises:
        ImageOutOfReach: None of them can be connected to.
    """
    # Reading all authorities takes a while.
    is_safe = place.scheme == "https"
    context = await asyncio.to_thread(ssl.create_default_context) if is_safe else None
    named = place.host if context is not None else None
    failure: Exception | None = None
    for address in addresses[:4]:
        try:
            return await asyncio.open_connection(
                address, place.port, ssl=context, server_hostname=named
            )
        except OSError as error:  # TLS errors are such, too
            failure = error
    raise out_of_reach(place) from failure


def request_of(place: Place) -> bytes:
    """Write the request."""
    lines = [
        f"GET {place.target} HTTP/1.1",
        f"Host: {place.authority}",
        "User-Agent: lookalike",
        "Accept: image/*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def picture_of(url: str, status: int, answer: Answer) -> bytes:
    """Return what came, if it is a picture.

    Raises:
        ImageOutOfReach: The server has none there.
        ImageUnreadable: It is something else.
    """
    if status != 200:
        raise ImageOutOfReach(f"{shown(url)} answers {status}: look whether a picture is there.")
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if not kind.startswith("image/") or coding != "identity":
        raise ImageUnreadable(
            f"{shown(url)} is no picture, but {kind[:60] or 'of no kind that is told'!r}."
        )
    data = bytes(answer.body)
    from lookalike.images.formats import format_of

    try:
        format_of(data[:512])
    except ImageUnreadable as error:
        raise ImageUnreadable(f"{shown(url)} calls itself a picture, but {error}.") from None
    return data


def refused(url: str, why: str) -> UsageError:
    """Say why an address is not asked."""
    return UsageError(
        f"The address {shown(url)} is not asked ({why}): name an address of the public web."
    )


def out_of_reach(place: Place) -> ImageOutOfReach:
    """Say that an address does not answer."""
    return ImageOutOfReach(
        f"The server {place.host!r:.80} cannot be reached, or breaks off: fetch the picture "
        "yourself and send the file."
    )


def too_large(most_bytes: int) -> str:
    """Say how large a picture may be."""
    return (
        f"The picture at the address is larger than {most_bytes / 2**20:,.4g} MiB: send it smaller."
    )


def shown(url: str) -> str:
    """Write an address for a sentence, short and without what could break a line."""
    return ascii(url if len(url) <= 120 else f"{url[:119]}...")
