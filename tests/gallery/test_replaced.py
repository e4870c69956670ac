"""Another gallery in the place of an open one: nothing of the former is written into it."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryUnreadable
from lookalike.gallery import Gallery
from lookalike.vectors import EmbeddingSpace

UP = np.array([[0, 0, 1, 0]], dtype=np.float32)


@pytest.fixture
def former(filled: Gallery) -> Path:
    """Where the filled gallery will be."""
    return filled.path.with_name("former.gallery")


def replace(gallery: Gallery, former: Path, space: EmbeddingSpace) -> None:
    """Put an empty gallery in the place of another."""
    gallery.path.rename(former)
    with Gallery.create(gallery.path, space) as made, made.writer() as writer:
        # The two were made within one second, perhaps.
        writer._connection.execute("UPDATE settings SET value = '' WHERE key = 'created'")


def test_an_open_writer_commits_nothing_any_more(
    filled: Gallery, former: Path, space: EmbeddingSpace, picture: Any
) -> None:
    with filled.writer() as writer:
        replace(filled, former, space)
        with pytest.raises(GalleryUnreadable, match="Another gallery has taken the place"):
            writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)

    for folder, count in ((former, 3), (filled.path, 0)):
        with Gallery.open(folder) as gallery:
            report = gallery.verify()
            assert (len(gallery), report.problems, report.leftovers) == (count, (), ())


def test_nobody_becomes_the_writer_of_another_gallery(
    filled: Gallery, former: Path, space: EmbeddingSpace
) -> None:
    replace(filled, former, space)
    left = filled.path / "segments" / "00000001-01234567.npy"
    left.touch()
    with pytest.raises(GalleryUnreadable, match="Another gallery has taken the place"):
        filled.writer()

    assert left.exists()
    with Gallery.open(filled.path) as gallery, gallery.writer():
        assert not left.exists()


def test_a_gallery_tells_that_another_was_seen_in_its_place(
    filled: Gallery, former: Path, space: EmbeddingSpace
) -> None:
    replace(filled, former, space)
    before = filled.is_replaced
    with pytest.raises(GalleryUnreadable) as caught:
        filled.image(1)

    assert (before, filled.is_replaced) == (False, True)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


def test_a_copy_in_its_place_is_seen_too_and_read(filled: Gallery, former: Path) -> None:
    shutil.copytree(filled.path, former)
    shutil.rmtree(filled.path)
    former.rename(filled.path)

    assert len(filled) == 3
    assert filled.is_replaced


def test_what_went_away_and_came_back_is_the_same(filled: Gallery, former: Path) -> None:
    filled.path.rename(former)
    former.rename(filled.path)

    assert len(filled) == 3
    assert not filled.is_replaced
