"""A server of its own process over drawn pictures, and a browser that looks at its page."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = 72
CHROMIUM = shutil.which("chromium")
# What the browser itself writes of an answer that says no: the page shows it in its own words.
SAID_BY_THE_BROWSER = "Failed to load resource"
# News that go by themselves stay for tests that look seldom, on a machine that is busy.
STAYING_NEWS = """
const later = window.setTimeout;
window.setTimeout = (act, wait, ...rest) => later(act, wait === 6000 ? 600_000 : wait, ...rest);
"""


@dataclass
class PageServer:
    """A server in a process of its own, which tests may stop and start again."""

    gallery: Path
    pictures: Path
    log: Path
    options: tuple[str, ...] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self.port = self.port or free_port()
        command = [
            sys.executable, "-m", "lookalike", "serve", "--gallery", f"photos={self.gallery}",
            "--port", str(self.port), "--no-open", "-q", *self.options,
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        until = time.monotonic() + 120
        while not self.is_ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, "the server was not ready in 120 s"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
        self.process = None


@dataclass
class Seen:
    """What a page did that nobody sees: errors, and what it asked for elsewhere."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def of(self, page: Page, home: str) -> None:
        """Listen to a page; nothing outside is let through."""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self.heard)

        def check(route: Any) -> None:
            address = route.request.url
            if address.startswith((home, "blob:", "data:")):
                route.fallback()
            else:
                self.outside.append(address)
                route.abort()

        page.route("**/*", check)

    def heard(self, message: Any) -> None:
        if message.type == "error" and not message.text.startswith(SAID_BY_THE_BROWSER):
            self.errors.append(message.text)


def free_port() -> int:
    """Choose a port below those that systems hand out: nobody gets it between stop and start."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def drawn_gallery(folder: Path) -> tuple[Path, Path]:
    """Draw pictures and index them with two columns: kind, and a number from 1 to 9."""
    from lookalike.demonstration import render_collection
    from lookalike.encoders import load_encoder
    from lookalike.gallery import Gallery
    from lookalike.ingest import MetadataTable, add_images

    pictures = folder / "pictures"
    render_collection(pictures, pictures=PICTURES)
    encoder = load_encoder("builtin")
    names = sorted(
        str(path.relative_to(pictures)).replace(os.sep, "/")
        for path in pictures.rglob("*")
        if path.is_file()
    )
    rows = {
        name: {"side": "left" if number % 3 else "right", "number": number % 9 + 1}
        for number, name in enumerate(names)
    }
    with Gallery.create(folder / "gallery", encoder.space) as made:
        add_images(made, pictures, encoder, metadata=MetadataTable(rows))
    return folder / "gallery", pictures


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return drawn_gallery(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def new_site() -> type[PageServer]:
    """What makes a server: ``new_site(gallery, pictures, log, options)``."""
    return PageServer


@pytest.fixture(scope="module")
def site(
    drawn: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PageServer]:
    """A server over the drawn pictures that asks for nothing."""
    gallery, pictures = drawn
    server = PageServer(gallery, pictures, tmp_path_factory.mktemp("log") / "server.log")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=180_000
        )
        yield opened
        opened.close()


@pytest.fixture
def look(browser: Browser, site: PageServer) -> Iterator[Callable[..., Page]]:
    """Open the page: ``look("#view=all", viewport=...)``; errors are told at the end."""
    seen = Seen()
    contexts = []

    def opened(address: str = "", **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 860})
        context = browser.new_context(accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(STAYING_NEWS)
        seen.of(page, site.url)
        page.goto(site.url + address)
        return page

    yield opened
    for context in contexts:
        # What is being answered just now is left alone.
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")
        context.close()
    assert seen.errors == []
    assert seen.outside == []


@pytest.fixture
def seen_folder(tmp_path: Path) -> Path:
    """Where pictures of the page go: $LOOKALIKE_SCREENSHOTS, for people to look at."""
    folder = Path(os.environ.get("LOOKALIKE_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def shot(seen_folder: Path) -> Callable[[Page, str], None]:
    """Keep a picture of the page."""

    def kept(page: Page, name: str) -> None:
        page.wait_for_timeout(350)
        page.screenshot(path=seen_folder / f"{name}.png")

    return kept


@pytest.fixture
def noted(seen_folder: Path) -> Callable[[str], None]:
    """Keep a measured number beside the pictures."""

    def kept(line: str) -> None:
        with (seen_folder / "measured.txt").open("a") as file:
            file.write(f"{line}\n")

    return kept
