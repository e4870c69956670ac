"""``lookalike serve`` as a process of its own, for tests of what it says and does."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Running", "Start", "own_settings", "start"]


@dataclass
class Running:
    """A server that runs as a process of its own."""

    process: subprocess.Popen[str]
    line: str
    port: int

    @property
    def told(self) -> dict[str, Any]:
        """The first line, where it is JSON."""
        told: dict[str, Any] = json.loads(self.line)
        return told

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, head: bytes) -> bytes:
        """Send bytes as they are; return what is answered until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(head)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return how the process ended, and what it said."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


Start = Callable[..., Running]


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's tokens and records out of it."""
    monkeypatch.delenv("LOOKALIKE_TOKENS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start ``lookalike serve`` and wait until it says that it is ready."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str | Path, host: str = "127.0.0.1") -> Running:
        process = subprocess.Popen(
            [sys.executable, "-m", "lookalike", "serve", *map(str, words), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"it did not start: {process.communicate()[1]}")
        found = re.search(r"http://\S+:(\d+)", line)
        assert found
        return Running(process, line.strip(), int(found[1]))

    yield run
    for process in started:
        with suppress(OSError):
            process.kill()
        process.communicate()
