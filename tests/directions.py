"""A gallery of random directions, large enough for an index, whose writer can die."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.gallery import Gallery, NewImage
from lookalike.index import FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.search import published
from lookalike.vectors import EmbeddingSpace, unit_rows

DIM = 16
CONFIG = IndexConfig("ivf", nlist=8)
SPACE = EmbeddingSpace("fingerprint-of-directions", DIM, encoder="none")


def directions(count: int, seed: int) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, DIM)))


def make(path: Path) -> Gallery:
    gallery = Gallery.create(path, SPACE, dtype="float32")
    with gallery.writer() as writer:
        writer.add_source("folder", str(path.parent))
    return gallery


def add(gallery: Gallery, count: int, seed: int) -> None:
    """Add images with the metadata ``kind`` (even, odd) and ``number``."""
    images = [
        NewImage(
            1, f"{seed}-{row}.jpg", f"content {seed} {row}", 1, 1, 640, 480, "JPEG",
            metadata={"kind": "odd" if row % 2 else "even", "number": row}, embedding_row=row,
        )
        for row in range(count)
    ]  # fmt: skip
    with gallery.writer() as writer:
        writer.commit(images=images, embeddings=directions(count, seed))


def publish(gallery: Gallery, config: IndexConfig = CONFIG) -> Path:
    """Build and publish an index that finds everything."""
    snapshot = gallery.snapshot()
    index = build_index(snapshot.blocks, config, dim=DIM, dead=snapshot.dead)
    if isinstance(index, FaissIndex):
        index.params = SearchParams(nprobe=8, ef_search=64)
    return published.publish_index(gallery, snapshot, index, {"why": "a test"}, config=config)


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def dying_after(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        die()

    return call


def arm(step: str) -> None:
    """Let the process die at a step of publishing."""
    from lookalike.index import saving

    if step == "half-written file":
        saving.checksum = die
    elif step == "no facts yet":
        saving.json.dumps = die
    elif step == "before rename":
        published.os.rename = die
    elif step == "after rename":
        published.os.rename = dying_after(published.os.rename)
    elif step == "old one still there":
        published.remove_folders = dying_on_second(published.remove_folders)
    else:
        raise ValueError(step)


def dying_on_second(function: Any) -> Any:
    calls = []

    def call(*args: Any, **kwargs: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            die()
        function(*args, **kwargs)

    return call


if __name__ == "__main__":
    arm(sys.argv[2])
    publish(Gallery.open(sys.argv[1]))
