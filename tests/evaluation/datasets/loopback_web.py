"""A web server on this machine: pages, redirects, ranges, and the ways in which servers fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from loopback import LoopbackAnswers, answering


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


class Answers(LoopbackAnswers):
    web: Web

    def get(self, path: str) -> None:
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
        start = self.wanted_start(self.web.ranges) if self.web.knows_ranges else 0
        if start and start >= len(data):
            self.answer(416, b"")
        else:
            self.answer(206 if start else 200, data[start:])

    def answer(self, status: int, body: bytes, *, location: str = "") -> None:
        headers = {"Location": location} if location else {}
        if kind := self.web.types.get(urlsplit(self.path).path):
            headers["Content-Type"] = kind
        self.give(status, headers, body, breaks_after=self.web.breaks_after)


@contextmanager
def running_web() -> Iterator[Web]:
    """Serve on a free port of this machine."""

    class WebAnswers(Answers):
        """Those of this web."""

    with answering(WebAnswers) as address:
        WebAnswers.web = Web(address)
        yield WebAnswers.web
