"""A web server on this machine: pages, redirects, ranges, and the ways in which servers fail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Web:
    """What the server gives, how it fails, and what it was asked."""

    address: str
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)  # answers before the page
    types: dict[str, str] = field(default_factory=dict)
    breaks_after: int | None = None
    knows_ranges: bool = True
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def count(self, path: str) -> int:
        return Counter(self.asked)[path]


class Answers(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self.answer(200, b"")

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.web.asked.append(path)
        if codes := self.web.codes.get(path):
            self.answer(codes.pop(0), b"")
        elif path in self.web.redirects:
            self.answer(302, b"", location=self.web.redirects[path])
        elif path in self.web.pages:
            self.send(self.web.pages[path])
        else:
            self.answer(404, b"")

    def send(self, data: bytes) -> None:
        wanted = self.headers.get("Range") if self.web.knows_ranges else None
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        if wanted:
            self.web.ranges.append(wanted)
        if wanted and start >= len(data):
            self.answer(416, b"")
        else:
            self.answer(206 if start else 200, data[start:])

    def answer(self, status: int, body: bytes, *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        if kind := self.web.types.get(urlsplit(self.path).path):
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = self.web.breaks_after
        if limit is not None and len(body) > limit:
            self.wfile.write(body[:limit])
            self.wfile.flush()
            self.connection.shutdown(2)
            self.close_connection = True
        else:
            self.wfile.write(body)


@contextmanager
def running_web() -> Iterator[Web]:
    """Serve on a free port of this machine."""
    handler = type("WebAnswers", (Answers,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    web = Web(f"http://127.0.0.1:{server.server_port}")
    handler.web = web  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
