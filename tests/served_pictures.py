"""Pictures of all kinds for tests of a server, and ways to ask it for them."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RED, BLUE = (250, 0, 0), (0, 0, 250)
ODD = os.fsdecode(b'odd "\xff\n.png')


def halves(width: int = 60, height: int = 40) -> Image.Image:
    """Draw a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def turned() -> bytes:
    """Save it as cameras held upright do: to be turned by 90 degrees, clockwise."""
    image, exif, stream = halves(), Image.Exif(), BytesIO()
    exif[0x0112] = 6
    image.save(stream, "JPEG", quality=95, exif=exif)
    return stream.getvalue()


def saved(image: Image.Image, form: str) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **({"quality": 95} if form == "JPEG" else {}))
    return stream.getvalue()


def deep() -> bytes:
    """Save half grey in 16 bits."""
    return saved(Image.fromarray(np.full((20, 20), 128 * 257, dtype=np.uint16)), "PNG")


# In the order of their image_ids.
FILES: dict[str, Callable[[], bytes]] = {
    "clear.png": lambda: saved(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"),
    "cmyk.jpg": lambda: saved(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"),
    "copy.jpg": lambda: saved(halves(), "JPEG"),
    "deep.png": deep,
    "large.bmp": lambda: saved(halves(1600, 1200), "BMP"),
    ODD: lambda: saved(halves(30, 30), "PNG"),
    "old.ppm": lambda: saved(halves(30, 20), "PPM"),
    "plain.jpg": lambda: saved(halves(), "JPEG"),
    "scan.tif": lambda: saved(halves(30, 20), "TIFF"),
    "turned.jpg": turned,
}
IDS = {name: number for number, name in enumerate(sorted(FILES), start=1)}


def address(served: Any, name: str, what: str = "") -> str:
    return f"{served.base}/images/{IDS[name]}{what}"


def small(served: Any, name: str, side: int = 256) -> Image.Image:
    """Ask for a thumbnail and decode it."""
    reply = served.get(address(served, name, f"/thumbnail?side={side}"))
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
    return Image.open(BytesIO(reply.body))


def is_near(found: Any, wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.subtract(found, wanted)).max() < 12)


def listed(served: Any, query: str = "") -> list[int]:
    reply = served.get(f"{served.base}/images?{query}")
    assert reply.status == 200, reply.body
    return [image["image_id"] for image in reply.json()["images"]]


def until(is_so: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def asking(served: Any, path: str) -> socket.socket:
    """Ask for something without waiting for the answer."""
    line = socket.create_connection((served.host, served.port))
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: {served.host}:{served.port}\r\n\r\n".encode())
    return line
