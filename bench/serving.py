"""A server in a process of its own, over a copy of a gallery, for what asks it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from reporting import RESULTS

__all__ = ["Running", "be_server", "served"]

KIB = 1024
STARTING_S = 120


class Running:
    """A server in a process of its own.

    Attributes:
        process: That process.
        port: Where it listens, on 127.0.0.1.
        gallery: The copy that it serves.
    """

    def __init__(self, process: subprocess.Popen[str], port: int, gallery: Path) -> None:
        self.process = process
        self.port = port
        self.gallery = gallery

    @property
    def memory_mib(self) -> float:
        """What it holds in memory of its own: files that it maps are not counted."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("RssAnon:")]
        return int(line.split()[1]) / KIB


@contextmanager
def served(
    gallery: Path, *, window_ms: float = 3.0, source: Path | None = None
) -> Iterator[Running]:
    """Serve a copy of a gallery, under the name "served".

    Args:
        gallery: Which.
        window_ms: How long queries wait for others.
        source: The folder of the Lookalike that serves; None for the one that asks.
    """
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        copy = Path(folder) / "served.gallery"
        shutil.copytree(gallery, copy)
        command = [sys.executable, __file__, str(copy), str(window_ms)]
        environment = dict(os.environ)
        if source is not None:
            environment["PYTHONPATH"] = str(source)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            port = int(process.stdout.readline()) if process.stdout else 0
            until_ready(port)
            yield Running(process, port, copy)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                process.kill()


def until_ready(port: int) -> None:
    """Wait until everything is loaded."""
    until = time.monotonic() + STARTING_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server was not ready in {STARTING_S} s")


def be_server(gallery: Path, window_ms: float) -> None:
    """Serve until told to stop; write the port once listening."""
    import socket

    from lookalike.encoders import NetworkEncoder
    from lookalike.server.running import serve
    from lookalike.server.settings import ServerSettings

    # The encoder in the box has no text tower.
    NetworkEncoder.encode_texts = standing_in  # type: ignore[method-assign]
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    settings = ServerSettings({"served": gallery}, port=port, window_ms=window_ms)

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        if not hasattr(say, "has_said"):
            say.has_said = True  # type: ignore[attr-defined]
            sys.stdout.write(f"{port}\n")
            sys.stdout.flush()

    serve(settings, say=say)


def standing_in(self: object, texts: Sequence[str], *, template: str | None = None) -> np.ndarray:
    """Give each text a direction of its own, at once."""
    dim = self.space.dim  # type: ignore[attr-defined]
    seeds = [abs(hash(text)) % 2**32 for text in texts]
    rows = np.stack([np.random.default_rng(seed).normal(size=dim) for seed in seeds])
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


if __name__ == "__main__":
    be_server(Path(sys.argv[1]), float(sys.argv[2]))
