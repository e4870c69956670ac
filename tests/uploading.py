"""What tests of adding share: pictures, the ways to send them, and what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from lookalike.server.uploads import adding, uploads_folder
from squares import encoded

if TYPE_CHECKING:
    from conftest import Reply, Served

API = "/api/v1"


# Directions (0, 1, 0) and (0, 1, 1) / sqrt 2: none of the five has them.
GREEN = encoded((0, 200, 0))
CYAN = encoded((0, 200, 100))
# (1, 1, 0): red scores 0.7071 to it.
OLIVE = encoded((200, 100, 0))


def sent(served: Served, *files: tuple[str, bytes], wait: float = 60, **fields: str) -> Reply:
    """Send pictures, and wait for the end of their job."""
    form = [("picture", name, data) for name, data in files]
    return served.post_form(f"{served.base}/images?wait={wait}", form, fields)


def pictures(answer: Reply) -> list[tuple[str, str, int | None]]:
    return [
        (item["name"], item["status"], item["image_id"])
        for item in answer.json()["result"]["pictures"]
    ]


def files_of(served: Served) -> list[str]:
    """What lies among the uploads, hidden or not, but for the lock."""
    folder = uploads_folder(served.gallery)
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return sorted(path.relative_to(folder).as_posix() for path in found)


def names_of(served: Served) -> list[str]:
    return [path.rpartition("/")[2] for path in files_of(served)]


class HeldAdding:
    """Uploads are not added before they may ``go``; ``begun`` is set when the first could be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        real = adding.update_paths

        def held(*values: Any, **more: Any) -> Any:
            self.begun.set()
            assert self.go.wait(90)  # longer than an answer is waited for
            return real(*values, **more)

        monkeypatch.setattr(adding, "update_paths", held)


def until(is_so: Callable[[], object], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def ended(served: Served, job: dict[str, Any]) -> dict[str, Any]:
    def now() -> dict[str, Any]:
        told: dict[str, Any] = served.get(f"{API}/jobs/{job['job_id']}").json()
        return told

    until(lambda: now()["state"] in {"done", "failed", "cancelled"})
    return now()


def noisy(side: int, seed: int) -> bytes:
    """Encode noise: each seed another picture."""
    stream = BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()
