"""How long the command line takes to its first answer, imports included.

A gallery of 10,000 images is made once, with the gallery's own writer, from
random unit rows in the built-in encoder's space; then ``lookalike search`` runs
as a process, taking turns with a process that only imports the libraries which
any program of this kind needs. Both find compiled bytecode, as installed
programs do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.encoders import load_encoder
from lookalike.gallery import Gallery, NewImage
from lookalike.vectors import EmbeddingSpace

RESULTS = Path(__file__).parent / "results"
FLOOR = "import numpy, PIL, onnxruntime"
# As large as the commits of an indexing run.
COMMIT_ROWS = 512


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the first answer of the command line.")
    parser.add_argument("--images", type=int, default=10_000, help="size of the gallery")
    parser.add_argument("--runs", type=int, default=10, help="runs of each program")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    gallery = ready_gallery(RESULTS / f"first_answer_{asked.images}.gallery", asked.images)
    programs = {
        "lookalike search": search_command(gallery, ready_query(RESULTS / "query.jpg")),
        f'python -c "{FLOOR}"': [sys.executable, "-c", FLOOR],
    }
    seconds = timed(programs, asked.runs)
    report = {
        "images": asked.images,
        "machine": machine(),
        "seconds": seconds,
        "median_s": {name: statistics.median(times) for name, times in seconds.items()},
    }
    (RESULTS / "first_answer.json").write_text(json.dumps(report, indent=1))
    sys.stdout.write(table(seconds, asked.images))


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


def search_command(gallery: Path, query: Path) -> list[str]:
    return [sys.executable, "-m", "lookalike", "search", str(query), "--gallery", str(gallery)]


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


def table(seconds: dict[str, list[float]], images: int) -> str:
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    floor = list(medians.values())[-1]
    width = max(map(len, medians))
    lines = [f"{'':{width}}  median s  fastest s  ratio to the floor"]
    lines += [
        f"{name:{width}}  {median:8.3f}  {min(seconds[name]):9.3f}  {median / floor:8.2f}"
        for name, median in medians.items()
    ]
    runs = len(next(iter(seconds.values())))
    lines.append(f"{images:,} images, {runs} runs of each in turns; {machine()}")
    return "\n".join(lines) + "\n"


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor()}, {cores} cores, Python {platform.python_version()}"


def processor() -> str:
    """Name the processor as Linux does, else as Python can."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
