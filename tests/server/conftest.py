"""A real server on loopback over a gallery of plain colours, whose scores can be worked out."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, add_images
from lookalike.search import Searcher

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

from lookalike.server.safety.connections import GuardedProtocol  # noqa: E402
from squares import encoded  # noqa: E402

# The tiny encoder's embedding is the direction of (red, 2 green, 4 blue). To
# red, (1, 0, 0), the scores are the first numbers.
COLOURS = {
    "red.png": (200, 0, 0),  # (1, 0, 0)
    "red copy.png": (200, 0, 0),  # its very bytes
    "orange.png": (100, 50, 0),  # (1, 1, 0) / sqrt 2 = 0.7071
    "grey.png": (204, 102, 51),  # (1, 1, 1) / sqrt 3 = 0.5774
    "blue.png": (0, 0, 200),  # (0, 0, 1)
}
# What they become: blue 1, grey 2, orange 3, red copy 4, red 5.
IDS = {name: position for position, name in enumerate(sorted(COLOURS), start=1)}

API = "/api/v1"

# A bound that a busy machine keeps. What a test holds up has to be held longer than this.
ANSWER_S = 45


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A running server and the ways to ask it."""

    url: str
    host: str
    port: int
    settings: Any
    app: Any
    gallery: Gallery
    photos: Path
    headers: dict[str, str] = field(default_factory=dict)
    name: str = "colours"

    @property
    def server(self) -> Any:
        """The state of the application, for tests that look behind the curtain."""
        return self.app.state.server

    @property
    def base(self) -> str:
        """Where the paths of its gallery begin."""
        return f"{API}/galleries/{self.name}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, told, answer.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("GET", path, headers=headers)

    def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.request("DELETE", path, headers=headers)

    def post(
        self,
        path: str,
        value: Any = None,
        *,
        body: bytes | None = None,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a value as JSON, or a body as it is."""
        sent = json.dumps(value).encode() if body is None else body
        return self.request("POST", path, sent, {"Content-Type": kind, **(headers or {})})

    def post_form(
        self,
        path: str,
        files: Sequence[tuple[str, str, bytes]] = (),
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a form: files are (field, file name, bytes)."""
        body, kind = form_of(files, fields or {})
        return self.post(path, body=body, kind=kind, headers=headers)

    def search(self, query: Mapping[str, Any], **more: Any) -> Reply:
        return self.post(f"{self.base}/search", {**query, **more})


def form_of(
    files: Sequence[tuple[str, str, bytes]], fields: Mapping[str, str]
) -> tuple[bytes, str]:
    """Write a multipart form, with its content type."""
    mark = uuid.uuid4().hex
    written = b""
    for name, value in fields.items():
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        written += head.encode() + value.encode() + b"\r\n"
    for name, file_name, data in files:
        disposition = f'form-data; name="{name}"; filename="{file_name}"'
        head = f"--{mark}\r\nContent-Disposition: {disposition}\r\n"
        head += "Content-Type: application/octet-stream\r\n\r\n"
        written += head.encode("utf-8", "surrogateescape") + data + b"\r\n"
    return written + f"--{mark}--\r\n".encode(), f"multipart/form-data; boundary={mark}"


class InThread(uvicorn.Server):
    """Uvicorn beside the tests: it leaves signals alone."""

    def install_signal_handlers(self) -> None:
        pass


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again only where a test does it, however slow the machine is."""
    monkeypatch.setattr("lookalike.server.working.RETRY_S", 3600.0)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder of colours."""
    return colours_in(tmp_path / "photos")


def colours_in(folder: Path) -> Path:
    """Write the colours into a new folder."""
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / name).write_bytes(encoded(colour))
    return folder


def gallery_of(folder: Path, photos: Path, encoder: Encoder) -> Gallery:
    """Make the gallery of the colours."""
    made = Gallery.create(folder, encoder.space)
    rows = {name: {"colour": name.removesuffix(".png")} for name in COLOURS}
    add_images(made, photos, encoder, metadata=MetadataTable(rows))
    return made


@pytest.fixture
def gallery(tmp_path: Path, photos: Path, encoder: Encoder) -> Iterator[Gallery]:
    """The gallery: blue 1, grey 2, orange 3, red copy 4, red 5."""
    with gallery_of(tmp_path / "colours.gallery", photos, encoder) as made:
        yield made


@pytest.fixture
def searcher(gallery: Gallery, encoder: Encoder) -> Searcher:
    """A searcher over it: what the server has to agree with."""
    return Searcher(gallery, encoder)


@pytest.fixture
def serve(gallery: Gallery, photos: Path) -> Iterator[Callable[..., Served]]:
    """Start a server: ``serve()``, or with settings, ``serve(read_only=True)``."""
    with ExitStack() as running:

        def start(**settings: Any) -> Served:
            return running.enter_context(served_by(gallery, photos, **settings))

        yield start


@pytest.fixture
def serve_over() -> Iterator[Callable[..., Served]]:
    """Start a server over another gallery: ``serve_over(gallery)``."""
    with ExitStack() as running:

        def start(gallery: Gallery, **settings: Any) -> Served:
            return running.enter_context(served_by(gallery, gallery.path.parent, **settings))

        yield start


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Served]:
    """A server with the usual settings that a module's tests share: they change nothing."""
    folder = tmp_path_factory.mktemp("once")
    photos = colours_in(folder / "photos")
    with (
        gallery_of(folder / "colours.gallery", photos, encoder) as made,
        served_by(made, photos) as running,
    ):
        yield running


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """A server with the usual settings."""
    return serve()


class served_by:  # noqa: N801, a context manager
    """Run a server over a gallery in a thread, from ready to stopped."""

    def __init__(self, gallery: Gallery, photos: Path, **settings: Any) -> None:
        from lookalike.server.app import create_app
        from lookalike.server.settings import ServerSettings

        # Of a socket that says it is TCP, asyncio sends small pieces at once.
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        host, port = self.socket.getsockname()
        own = {"galleries": {"colours": gallery.path}, "host": host, "port": port}
        given = {**own, "keep_free_bytes": 1, **settings}  # however full the machine's disk is
        self.settings = ServerSettings(**given)
        self.app = create_app(self.settings)
        config = uvicorn.Config(
            self.app, http=GuardedProtocol, log_config=None, access_log=False, lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        self.uvicorn = InThread(config)
        self.thread = threading.Thread(
            target=self.uvicorn.run, kwargs={"sockets": [self.socket]}, daemon=True
        )
        self.served = Served(
            f"http://{host}:{port}", host, port, self.settings, self.app, gallery, photos,
            name=next(iter(self.settings.galleries)),
        )  # fmt: skip

    def __enter__(self) -> Served:
        self.thread.start()
        until = time.monotonic() + 60
        while not self.is_ready():
            assert self.thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < until, "the server was not ready in 60 s"
            time.sleep(0.01)
        return self.served

    def is_ready(self) -> bool:
        if not self.uvicorn.started:
            return False
        return all(hosted.is_ready for hosted in self.served.server.galleries.values())

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(90)
        self.socket.close()
        assert not self.thread.is_alive(), "the server did not stop"
