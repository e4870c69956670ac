"""How long ``lookalike search`` takes where a server answers, as a whole process.

    python bench/server.py --part command

From starting Python to its end, with an image_id, a picture and a text, over 60 pictures
and over 100,000; beside a process that only starts Python, and one that imports click
alone. All take turns, and find compiled bytecode, as installed programs do. The processor
time is that of the process that was typed, and hardly depends on what else runs.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from lookalike.demonstration import render_collection
from lookalike.encoders import load_encoder
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from reporting import RESULTS
from serving import served

__all__ = ["command"]

FEW = 60
FLOORS = {'python -c ""': "", 'python -c "import click"': "import click"}


def command(gallery: Path, *, runs: int = 20) -> list[dict[str, object]]:
    """Measure both galleries; medians."""
    few, picture = ready_few()
    rows = []
    for title, folder in ((f"{FEW} pictures", few), ("100,000 pictures", gallery)):
        with served(folder) as server:
            typed = [sys.executable, "-m", "lookalike", "search", "--gallery", str(server.gallery)]
            programs = {
                "lookalike search --id 1": [*typed, "--id", "1"],
                "lookalike search PICTURE": [*typed, str(picture)],
                "lookalike search --text": [*typed, "--text", "a red car"],
                **{name: [sys.executable, "-c", code] for name, code in FLOORS.items()},
            }
            for name, times in timed(programs, runs).items():
                rows.append(row(name, title, times))
    return rows


def row(name: str, title: str, times: list[tuple[float, float]]) -> dict[str, object]:
    """Write a row."""
    walls, processor = zip(*times, strict=True)
    return {
        "program": name, "gallery": title if name.startswith("lookalike") else "-",
        "median, ms": statistics.median(walls), "fastest, ms": min(walls),
        "processor, ms": statistics.median(processor), "least": min(processor),
    }  # fmt: skip


def timed(programs: Mapping[str, list[str]], runs: int) -> dict[str, list[tuple[float, float]]]:
    """Run the programs in turns, after one round that counts for nothing."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(RESULTS / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for number in range(runs + 1):
        for name, words in programs.items():
            start, used = time.perf_counter(), processor_s()
            subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
            if number:
                wall = time.perf_counter() - start
                found[name].append((1e3 * wall, 1e3 * (processor_s() - used)))
    return found


def processor_s() -> float:
    """Tell what ended child processes have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ready_few() -> tuple[Path, Path]:
    """Make a gallery of few pictures, unless it is there; give it, and one of its pictures."""
    folder = RESULTS / f"served-{FEW}"
    pictures, gallery = folder / "pictures", folder / "gallery"
    if not pictures.is_dir():
        render_collection(pictures, pictures=FEW)
    encoder = load_encoder("builtin")
    with Gallery.open_or_create(gallery, encoder.space) as made:
        add_images(made, pictures, encoder)
        first = next(iter(made.images()))
        return gallery, Path(made.absolute_path(first))
