"""Pictures from addresses: which are asked, what is taken, and what never is."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("httptools")

from lookalike.errors import ImageOutOfReach, ImageUnreadable, LookalikeError, UsageError
from lookalike.server.safety import fetching
from lookalike.server.safety.addresses import is_public
from lookalike.server.safety.fetching import fetch_picture, place_of, resolve
from lookalike.server.settings import Limits

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
OK = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n"


def answer(body: bytes = PNG, kind: str = "image/png", *lines: str) -> bytes:
    head = ["HTTP/1.1 200 OK", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *lines]
    return "".join(f"{line}\r\n" for line in (*head, "")).encode("latin-1") + body


def moved(place: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Web:
    """A server on the loopback that plays the web: a path to what it answers."""

    port: int
    pages: dict[str, Any] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = Web(listener.getsockname()[1])
        threading.Thread(target=serve_web, args=(listener, here), daemon=True).start()
        yield here


def serve_web(listener: socket.socket, here: Web) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve_one, args=(line, here), daemon=True).start()


def serve_one(line: socket.socket, here: Web) -> None:
    with line:
        try:
            asked = line.recv(65536)
            here.asked.append(asked)
            page = here.pages.get(asked.split(b" ")[1].decode(), b"") if b"HTTP" in asked else b""
            if callable(page):
                page(line)
            else:
                line.sendall(page)
        except OSError:
            return


def names(table: Mapping[str, list[str]]) -> Callable[..., Any]:
    """Look names up in a table; each look takes the first answer of several."""
    left = {name: list(addresses) for name, addresses in table.items()}

    async def look(host: str, port: int) -> list[str]:
        if host not in left:
            raise socket.gaierror("unknown")
        found = left[host]
        return [found.pop(0)] if len(found) > 1 and isinstance(found[0], str) else list(found)

    return look


def fetch(web: Web, url: str, limits: Limits | None = None, **settings: Any) -> bytes:
    """Fetch from the server that plays the web: its one address is allowed, no other."""
    given = {
        "resolve": names({"web.example": ["127.0.0.1"]}),
        "allows": lambda address: address == "127.0.0.1",
        "ports": frozenset({80, 443, web.port}),
        **settings,
    }
    url = url.replace("PORT", str(web.port))
    return asyncio.run(fetch_picture(url, limits or Limits(url_s=60), **given))


# --- addresses

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255",
    "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.170.2",
    "100.64.0.1", "100.100.100.200", "100.127.255.255", "192.0.0.192", "192.0.0.8", "192.0.2.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1",
    "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "ff02::1",
    "ff0e::1", "2001:db8::1", "2001::1", "2001:0:7f00:1::", "2002:7f00:1::", "2002:808:808::",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "3fff::1",
    "2606:4700::200:5efe:a00:1", "2606:4700::5efe:127.0.0.1", "4000::1", "nonsense", "",
    "1.2.3", "0x7f.1", "2130706433",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255",
    "172.32.0.0", "169.253.0.1", "192.167.0.1", "223.255.255.255", "2606:4700::1111",
    "2a00:1450::1", "64:ff9b::808:808",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_never_asked(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_asked(address):
    assert is_public(address)


def test_the_address_of_this_machine_itself_is_not_public(monkeypatch):
    from lookalike.server.safety import addresses

    class Asking:
        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Asking:
            return self

        def __exit__(self, *_: object) -> None: ...
        def connect(self, place: object) -> None: ...
        def getsockname(self) -> tuple[str, int]:
            return ("8.8.8.8", 1)

    monkeypatch.setattr(addresses.socket, "socket", Asking)
    assert not is_public("8.8.8.8")
    assert is_public("8.8.4.4")


# What people write to get inside; the system's own resolver reads the odd spellings.
INSIDE = [
    "http://127.0.0.1/", "http://localhost/", "http://localhost./", "http://LOCALHOST/",
    "http://0.0.0.0/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
    "http://[0:0:0:0:0:ffff:7f00:1]/", "http://0x7f.1/", "http://0x7f000001/",
    "http://2130706433/", "http://017700000001/", "http://127.1/", "http://127.0.1/",
    "http://0177.0.0.1/", "http://127.0.0.1./", "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/", "http://\uff11\uff12\uff17.0.0.1/", "http://ⓛocalhost/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
    "http://[fd00:ec2::254]/", "http://[fe80::1%25lo]/", "http://[::ffff:a9fe:a9fe]/",
    "http://10.0.0.1/", "http://192.168.1.1/", "http://[64:ff9b::127.0.0.1]/", "https://127.0.0.1/",
    "http://0/", "http://[::127.0.0.1]/", "http://[2002:7f00:1::]/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_nothing_inside_is_asked_however_it_is_spelled(url):
    with pytest.raises(UsageError):
        asyncio.run(fetch_picture(url, Limits(url_s=60)))


NONSENSE = [
    "", "file:///etc/passwd", "ftp://web.example/x", "gopher://web.example/", "data:image/png,x",
    "//web.example/x", "/etc/passwd", "http://", "http:///x", "http://user@web.example/",
    "http://user:pass@web.example/", "http://@web.example/", "http://web.example:22/",
    "http://web.example:0/", "http://web.example:99999/", "http://web.example:6379/",
    "http://web.example:25/", "http://web.example:x/", "http://web.example /",
    "http://web.example/\r\nHost: inside", "http://web.example/\n", "http://web.example\\@inside/",
    "http://web.example/<x>", "http://[::1", "http://a..b/", "http://" + "a" * 70 + ".example/",
    "http://web.example/" + "a" * 3000, "jar:http://web.example/", "javascript:alert(1)",
    "http://\u0000/", "\x00http://web.example/", "http://xn--/", "http://.../",
]  # fmt: skip


@pytest.mark.parametrize("url", NONSENSE)
def test_what_is_no_address_of_the_web_is_refused(url):
    async def unasked(host: str, port: int) -> list[str]:
        raise socket.gaierror("unknown")

    with pytest.raises(UsageError) as refused:
        asyncio.run(fetch_picture(url, Limits(), resolve=unasked))
    assert "\n" not in str(refused.value)
    assert "\x00" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_addresses_are_taken_apart():
    place = place_of("https://Bücher.Example.:8443/a b"[:-2] + "ä?q=ö#part")
    assert place.host == "xn--bcher-kva.example"
    assert place.authority == "xn--bcher-kva.example:8443"
    assert place.target == "/a%C3%A4?q=%C3%B6"
    assert place_of("http://web.example").target == "/"
    assert place_of("http://[2606:4700::1]/").authority == "[2606:4700::1]"


def test_one_private_address_among_public_ones_is_enough():
    async def both(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    with pytest.raises(UsageError, match="not public"):
        asyncio.run(fetch_picture("http://web.example/", Limits(), resolve=both))


def test_whether_a_name_inside_exists_is_not_told():
    told = set()
    for table in ({}, {"inside.example": ["10.0.0.1"]}, {"inside.example": []}):
        with pytest.raises(UsageError) as refused:
            asyncio.run(fetch_picture("http://inside.example/", Limits(), resolve=names(table)))
        told.add(str(refused.value))
    assert len(told) == 1


# --- what is taken


def test_a_picture_is_fetched(web):
    web.pages["/cat.png?size=2"] = answer()
    assert fetch(web, "http://web.example:PORT/cat.png?size=2#x") == PNG
    [asked] = web.asked
    assert asked.startswith(b"GET /cat.png?size=2 HTTP/1.1\r\n")
    assert f"Host: web.example:{web.port}\r\n".encode() in asked
    for word in (b"cookie", b"authorization", b"referer"):
        assert word not in asked.lower()


def test_proxies_of_the_environment_are_not_used(web, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    web.pages["/a"] = answer()
    assert fetch(web, "http://web.example:PORT/a") == PNG


@pytest.mark.parametrize(
    "page",
    [
        OK + b"Transfer-Encoding: chunked\r\n\r\n6c\r\n" + PNG + b"\r\n0\r\n\r\n",
        OK + b"\r\n" + PNG,  # until it closes
        b"HTTP/1.0 200 OK\r\ncontent-type: IMAGE/PNG; x=y\r\n\r\n" + PNG,
    ],
)
def test_every_way_to_send_a_body_is_read(web, page):
    web.pages["/a"] = page
    assert fetch(web, "http://web.example:PORT/a") == PNG


def test_redirects_are_followed(web):
    web.pages |= {
        "/a": moved("b"), "/b": moved(f"http://web.example:{web.port}/c", 308), "/c": moved("/d"),
        "/d": answer(),
    }  # fmt: skip
    assert fetch(web, "http://web.example:PORT/a") == PNG
    assert len(web.asked) == 4


def test_four_redirects_are_too_many(web):
    web.pages |= {f"/{n}": moved(f"/{n + 1}") for n in range(5)}
    with pytest.raises(ImageOutOfReach, match="more than 3 redirects"):
        fetch(web, "http://web.example:PORT/0")
    assert len(web.asked) == 4


@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.2/", "http://localhost/", "http://169.254.169.254/latest/", "http://[::1]/",
     "http://inside.example/", "//169.254.169.254/", "file:///etc/passwd", "http://a@web.example/",
     "http://web.example:22/", "gopher://web.example/", "http://0x7f.2/"],
)  # fmt: skip
def test_redirects_lead_nowhere_inside(web, place):
    web.pages["/a"] = moved(place)
    table = {"web.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"], "localhost": ["::1"]}

    async def look(host: str, port: int) -> list[str]:
        return table[host] if host in table else await resolve(host, port)

    with pytest.raises(UsageError):
        fetch(web, "http://web.example:PORT/a", resolve=look)
    assert len(web.asked) == 1


def test_a_name_that_changes_between_two_looks_changes_nothing(web):
    web.pages["/a"] = answer()
    looks = []

    async def changing(host: str, port: int) -> list[str]:
        looks.append(host)
        return ["127.0.0.1"] if len(looks) == 1 else ["127.0.0.66"]

    # The connection goes to the address that was checked: there is one look only.
    assert fetch(web, "http://web.example:PORT/a", resolve=changing) == PNG
    assert looks == ["web.example"]
    web.pages["/b"] = moved("/a")
    looks.clear()
    with pytest.raises(UsageError):
        fetch(web, "http://web.example:PORT/b", resolve=changing)
    assert len(looks) == 2


# --- what is not


def test_a_body_that_announces_too_much_or_never_ends_is_cut_off(web):
    web.pages["/announced"] = OK + b"Content-Length: 9999999\r\n\r\n" + PNG

    def endless(line: socket.socket) -> None:
        line.sendall(OK + b"\r\n" + PNG)
        while True:
            line.sendall(b"\0" * 65536)

    web.pages["/endless"] = endless
    limits = Limits(max_url_bytes=200_000, url_s=60)
    with pytest.raises(ImageUnreadable, match="larger than"):
        fetch(web, "http://web.example:PORT/endless", limits)
    with pytest.raises(ImageOutOfReach):
        fetch(web, "http://web.example:PORT/announced", limits)


def drips(head: bytes) -> Callable[[socket.socket], None]:
    def drip(line: socket.socket) -> None:
        line.sendall(head)
        for _ in range(1200):  # until nobody listens
            line.sendall(b"x")
            time.sleep(0.05)

    return drip


@pytest.mark.parametrize(
    "page",
    [drips(b"HTTP/1.1 200 "), drips(b"HTTP/1.1 200 OK\r\nX: "), drips(OK + b"\r\n"), time.sleep],
)
def test_a_slow_server_is_not_waited_for(web, page):
    ended = threading.Event()
    web.pages["/a"] = (lambda line: ended.wait(60)) if page is time.sleep else page
    with pytest.raises(ImageOutOfReach, match=r"within 0\.4 s"):
        fetch(web, "http://web.example:PORT/a", Limits(url_s=0.4))
    ended.set()


def test_a_slow_resolver_is_not_waited_for(web):
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(ImageOutOfReach, match="within"):
        fetch(web, "http://web.example:PORT/a", Limits(url_s=0.3), resolve=slow)


def test_an_endless_head_is_cut_off(web):
    def endless(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            line.sendall(b"X: " + b"x" * 1000 + b"\r\n")

    web.pages["/a"] = endless
    with pytest.raises(ImageOutOfReach, match="endless headers"):
        fetch(web, "http://web.example:PORT/a")


def test_headers_after_a_body_are_bounded_and_change_nothing(web):
    begun = OK + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(PNG) + PNG + b"\r\n0\r\n"

    def endless(line: socket.socket) -> None:
        line.sendall(begun)
        while True:
            line.sendall(b"X: " + b"x" * 1000 + b"\r\n")

    web.pages["/a"] = endless
    with pytest.raises(ImageOutOfReach, match="endless headers"):
        fetch(web, "http://web.example:PORT/a")
    web.pages["/b"] = begun + b"Content-Encoding: br\r\nContent-Type: text/html\r\n\r\n"
    assert fetch(web, "http://web.example:PORT/b") == PNG


def test_a_crowd_is_put_off(web, monkeypatch):
    monkeypatch.setattr(fetching, "MOST_AT_ONCE", 2)
    web.pages["/a"] = answer()
    looked = asyncio.Event()

    async def slow(host: str, port: int) -> list[str]:
        await looked.wait()
        return ["127.0.0.1"]

    async def crowd() -> list[Any]:
        settings = {"resolve": slow, "allows": lambda address: True, "ports": {web.port}}
        url = f"http://web.example:{web.port}/a"
        asking = [asyncio.ensure_future(fetch_picture(url, Limits(), **settings)) for _ in "abc"]
        await asyncio.sleep(0.05)
        looked.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    first, second, third = asyncio.run(crowd())
    assert first == second == PNG
    assert isinstance(third, ImageOutOfReach)
    assert "try again" in str(third)
    assert not fetching.under_way


@pytest.mark.parametrize("path", ["/search", "/search/batch"])
def test_one_request_cannot_send_the_server_to_many_places(serve, path):
    here = serve(allow_urls=True)
    query = {"parts": [{"url": f"http://127.0.0.1:{port}/"} for port in range(1, 10)]}
    sent = {"queries": [query]} if path.endswith("batch") else query
    refused = here.post(f"{here.base}{path}", sent)
    assert "addresses of 9 pictures, and 8 are fetched at most" in refused.body.decode()


def test_a_body_in_crumbs_is_bounded(web):
    def crumbs(line: socket.socket) -> None:
        line.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            line.sendall((b"1;" + b"x" * 1000 + b"\r\nx\r\n") * 50)

    web.pages["/a"] = crumbs
    with pytest.raises(ImageOutOfReach, match="endless headers"):
        fetch(web, "http://web.example:PORT/a")


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (answer(b"<html>", "text/html"), ImageUnreadable),
        (answer(PNG, "text/html"), ImageUnreadable),
        (answer(b"<html>hello</html>", "image/png"), ImageUnreadable),
        (answer(b"<svg xmlns='x'/>", "image/svg+xml"), ImageUnreadable),
        (answer(b"%PDF-1.7", "image/jpeg"), ImageUnreadable),
        (answer(b"", "image/png"), ImageUnreadable),
        (answer(PNG, "image/png", "Content-Encoding: gzip"), ImageUnreadable),
        (OK.replace(b"Content-Type: image/png\r\n", b"") + b"\r\n" + PNG, ImageUnreadable),
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: image/png\r\n\r\n" + PNG, ImageOutOfReach),
        (b"HTTP/1.1 500 No\r\n\r\n", ImageOutOfReach),
        (b"HTTP/1.1 206 Part\r\nContent-Type: image/png\r\n\r\n" + PNG, ImageOutOfReach),
        (b"HTTP/1.1 302 Moved\r\n\r\n", ImageOutOfReach),
        (OK + b"Content-Length: 500\r\n\r\n" + PNG, ImageOutOfReach),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n6c\r\n" + PNG, ImageOutOfReach),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ImageOutOfReach),
        (b"", ImageOutOfReach),
        (b"\x16\x03\x01\x00", ImageOutOfReach),
    ],
)  # fmt: skip
def test_what_is_no_whole_picture_is_refused(web, page, kind):
    web.pages["/a"] = page
    with pytest.raises(LookalikeError) as refused:
        fetch(web, "http://web.example:PORT/a")
    assert type(refused.value) is kind


def test_a_port_where_nobody_is_cannot_be_reached(web):
    with socket.socket() as taken:  # so that nobody else can have it, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ImageOutOfReach, match="cannot be reached"):
            fetch(web, f"http://web.example:{port}/", ports=frozenset({port}))


def test_the_next_address_is_tried(web):
    web.pages["/a"] = answer()

    async def two(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    got = fetch(web, "http://web.example:PORT/a", resolve=two, allows=lambda address: True)
    assert got == PNG


def test_certificates_are_checked_against_the_name(web, monkeypatch):
    seen = []
    real = asyncio.open_connection

    async def watched(host: str, port: int, **settings: Any) -> Any:
        seen.append((host, settings["server_hostname"], settings["ssl"]))
        return await real(host, port, **settings)

    monkeypatch.setattr(asyncio, "open_connection", watched)
    web.pages["/"] = answer()
    with pytest.raises(ImageOutOfReach):  # it speaks no TLS
        fetch(web, "https://web.example:PORT/")
    [(host, named, context)] = seen
    assert (host, named) == ("127.0.0.1", "web.example")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
