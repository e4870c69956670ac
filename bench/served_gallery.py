"""A gallery to serve: real pictures and their views, as files, indexed the ordinary way.

    python bench/served_gallery.py [--rows 100000]

As many files as are asked for: every picture of the shared data as it is, then random views
of them as bench/views.py makes them, each in its natural size, as JPEG. They are indexed as
``lookalike index`` does, tuned index included; every other one has a label and a year as
metadata. What is there already is not made again, so that an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PIL import Image

from lookalike.encoders import load_encoder
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, Progress, add_images
from lookalike.search.rebuilding import refresh_index
from reporting import RESULTS
from views import part_tasks, pictures, random_view

PIECE = 2000
QUALITY = 90
FOLDER_FILES = 1000
LABELS = ("animal", "clothing", "food", "thing", "place")
JPEG_START = b"\xff\xd8\xff"
# Other work goes first.
NICENESS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with suppress(OSError):
        os.nice(NICENESS)
    sys.stdout.write(f"{ready_gallery(rows)}\n")


def ready_gallery(rows: int) -> Path:
    """Make files and gallery, unless they are whole already; give the gallery's folder."""
    folder = RESULTS / f"served-{rows}"
    gallery, whole = folder / "gallery", folder / "whole"
    encoder = load_encoder("builtin")
    if whole.exists():
        with Gallery.open(gallery) as opened:
            if opened.space == encoder.space:
                return gallery
        raise SystemExit(f"{gallery} is of another encoder: move {folder} away, and start again.")
    files = folder / "pictures"
    write_files(files, rows)
    with Gallery.open_or_create(gallery, encoder.space) as opened:
        report = add_images(
            opened, files, encoder, metadata=MetadataTable(described(rows)), on_progress=Telling()
        )
        refresh_index(opened)
        sys.stderr.write(f"{len(opened)} images, {len(report.skipped)} left out\n")
    whole.touch()
    return gallery


def write_files(folder: Path, rows: int) -> None:
    """Write the files that are not there yet."""
    known, _ = pictures()
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, rows, PIECE):
            tasks = part_tasks(known, first, min(PIECE, rows - first))
            files = [folder / name_of(first + row, data) for row, (data, _) in enumerate(tasks)]
            for parent in {file.parent for file in files}:
                parent.mkdir(parents=True, exist_ok=True)
            list(pool.map(write_file, files, tasks))
            tell("files", first + len(tasks), start)


def name_of(number: int, data: bytes) -> str:
    """Name the file of a picture: a thousand lie in one folder."""
    suffix = "jpg" if data.startswith(JPEG_START) else "png"
    return f"{number // FOLDER_FILES:03}/{number:06}.{suffix}"


def write_file(file: Path, task: tuple[bytes, int | None]) -> None:
    """Write one picture, whole or not at all: as it is, or a view of it."""
    if file.exists():
        return
    data, seed = task
    partial = file.with_suffix(".part")
    partial.write_bytes(data if seed is None else view_file(data, seed))
    partial.rename(file)


def view_file(data: bytes, seed: int) -> bytes:
    """Make the file of a random view of a picture, of the same kind."""
    stream = io.BytesIO()
    with Image.open(io.BytesIO(data)) as opened:
        picture, kind = opened.convert("RGB"), opened.format
    random_view(picture, seed).save(stream, kind, quality=QUALITY)
    return stream.getvalue()


def described(rows: int) -> dict[str, Mapping[str, object]]:
    """Give every other picture metadata, by the name of its file."""
    return {
        f"{number:06}.{suffix}": {
            "label": LABELS[number % len(LABELS)],
            "year": 2000 + number % 25,
        }
        for number in range(1, rows, 2)
        for suffix in ("jpg", "png")
    }


class Telling:
    """Tells now and then how far indexing is."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, progress: Progress) -> None:
        """Tell, if it is time."""
        if progress.done >= self._next:
            self._next = progress.done + PIECE
            sys.stderr.write(f"{progress.done} indexed, {progress.rate:.0f} a second\n")


def tell(what: str, count: int, start: float) -> None:
    """Tell how far making files is."""
    rate = count / (time.perf_counter() - start)
    sys.stderr.write(f"{count} {what}, {rate:.0f} a second\n")


if __name__ == "__main__":
    main()
