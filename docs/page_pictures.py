"""Take the pictures of the page: ``python docs/page_pictures.py`` writes docs/images/page*.jpg.

It draws the demonstration collection, serves it, and looks at it with a browser. It needs
playwright, and Debian's chromium or the one that ``playwright install chromium`` brings.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = Path(__file__).parent / "images"
PICTURES = 720
QUALITY = 82
# A kind that the encoder in the box knows well.
QUERY = "car"
WINDOW: dict[str, Any] = {"viewport": {"width": 1200, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 800},
    "device_scale_factor": 1.5,
    "has_touch": True,
    "is_mobile": True,
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Draw the collection and serve it until the pictures are taken."""
    run = [sys.executable, "-m", "lookalike"]
    subprocess.run([*run, "demo", str(folder), "--pictures", str(PICTURES), "-q"], check=True)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [*run, "serve", str(folder / "pictures"), "--port", str(port), "--no-open", "-q"]
    server = subprocess.Popen(command)
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str) -> None:
    """Wait for an answer, for a minute at most."""
    for attempt in range(300):
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            if attempt == 299:
                raise
            time.sleep(0.2)


def opened(browser: Browser, address: str, **options: Any) -> Page:
    """Open the page in a window of its own."""
    page = browser.new_page(reduced_motion="reduce", **options)
    page.goto(address)
    return page


def take(page: Page, name: str) -> None:
    """Keep what is seen as a JPEG, once its pictures are there."""
    page.wait_for_timeout(1500)
    with Image.open(io.BytesIO(page.screenshot())) as seen:
        seen.convert("RGB").save(
            IMAGES / f"{name}.jpg", quality=QUALITY, optimize=True, progressive=True
        )


def picture_of(folder: Path, kind: str) -> Path:
    """Name one of the pictures of a kind."""
    return sorted((folder / "pictures" / kind).rglob("*.jpg"))[0]


def main() -> None:
    """Take all three."""
    with tempfile.TemporaryDirectory() as made, sync_playwright() as running:
        folder = Path(made) / "demo"
        chromium = shutil.which("chromium")
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with served(folder) as address:
            page = opened(browser, address, **WINDOW)
            page.wait_for_selector(".starter img")
            page.set_input_files("[data-part=files]", picture_of(folder, QUERY))
            page.wait_for_selector(".face.loaded")
            take(page, "page")
            page.click("[data-part=map]")
            page.click("text=Draw the map")
            page.wait_for_selector(".map-view .stage canvas", timeout=120_000)
            page.focus(".map-view .stage")
            page.keyboard.press("Shift+ArrowRight")  # to a picture, whose card is shown
            page.mouse.move(0, 0)
            take(page, "page-map")
            phone = opened(browser, address, **PHONE)
            phone.set_input_files("[data-part=files]", picture_of(folder, QUERY))
            phone.wait_for_selector(".face.loaded")
            take(phone, "page-phone")
        browser.close()


if __name__ == "__main__":
    main()
