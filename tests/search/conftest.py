"""A gallery of plain colours, whose scores can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, add_images
from lookalike.search import Searcher
from squares import encoded

# The tiny encoder's embedding is the direction of (red, 2 green, 4 blue). To
# red, (1, 0, 0), the scores are the first numbers.
COLOURS = {
    "red.png": (200, 0, 0),  # (1, 0, 0)
    "red copy.png": (200, 0, 0),  # its very bytes
    "orange.png": (100, 50, 0),  # (1, 1, 0) / sqrt 2 = 0.7071
    "grey.png": (204, 102, 51),  # (1, 1, 1) / sqrt 3 = 0.5774
    "blue.png": (0, 0, 200),  # (0, 0, 1)
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder of colours."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / name).write_bytes(encoded(colour))
    return folder


@pytest.fixture
def gallery(tmp_path: Path, photos: Path, encoder: Encoder) -> Iterator[Gallery]:
    """The gallery: blue 1, grey 2, orange 3, red copy 4, red 5."""
    with Gallery.create(tmp_path / "gallery", encoder.space) as made:
        rows = {name: {"colour": name.removesuffix(".png")} for name in COLOURS}
        add_images(made, photos, encoder, metadata=MetadataTable(rows))
        yield made


@pytest.fixture
def searcher(gallery: Gallery, encoder: Encoder) -> Searcher:
    """A searcher over it."""
    return Searcher(gallery, encoder)


@pytest.fixture
def square() -> object:
    """Encode a plain square: ``square(colour, side)``."""
    return encoded
