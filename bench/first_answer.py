"""How long the command line takes to its first answer, imports included.

A gallery of 10,000 images is made once, with the gallery's own writer, from
random unit rows in the built-in encoder's space; then ``lookalike search`` runs
as a process, with and without a server that has the gallery open, taking turns with
a process that only imports the libraries which any program of this kind needs, and
one that only starts Python. All find compiled bytecode, as installed programs do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.client import find_record
from lookalike.encoders import load_encoder
from lookalike.gallery import Gallery, NewImage
from lookalike.vectors import EmbeddingSpace
from reporting import RESULTS, publish

FLOOR = "import numpy, PIL, onnxruntime"
FLOOR_NAME = f'python -c "{FLOOR}"'
START_NAME = 'python -c ""'
# How long the server may take until it is ready.
STARTING_S = 60
# As large as the commits of an indexing run.
COMMIT_ROWS = 512


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the first answer of the command line.")
    parser.add_argument("--images", type=int, default=10_000, help="size of the gallery")
    parser.add_argument("--runs", type=int, default=10, help="runs of each program")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    gallery = ready_gallery(RESULTS / f"first_answer_{asked.images}.gallery", asked.images)
    query = str(ready_query(RESULTS / "query.jpg"))
    programs = {
        "lookalike search": search_command(gallery, query, "--no-daemon"),
        "lookalike search --id": search_command(gallery, "--id", "1", "--no-daemon"),
        "lookalike search, served": search_command(gallery, query),
        "lookalike search --id, served": search_command(gallery, "--id", "1"),
        FLOOR_NAME: [sys.executable, "-c", FLOOR],
        START_NAME: [sys.executable, "-c", ""],
    }
    with served(gallery):
        seconds = timed(programs, asked.runs)
    floor = statistics.median(seconds[FLOOR_NAME])
    rows = [
        {
            "program": name,
            "images": asked.images if name.startswith("lookalike") else "-",
            "median, s": statistics.median(times),
            "fastest, s": min(times),
            "median / floor": statistics.median(times) / floor,
        }
        for name, times in seconds.items()
    ]
    publish("first_answer", rows)


def ready_gallery(folder: Path, images: int) -> Path:
    """Make the gallery, unless a whole one of the same space lies there already."""
    space = load_encoder("builtin").space
    if folder.is_dir():
        with Gallery.open(folder) as gallery:
            if gallery.space == space and len(gallery) == images:
                return folder
        shutil.rmtree(folder)
    with Gallery.create(folder, space) as gallery:
        fill(gallery, images, space)
    return folder


def fill(gallery: Gallery, images: int, space: EmbeddingSpace) -> None:
    rng = np.random.default_rng(0)
    with gallery.writer() as writer:
        source = writer.add_source("folder", str(RESULTS.resolve()))
        for start in range(0, images, COMMIT_ROWS):
            count = min(COMMIT_ROWS, images - start)
            rows = rng.standard_normal((count, space.dim)).astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            records = [made_up(source.source_id, start + row, row) for row in range(count)]
            writer.commit(images=records, embeddings=rows)


def made_up(source_id: int, number: int, row: int) -> NewImage:
    return NewImage(
        source_id=source_id,
        path=f"album {number // 100:03}/picture {number:06}.jpg",
        content_hash=f"{number:064x}",
        size_bytes=20_000,
        mtime_ns=10**18 + number,
        width=500,
        height=375,
        format="JPEG",
        embedding_row=row,
    )


def ready_query(file: Path) -> Path:
    """Draw a picture of an ordinary size."""
    if not file.exists():
        across, down = np.meshgrid(np.arange(500), np.arange(375))
        pixels = np.stack([across % 256, down % 256, (across + down) % 256], axis=2)
        Image.fromarray(pixels.astype(np.uint8)).save(file)
    return file


def search_command(gallery: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "lookalike", "search", *words, "--gallery", str(gallery)]


@contextmanager
def served(gallery: Path) -> Iterator[None]:
    """Serve the gallery, from when it is found and ready."""
    command = [sys.executable, "-m", "lookalike", "serve", str(gallery), "--port", "0", "-q"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            until = time.monotonic() + STARTING_S
            while find_record(gallery) is None:
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit("The server did not start.")
                time.sleep(0.05)
            yield
        finally:
            server.terminate()


def timed(programs: dict[str, list[str]], runs: int) -> dict[str, list[float]]:
    """Run the programs in turns, after one round that counts for nothing."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(RESULTS / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for round_number in range(runs + 1):
        for name, command in programs.items():
            start = time.perf_counter()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
            if round_number:
                seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
