"""A gallery of pictures of all kinds, served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, add_images
from served_pictures import FILES, ODD


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, make in FILES.items():
        (folder / name).write_bytes(make())
    return folder


@pytest.fixture
def gallery(tmp_path: Path, photos: Path, encoder: Encoder) -> Iterator[Gallery]:
    with Gallery.create(tmp_path / "colours.gallery", encoder.space) as made:
        rows = {name: {"ending": name[-3:]} for name in FILES if name != ODD}
        add_images(made, photos, encoder, metadata=MetadataTable(rows))
        assert [image.path for image in made.images()] == sorted(FILES)
        yield made
