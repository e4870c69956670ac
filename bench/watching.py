"""How soon a search finds what happened to a file, and what watching costs.

    python bench/watching.py [--repeats 20] [--files 100000] [--pictures 200] [--settle 0.5]

- latency: ``lookalike watch`` runs as a process of its own, with the encoder in the box.
  This process writes, changes, renames and deletes pictures, and makes them in new nested
  folders; the time is that from the last write (the file is closed) until a ``Searcher``
  of this process finds the file under its name, or no longer: median and largest of the
  repeats. It contains the two looks, ``--settle`` apart.
- looking: on a gallery of ``--files`` files in a thousand folders, the rescan that compares
  the dates of folders, the one that looks at each file, and an update of one path, beside
  the same in a gallery of a tenth of the size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lookalike.demonstration import render_collection
from lookalike.encoders import load_encoder
from lookalike.errors import ImageError
from lookalike.gallery import Gallery, NewImage
from lookalike.images import decode
from lookalike.ingest import update_paths
from lookalike.ingest.watching.watched import WatchedSource
from lookalike.search import Searcher
from reporting import publish

FOLDERS = 1000
LIMIT_S = 60.0


def pictures(folder: Path, count: int) -> list[Path]:
    """Render pictures and return their files."""
    render_collection(folder, pictures=2 * count + 40)
    good: dict[bytes, Path] = {}
    for path in sorted(folder.rglob("*.*")):
        try:
            decode(path)
        except ImageError:  # the collection has damaged files, too
            path.unlink()
        else:
            good.setdefault(path.read_bytes(), path)
    return list(good.values())[:count]


def waited(is_true: Callable[[], bool]) -> float:
    """Return the seconds until something is true."""
    start = time.perf_counter()
    while not is_true():
        if time.perf_counter() - start > LIMIT_S:
            raise RuntimeError("it was not found within a minute")
        time.sleep(0.005)
    return time.perf_counter() - start


class Search:
    """Searches as users do, and tells whether a file is found."""

    def __init__(self, gallery: Gallery, searcher: Searcher) -> None:
        self._gallery = gallery
        self._searcher = searcher

    def finds(self, file: Path, path: Path) -> bool:
        """Tell whether a search with a picture finds it under a path."""
        if self._gallery.image_at_path(str(path)) is None:  # as long as it cannot be found
            return False
        return any(hit.path == str(path) for hit in self._searcher.search(file, k=5))

    def content(self, path: Path) -> str | None:
        """Tell what the gallery knows a file to hold."""
        image = self._gallery.image_at_path(str(path))
        return None if image is None else image.content_hash

    def has_lost(self, path: Path) -> bool:
        """Tell whether no search can find a path."""
        return self._gallery.image_at_path(str(path)) is None


def latencies(
    folder: Path, search: Search, files: list[Path], spare: Path, repeats: int
) -> dict[str, list[float]]:
    """Do each thing again and again, and measure until it is found."""
    spent: dict[str, list[float]] = {
        name: [] for name in ("new", "changed", "renamed", "nested", "deleted")
    }
    for number in range(repeats):
        new, other = folder / f"new {number}.jpg", folder / f"moved {number}.jpg"
        shutil.copyfile(files[2 * number], new)
        spent["new"].append(waited(lambda at=new: search.finds(at, at)))
        data = files[2 * number + 1].read_bytes()
        before = search.content(new)
        new.write_bytes(data)
        changed = waited(lambda at=new, old=before: search.content(at) != old)
        spent["changed"].append(changed + waited(lambda at=new: search.finds(at, at)))
        new.rename(other)
        spent["renamed"].append(waited(lambda at=other: search.finds(at, at)))
        nested = folder / f"deep {number}" / "a" / "b" / "c" / "nested.jpg"
        nested.parent.mkdir(parents=True)
        shutil.copyfile(spare, nested)
        spent["nested"].append(waited(lambda at=nested: search.finds(at, at)))
        other.unlink()
        spent["deleted"].append(waited(lambda at=other: search.has_lost(at)))
        shutil.rmtree(folder / f"deep {number}")
        waited(lambda at=nested: search.has_lost(at))
    return spent


def measure_latency(
    place: Path, count: int, repeats: int, settle_s: float
) -> list[dict[str, object]]:
    """Watch a folder in a process of its own, and time what happens in it."""
    files = pictures(place / "others", 2 * repeats + 1)
    folder = place / "photos"
    pictures(folder, count)
    command = [sys.executable, "-m", "lookalike", "watch", str(folder)]
    command += ["--settle", f"{1000 * settle_s:g}ms"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("Watching"):
            if process.poll() is not None:
                raise RuntimeError("watching did not begin")
        time.sleep(2.0)
        try:
            with (
                Gallery.open(folder / ".lookalike") as gallery,
                Searcher(gallery, load_encoder("builtin")) as searcher,
            ):
                search = Search(gallery, searcher)
                spent = latencies(folder, search, files, files[-1], repeats)
        finally:
            process.terminate()
    return [
        {
            "what": name,
            "median, s": statistics.median(times),
            "largest, s": max(times),
            "repeats": len(times),
        }
        for name, times in spent.items()
    ]


def large(place: Path, files: int) -> Gallery:
    """Make a gallery of empty files that look as it knows them, with random embeddings."""
    encoder = load_encoder("builtin")
    folder = place / f"files {files}"
    gallery = Gallery.create(place / f"{files}.gallery", encoder.space)
    images = []
    for number in range(files):
        path = f"{number % FOLDERS:04}/{number}.jpg"
        at = folder / path
        if number < FOLDERS:
            at.parent.mkdir(parents=True)
        at.touch()
        facts = os.stat(at)
        images.append(
            NewImage(
                1, path, f"{number}", facts.st_size, facts.st_mtime_ns, 1, 1, "JPEG",
                embedding_row=number,
            )
        )  # fmt: skip
    rows = np.random.default_rng(0).standard_normal((files, encoder.space.dim), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with gallery.writer() as writer:
        writer.add_source("folder", str(folder))
        writer.commit(images=images, embeddings=rows)
    for number in range(min(FOLDERS, files)):  # folders that were not written to just now
        os.utime(folder / f"{number:04}", (1e9, 1e9))
    os.utime(folder, (1e9, 1e9))
    return gallery


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Return the median milliseconds of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def measure_looking(place: Path, files: int, picture: Path) -> dict[str, object]:
    """Time rescans and an update of one path in a gallery of so many files."""
    with large(place, files) as gallery:
        (record,) = gallery.sources()
        watched = WatchedSource(gallery, record)
        encoder = load_encoder("builtin")
        target = Path(record.location) / "0000" / "one.jpg"
        thorough = median_ms(watched.compare, 5)
        light = median_ms(watched.changed_folders, 5)
        data = picture.read_bytes()

        def update() -> None:
            target.write_bytes(data + os.urandom(8))
            update_paths(gallery, encoder, record, ["0000/one.jpg"])

        update()
        return {
            "files": files,
            "folders": min(FOLDERS, files),
            "dates of folders, ms": light,
            "each file, ms": thorough,
            "one path updated, ms": median_ms(update, 9),
        }


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--settle", type=float, default=0.5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        picture = pictures(place / "one", 1)[0]
        looking = [measure_looking(place, n, picture) for n in (given.files // 10, given.files)]
        publish("watching_looks", looking)
        latency = measure_latency(place, given.pictures, given.repeats, given.settle)
        publish("watching", latency)


if __name__ == "__main__":
    main()
