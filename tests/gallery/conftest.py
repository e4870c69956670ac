"""A small gallery whose every number can be worked out by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.gallery import Gallery, NewImage
from lookalike.vectors import EmbeddingSpace

# Unit rows that float16 holds exactly, or nearly: .6 and .8 are off by 0.0003.
EAST = [1.0, 0.0, 0.0, 0.0]
NORTH = [0.0, 1.0, 0.0, 0.0]
UP = [0.0, 0.0, 1.0, 0.0]
BETWEEN = [0.6, 0.8, 0.0, 0.0]

Picture = Callable[..., NewImage]


@pytest.fixture
def space() -> EmbeddingSpace:
    return EmbeddingSpace("fingerprint-of-the-tests", 4, encoder="tests")


@pytest.fixture
def gallery(tmp_path: Path, space: EmbeddingSpace) -> Iterator[Gallery]:
    """An empty gallery."""
    with Gallery.create(tmp_path / "photos.gallery", space) as empty:
        yield empty


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder that pictures come from."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def picture() -> Picture:
    """Make a NewImage from its path; content equals the path unless it is given."""

    def make(path: str, row: int | None = None, **given: Any) -> NewImage:
        values: dict[str, Any] = {
            "source_id": 1,
            "path": path,
            "content_hash": f"hash of {path}",
            "size_bytes": 1000,
            "mtime_ns": 10**18,
            "width": 640,
            "height": 480,
            "format": "JPEG",
            "embedding_row": row,
        }
        return NewImage(**(values | given))

    return make


@pytest.fixture
def filled(gallery: Gallery, photos: Path, picture: Picture) -> Gallery:
    """Images 1 to 3 in source 1: east, north and between; generation 2."""
    with gallery.writer() as writer:
        writer.add_source("folder", str(photos))
        writer.commit(
            images=[picture("east.jpg", 0), picture("north.jpg", 1), picture("between.jpg", 2)],
            embeddings=np.array([EAST, NORTH, BETWEEN], dtype=np.float32),
        )
    return gallery


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount something below the test's folder; skips where that is not allowed."""
    mounted: list[Path] = []

    def run(*words: str) -> None:
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("mounting needs root")
        done = subprocess.run(["mount", *words], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"mounting is not allowed: {done.stderr.decode().strip()}")

    def make(name: str, *words: str) -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        run(*words, str(place))
        if place not in mounted:
            mounted.append(place)
        return place

    yield make
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)
