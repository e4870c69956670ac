"""A web server on a free port of this machine, as a base for those that tests need."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class LoopbackAnswers(BaseHTTPRequestHandler):
    """Answers without a log, and with a body that can break off."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self.answer(200, b"")

    def do_GET(self) -> None:
        self.get(urlsplit(self.path).path)

    def get(self, path: str) -> None:
        raise NotImplementedError

    def answer(self, status: int, body: bytes) -> None:
        raise NotImplementedError

    def give(
        self, status: int, headers: dict[str, str], body: bytes, *, breaks_after: int | None = None
    ) -> None:
        """Send an answer; where it is longer than ``breaks_after``, hang up in its middle."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if breaks_after is not None and len(body) > breaks_after:
            self.wfile.write(body[:breaks_after])
            self.wfile.flush()
            self.connection.shutdown(2)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def wanted_start(self, noted: list[str]) -> int:
        """Note the range that is asked for, and return its first byte."""
        wanted = self.headers.get("Range")
        if not wanted:
            return 0
        noted.append(wanted)
        return int(wanted.removeprefix("bytes=").partition("-")[0])


@contextmanager
def answering(answers: type[LoopbackAnswers]) -> Iterator[str]:
    """Serve on a free port; gives the server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
