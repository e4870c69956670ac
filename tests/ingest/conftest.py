"""A folder of small pictures that tests change, and a gallery that follows it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import Encoder, embed
from lookalike.gallery import Gallery
from lookalike.images import content_hash
from lookalike.ingest import UpdateReport, add_images, batch
from lookalike.ingest.watching import lookout
from running_watcher import PATIENCE_S, RunningWatcher

# Off by at most half a float16 step below 1.
FLOAT16_STEP = 2.0**-11

Check = Callable[[Gallery, Encoder], None]


class Photos:
    """A folder of pictures; each number is a colour of its own, 1 to 1000.

    Every file gets a later date than the one before, and appears whole and with
    its date, so that no test depends on how fast it runs.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._now_ns = 10**18

    def add(self, path: str, number: int) -> Path:
        """Write a picture, or other bytes over it."""
        return self.write(path, picture_bytes(number))

    def write(self, path: str, data: bytes) -> Path:
        """Write any bytes."""
        file, made = self.folder / path, self.folder.parent / ".made" / "file"
        for folder in (file.parent, made.parent):
            folder.mkdir(parents=True, exist_ok=True)
        made.write_bytes(data)
        self._date(made)
        os.replace(made, file)
        return file

    def touch(self, path: str) -> None:
        """Give a file a later date."""
        self._date(self.folder / path)

    def _date(self, file: Path) -> None:
        self._now_ns += 10**9
        os.utime(file, ns=(self._now_ns, self._now_ns))

    def rename(self, old: str, new: str) -> None:
        """Rename a file, over another one if need be; it keeps its date."""
        (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.folder / old, self.folder / new)

    def swap(self, one: str, other: str) -> None:
        """Let two files change names."""
        self.rename(one, "parked")
        self.rename(other, one)
        self.rename("parked", other)

    def delete(self, path: str) -> None:
        """Delete a file."""
        (self.folder / path).unlink()


def picture_bytes(number: int) -> bytes:
    """Encode a picture in a colour that no other number has."""
    from io import BytesIO

    red, green, blue = np.random.default_rng(number).integers(10, 256, 3).tolist()
    stream = BytesIO()
    Image.new("RGB", (12, 10), (red, green, blue)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no commit come earlier because the machine is slow."""
    monkeypatch.setattr(batch, "COMMIT_S", float("inf"))


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """An empty folder for pictures."""
    return Photos(tmp_path / "photos")


@pytest.fixture
def gallery(tmp_path: Path, encoder: Encoder) -> Iterator[Gallery]:
    """An empty gallery beside it."""
    with Gallery.create(tmp_path / "photos.gallery", encoder.space) as empty:
        yield empty


@pytest.fixture(scope="session")
def aligned() -> Check:
    """Check that all a gallery says of its pictures is true of their files now."""

    def check(gallery: Gallery, encoder: Encoder) -> None:
        images = list(gallery.images())
        files = [gallery.absolute_path(image) for image in images]
        stored = gallery.embeddings([image.image_id for image in images])
        np.testing.assert_allclose(stored, embed(files, encoder), atol=FLOAT16_STEP)
        for image, file in zip(images, files, strict=True):
            facts = os.stat(file)
            assert image.content_hash == content_hash(Path(file).read_bytes()), image.path
            assert (image.size_bytes, image.mtime_ns) == (facts.st_size, facts.st_mtime_ns)
        report = gallery.verify()
        assert report.is_clean, report.problems

    return check


@pytest.fixture
def update(
    gallery: Gallery, photos: Photos, encoder: Encoder, aligned: Check
) -> Callable[..., dict[str, int]]:
    """Bring the gallery up to date, check every embedding, and tell what was counted."""

    def run(**given: object) -> dict[str, int]:
        report = add_images(gallery, photos.folder, encoder, **given)
        aligned(gallery, encoder)
        return counts(report)

    return run


def counts(report: UpdateReport) -> dict[str, int]:
    """Leave out what did not happen."""
    numbers = {
        "added": report.added,
        "changed": report.changed,
        "renamed": report.renamed,
        "forgotten": report.forgotten,
        "unchanged": report.unchanged,
        "copies": report.copies,
        "described": report.described,
        "skipped": len(report.skipped),
    }
    return {name: number for name, number in numbers.items() if number}


@pytest.fixture
def watching(
    gallery: Gallery, photos: Photos, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AbstractContextManager[RunningWatcher]]:
    """Watch the folder of pictures, which holds one; wait until the watcher hears."""
    monkeypatch.setattr(lookout, "TICK_S", 0.1)  # to hear of a wish to stop at once

    @contextmanager
    def run(
        location: Any = None, first: str = "first.png", **given: Any
    ) -> Iterator[RunningWatcher]:
        if location is None:
            photos.add(first, 1000)
            add_images(gallery, photos.folder, encoder)
        elif location is not False:
            with gallery.writer() as writer:
                writer.add_source(*location)
        running = RunningWatcher(gallery, encoder, **given)
        looks = running.lookout._compare
        compared = threading.Event()

        def compare(watched: Any) -> None:
            looks(watched)
            compared.set()

        monkeypatch.setattr(running.lookout, "_compare", compare)
        running.thread.start()
        try:
            assert compared.wait(PATIENCE_S)
            yield running
        finally:
            running.stop.set()
            running.thread.join(PATIENCE_S)
            assert not running.thread.is_alive()

    return run
