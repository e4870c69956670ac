"""Galleries of a few pictures whose embeddings are chosen by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.gallery import Gallery, NewImage
from lookalike.vectors import EmbeddingSpace, unit_rows

KINDS = ("cat", "dog", "owl")
DIM = 8


def around(kinds: int, each: int, *, dim: int = DIM, seed: int = 0, width: float = 0.05):
    """Rows around the first axes of the space, and which axis each is around."""
    dice = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(kinds), each)
    return unit_rows(np.eye(dim)[numbers] + width * dice.normal(size=(len(numbers), dim))), numbers


def made_gallery(
    folder: Path,
    rows: np.ndarray,
    paths: list[str],
    *,
    metadata: list[dict[str, Any]] | None = None,
    encoder: str = "builtin",
    has_files: bool = True,
) -> Gallery:
    """Make a gallery inside a folder of small pictures, one colour each."""
    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for row, path in enumerate(paths):
        if has_files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            colour = (37 * row % 256, 91 * row % 256, 13 * row % 256)
            Image.new("RGB", (24, 16), colour).save(folder / path, format="PNG")
        images.append(
            NewImage(
                source_id=1, path=path, content_hash=f"hash {row}", size_bytes=100 + row,
                mtime_ns=1, width=24, height=16, format="PNG", embedding_row=row,
                metadata=metadata[row] if metadata else None,
            )
        )  # fmt: skip
    space = EmbeddingSpace("tests", rows.shape[1], encoder=encoder)
    gallery = Gallery.create(folder / ".lookalike", space, dtype="float32")
    with gallery.writer() as writer:
        writer.add_source("folder", str(folder))
        writer.commit(images=images, embeddings=rows)
    return gallery


@pytest.fixture
def zoo(tmp_path: Path) -> Gallery:
    """Ten pictures of each of three kinds in folders; each has an age, every other a keeper."""
    rows, numbers = around(3, 10)
    paths = [f"{KINDS[kind]}/{row:02}.png" for row, kind in enumerate(numbers)]
    metadata = [{"age": row, **({"keeper": "Ada"} if row % 2 else {})} for row in range(30)]
    return made_gallery(tmp_path / "zoo", rows, paths, metadata=metadata)


@pytest.fixture
def make_gallery(tmp_path: Path) -> Callable[..., Gallery]:
    """Make further galleries."""

    def make(rows: np.ndarray, paths: list[str], **settings: Any) -> Gallery:
        return made_gallery(tmp_path / "made", rows, paths, **settings)

    return make
