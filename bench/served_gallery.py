"""A gallery to serve: real pictures and their views in the space of the encoder in the box.

    python bench/served_gallery.py [--rows 100000]

As many rows as are asked for: every picture of the shared data, whole, then random views
of them as bench/views.py makes them. The rows are real embeddings; the files are not kept,
so that the catalog names pictures that are nowhere. Half of them have a label and a year
as metadata. An index is tuned, as ``lookalike index`` does for a gallery of that size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from first_answer import made_up
from lookalike.encoders import Encoder, load_encoder, prepare
from lookalike.gallery import Gallery, NewImage
from lookalike.search.rebuilding import refresh_index
from reporting import RESULTS
from views import part_tasks, pictures, view

COMMIT_ROWS, CALL = 2000, 16
LABELS = ("animal", "clothing", "food", "thing", "place")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    ready_gallery(parser.parse_args().rows)


def ready_gallery(rows: int) -> Path:
    """Make the gallery, unless a whole one lies there already."""
    folder = RESULTS / f"served-{rows}.gallery"
    encoder = load_encoder("builtin")
    if folder.is_dir():
        with Gallery.open(folder) as gallery:
            if gallery.space == encoder.space and len(gallery) >= rows:
                return folder
    making = folder.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    RESULTS.mkdir(exist_ok=True)
    with Gallery.create(making, encoder.space) as gallery:
        fill(gallery, rows, encoder)
        refresh_index(gallery)
    making.rename(folder)
    return folder


def fill(gallery: Gallery, rows: int, encoder: Encoder) -> None:
    """Embed and commit, a piece at a time."""
    known, _ = pictures()
    start = time.perf_counter()
    with gallery.writer() as writer, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        source = writer.add_source("import", str(RESULTS.resolve() / "views"))
        for first in range(0, rows, COMMIT_ROWS):
            tasks = part_tasks(known, first, min(COMMIT_ROWS, rows - first))
            embeddings = np.concatenate(
                list(pool.map(lambda part: embedded(encoder, part), calls(tasks)))
            )
            images = [described(source.source_id, first + row, row) for row in range(len(tasks))]
            writer.commit(images=images, embeddings=embeddings)
            rate = (first + len(tasks)) / (time.perf_counter() - start)
            sys.stderr.write(f"{first + len(tasks)} rows, {rate:.0f} a second\n")


def calls(tasks: list[tuple[bytes, int | None]]) -> Iterator[list[tuple[bytes, int | None]]]:
    """Share tasks out in calls of the encoder."""
    for start in range(0, len(tasks), CALL):
        yield tasks[start : start + CALL]


def embedded(encoder: Encoder, part: list[tuple[bytes, int | None]]) -> NDArray[np.float32]:
    """Embed pictures: whole as they are, or a view of them."""
    inputs = [
        prepare(data if seed is None else view(data, seed), encoder)[1] for data, seed in part
    ]
    return encoder.encode(np.stack(inputs))


def described(source_id: int, number: int, row: int) -> NewImage:
    """Describe a picture that is nowhere; every other one has metadata."""
    told = {"label": LABELS[number % len(LABELS)], "year": 2000 + number % 25}
    return replace(made_up(source_id, number, row), metadata=told if number % 2 else {})


if __name__ == "__main__":
    main()
