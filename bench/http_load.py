"""Many clients in one process, so lean that they take little from the server they ask.

Plain HTTP/1.1 over kept connections, written by hand: requests are bytes that are made
before, and of an answer only status and length are read.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Asking", "Load", "form_request", "json_request", "load", "one_by_one", "request"]

TIMEOUT_S = 60.0


def request(
    method: str, path: str, body: bytes = b"", kind: str = "", *, headers: str = ""
) -> bytes:
    """Write a request; further headers end each with a line's end."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
    if body or method == "POST":
        head += f"Content-Length: {len(body)}\r\n"
    if kind:
        head += f"Content-Type: {kind}\r\n"
    return head.encode() + b"\r\n" + body


def json_request(path: str, value: object) -> bytes:
    """Write a request with JSON."""
    return request("POST", path, json.dumps(value).encode(), "application/json")


def form_request(path: str, files: Sequence[tuple[str, bytes]]) -> bytes:
    """Write a request with pictures: names and bytes."""
    mark = uuid.uuid4().hex
    body = b""
    for name, data in files:
        head = f'form-data; name="picture"; filename="{name}"'
        body += f"--{mark}\r\nContent-Disposition: {head}\r\n".encode()
        body += b"Content-Type: image/jpeg\r\n\r\n" + data + b"\r\n"
    return request(
        "POST", path, body + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"
    )


@dataclass(slots=True)
class Load:
    """What came of many requests.

    Attributes:
        seconds: How long each took.
        errors: What went wrong, in words.
        wall_s: From the first to the last.
    """

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall_s if self.wall_s else 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the requests stayed below."""
        ordered = sorted(self.seconds)
        if not ordered:
            return float("nan")
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def is_error(status: int) -> bool:
    """Tell whether an answer is none that was hoped for."""
    return status >= 300 and status != 304


class Asking:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, port: int) -> Asking:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, sent: bytes) -> tuple[int, bytes]:
        """Send a request, and read status and body."""
        self._writer.write(sent)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if status == 304:  # without a body, and without a length
            return status, b""
        lowered = head.lower()
        place = lowered.index(b"content-length:") + 15
        length = int(lowered[place : lowered.index(b"\r\n", place)])
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def load(
    port: int,
    requests: Iterator[bytes],
    *,
    clients: int,
    seconds: float | None = None,
    count: int | None = None,
    on_count: Callable[[int], None] | None = None,
) -> Load:
    """Ask with many clients, each its next request when its last was answered.

    Args:
        port: Of the server.
        requests: What is asked, without end.
        clients: How many ask at the same time.
        seconds: For so long, unless ``count`` says how often.
        count: So often.
        on_count: Called with the number of answers so far, after each.
    """
    done = Load()
    start = time.perf_counter()
    until = None if seconds is None else start + seconds
    begun = 0

    async def client() -> None:
        nonlocal begun
        connection = await Asking.opened(port)
        try:
            while (until is None or time.perf_counter() < until) and (
                count is None or begun < count
            ):
                begun += 1
                sent = next(requests)
                asked = time.perf_counter()
                status, body = await asyncio.wait_for(connection.ask(sent), TIMEOUT_S)
                done.seconds.append(time.perf_counter() - asked)
                if is_error(status):
                    done.errors.append(f"{status} {body[:200]!r}")
                if on_count is not None:
                    on_count(len(done.seconds))
        except Exception as error:
            done.errors.append(repr(error))
        finally:
            connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    done.wall_s = time.perf_counter() - start
    return done


async def one_by_one(port: int, requests: Sequence[bytes]) -> tuple[Load, list[bytes]]:
    """Ask with one client; give the answers, too."""
    done, bodies = Load(), []
    connection = await Asking.opened(port)
    start = time.perf_counter()
    for sent in requests:
        asked = time.perf_counter()
        status, body = await asyncio.wait_for(connection.ask(sent), TIMEOUT_S)
        done.seconds.append(time.perf_counter() - asked)
        bodies.append(body)
        if is_error(status):
            done.errors.append(f"{status} {body[:200]!r}")
    done.wall_s = time.perf_counter() - start
    connection.close()
    return done, bodies
