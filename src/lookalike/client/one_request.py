"""One request to a server of this machine, within milliseconds.

Importing ``http.client`` takes longer than a query: this speaks just enough of
HTTP/1.1 (RFC 9112) to post JSON to a server that the user runs, and understands
nothing but the plain answer such a server gives.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

__all__ = ["NoAnswer", "TooSlow", "posted"]

CONNECT_S = 0.3
LARGEST_HEAD = 2**16
LARGEST_BODY = 2**28
BLOCK = 2**18


class NoAnswer(Exception):
    """The server did not answer as expected; the message says in a few words how."""


class TooSlow(NoAnswer):
    """The server did not answer in time."""


def posted(url: str, value: Any, *, token: str, timeout_s: float) -> dict[str, Any]:
    """Post JSON, and read the object that comes back with status 200.

    Args:
        url: Where, with ``http://`` and a port.
        value: What JSON can hold.
        token: Lets the asker in.
        timeout_s: How long the whole may take once it is connected.

    Raises:
        TooSlow: It did not come in time.
        NoAnswer: There is no such answer, whatever the reason.
    """
    try:
        body = json.dumps(value, allow_nan=False).encode("ascii")
        address = urlsplit(url)
        with connected(address.hostname or "", address.port or 80) as connection:
            deadline = time.monotonic() + timeout_s
            head = (
                f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nAccept: application/json\r\n"
                "Connection: close\r\n\r\n"
            )
            connection.settimeout(timeout_s)
            connection.sendall(head.encode("ascii") + body)
            told = json.loads(answer_body(connection, deadline))
    except TimeoutError as error:
        raise TooSlow("it took too long") from error
    except (OSError, ValueError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    if not isinstance(told, dict):
        raise NoAnswer("its answer is no object")
    return told


def connected(host: str, port: int) -> socket.socket:
    """Connect to an address of this machine.

    Looking a name up, as ``socket.create_connection`` does, imports the tables of
    international domain names first.

    Raises:
        OSError: Nobody listens there.
    """
    connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        connection.settimeout(CONNECT_S)
        connection.connect((host, port))
    except BaseException:
        connection.close()
        raise
    return connection


def answer_body(connection: socket.socket, deadline: float) -> bytes:
    """Read an answer of status 200 that says how long it is.

    Raises:
        NoAnswer: It is none.
        OSError: The connection broke, or it took too long.
    """
    head, _, body = up_to_body(connection, deadline).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = first.split(" ")[1:2]
    if not first.startswith("HTTP/1.") or status != ["200"]:
        raise NoAnswer(f"it answered {first!r:.60}")
    headers = dict(line.lower().split(":", 1) for line in lines if ":" in line)
    length = headers.get("content-length", "").strip()
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        raise NoAnswer("it does not say how long its answer is")
    blocks, missing = [body], int(length) - len(body)
    while missing > 0:
        blocks.append(block(connection, deadline))
        missing -= len(blocks[-1])
    return b"".join(blocks)[: int(length)]


def up_to_body(connection: socket.socket, deadline: float) -> bytes:
    """Read the head of an answer, and what comes along of its body."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += block(connection, deadline)
        if len(read) > LARGEST_HEAD + BLOCK:
            raise NoAnswer("its answer has no end of its head")
    return read


def block(connection: socket.socket, deadline: float) -> bytes:
    """Read what is there.

    Raises:
        NoAnswer: The answer breaks off, or took too long.
        OSError: As NoAnswer.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TooSlow("it took too long")
    connection.settimeout(left)
    data = connection.recv(BLOCK)
    if not data:
        raise NoAnswer("it broke off")
    return data
