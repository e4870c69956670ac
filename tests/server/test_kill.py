"""A real server killed in the middle of adding: what it acknowledged is kept, and only that."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi")

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.images import content_hash
from lookalike.server.uploads import uploads_folder

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")

KILLS = 3
CLIENTS = 4

PATH = "/api/v1/galleries/killed/images"
HEAD = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="%s"\r\n\r\n'


class Process:
    """``lookalike serve`` as a process of its own."""

    def __init__(self, gallery: Path, cache: Path) -> None:
        command = [sys.executable, "-m", "lookalike", "serve", "--no-open", "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--gallery", f"killed={gallery}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "LOOKALIKE_CACHE": str(cache)},
            text=True,
        )
        self.lines: list[str] = []
        self.port = self._port()
        # Nobody may wait for us to read its log.
        threading.Thread(target=self._read, daemon=True).start()

    def _port(self) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                return int(found[1])
        raise AssertionError("the server did not start: " + "".join(self.lines))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):
            self.lines.extend(self.process.stdout)

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(120)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def picture(generator: np.random.Generator) -> bytes:
    stream = BytesIO()
    pixels = generator.integers(0, 255, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def send(port: int, stop: threading.Event, seed: int, acknowledged: set[str]) -> None:
    """Send pictures until the server is gone; note what it answered for."""
    generator = np.random.default_rng(seed)
    while not stop.is_set():
        data = picture(generator)
        body = HEAD % b"noise.png" + data + b"\r\n--x--\r\n"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(
                "POST", PATH, body, {"Content-Type": "multipart/form-data; boundary=x"}
            )
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()
        if answer.status == 409:  # it is about to stop
            return
        assert answer.status == 202, told
        acknowledged.add(content_hash(data))


def send_half(port: int, seed: int) -> http.client.HTTPConnection:
    """Send half a picture, and stay."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = HEAD % b"half.png" + picture(np.random.default_rng(seed))
    connection.putrequest("POST", PATH)
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(2 * len(body)))
    connection.endheaders()
    connection.send(body)
    return connection


@contextmanager
def busy(
    port: int, seed: int, acknowledged: set[str], end: threading.Event, *, has_half: bool = True
) -> Iterator[None]:
    """Keep a server busy with adding, half a picture included that never becomes whole."""
    threads = [
        threading.Thread(target=send, args=(port, end, seed + client, acknowledged))
        for client in range(CLIENTS)
    ]
    half = send_half(port, seed + CLIENTS) if has_half else None
    for thread in threads:
        thread.start()
    yield
    end.set()
    for thread in threads:
        thread.join()
    if half is not None:
        half.close()


def contents(gallery: Gallery) -> list[str]:
    return sorted(image.content_hash for image in gallery.images())


def until_all_in(gallery: Gallery, wanted: set[str]) -> None:
    until = time.monotonic() + 60
    while not wanted <= set(contents(gallery)):
        assert time.monotonic() < until, "what was acknowledged was not added"
        time.sleep(0.02)


def until_more(acknowledged: set[str], count: int) -> None:
    until = time.monotonic() + 60
    while len(acknowledged) <= count:
        assert time.monotonic() < until, "nothing was acknowledged"
        time.sleep(0.02)


def left_over(gallery: Gallery) -> list[str]:
    """List what lies among the uploads and is no image of the gallery."""
    folder = uploads_folder(gallery)
    known = {gallery.absolute_path(image) for image in gallery.images()}
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and str(path) not in known and path.name != "lock"
    ]


def test_a_killed_server_keeps_what_it_acknowledged(tmp_path: Path, encoder: Encoder) -> None:
    chance = random.Random(20)
    folder, acknowledged = tmp_path / "killed.gallery", set[str]()
    with Gallery.create(folder, encoder.space) as gallery:
        for kill in range(KILLS):
            server = Process(folder, tmp_path / "cache")
            until_all_in(gallery, acknowledged)
            before, end = len(acknowledged), threading.Event()
            with busy(server.port, 1000 * kill, acknowledged, end):
                until_more(acknowledged, before)
                time.sleep(chance.uniform(0.1, 0.6))  # at any moment of its work
                assert server.end(signal.SIGKILL) == -signal.SIGKILL
            assert gallery.verify().is_clean

        server = Process(folder, tmp_path / "cache")
        until_all_in(gallery, acknowledged)
        end = threading.Event()
        with busy(server.port, 90_000, acknowledged, end, has_half=False):
            until_more(acknowledged, len(acknowledged))
            code = server.end(signal.SIGTERM)
        after_stop = left_over(gallery)
        server = Process(folder, tmp_path / "cache")
        until_all_in(gallery, acknowledged)
        server.end(signal.SIGTERM)

        assert code == 0
        assert all("noise" in path for path in after_stop)
        assert left_over(gallery) == []
        assert not list(uploads_folder(gallery).glob(".incoming-*"))
        assert len(set(contents(gallery))) == len(gallery)
        assert gallery.verify().is_clean
        gallery.writer().close()
        assert gallery.verify().leftovers == ()
