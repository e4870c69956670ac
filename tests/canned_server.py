"""A server that gives the answers it was told to give, for tests of who asks it."""

from __future__ import annotations

import json
import socket
import threading

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
JSON = HEAD + b'{"galleries":[]}'


class Canned:
    """A server that gives each connection the answers it was told to give, then closes."""

    def __init__(self, *connections: list[bytes]) -> None:
        self.connections = list(connections)
        self.asked: list[list[bytes]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        for answers in self.connections:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            heard: list[bytes] = []
            self.asked.append(heard)
            with connection:
                for answer in answers:
                    heard.append(request_from(connection))
                    connection.sendall(answer)

    def close(self) -> None:
        self.listener.close()


def request_from(connection: socket.socket) -> bytes:
    """Read one request."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = read.partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    while lengths and len(body) < lengths[0]:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(status: int, kind: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def problem(**told: object) -> bytes:
    return answer(int(told["status"]), "application/problem+json", json.dumps(told).encode())
