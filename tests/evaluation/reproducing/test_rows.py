"""Random views by the thousand, embedded part by part."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders.embedding import embed
from lookalike.evaluation.reproducing import rows
from lookalike.evaluation.reproducing.rows import random_view, view_rows


@pytest.fixture
def pictures(tmp_path):
    """Two pictures, red on the left and blue on the right."""
    files = []
    for number in range(2):
        image = Image.new("RGB", (40, 30), (200, 10 * number, 0))
        image.paste((0, 0, 200), (20, 0, 40, 30))
        files.append(str(tmp_path / f"{number}.png"))
        image.save(files[-1])
    return files


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of four rows."""
    monkeypatch.setattr(rows, "PART", 4)


def test_a_view_is_a_part_of_the_picture_and_the_same_for_the_same_seed():
    image = Image.new("RGB", (400, 300), (90, 120, 30))
    first, again, other = (random_view(image, (0, number)) for number in (7, 7, 8))
    assert first.tobytes() == again.tobytes()
    assert first.size != other.size or first.tobytes() != other.tobytes()
    shares = [
        view.width * view.height / (400 * 300)
        for view in (random_view(image, (0, number)) for number in range(50))
    ]
    assert 0.3 < min(shares) < max(shares) <= 1.0


def test_rows_are_the_embeddings_of_the_views_in_turn(pictures, encoder, tmp_path, small_parts):
    out = np.empty((10, 3), np.float32)
    view_rows(pictures, out, encoder, folder=tmp_path / "views", seed=5)
    for number in range(10):
        view = random_view(Image.open(pictures[number % 2]), (5, number))
        assert np.allclose(out[number], embed([view], encoder)[0], atol=1e-6)


def test_an_interrupted_run_goes_on_where_it_was(
    pictures, encoder, tmp_path, small_parts, monkeypatch
):
    whole, again = np.empty((10, 3), np.float32), np.empty((10, 3), np.float32)
    view_rows(pictures, whole, encoder, folder=tmp_path / "whole", seed=5)
    true, seen = rows.viewed, []

    def interrupted(paths, number, *rest):
        if number == 6:
            raise KeyboardInterrupt
        return true(paths, number, *rest)

    monkeypatch.setattr(rows, "viewed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        view_rows(pictures, again, encoder, folder=tmp_path / "views", seed=5)

    def counted(paths, number, *rest):
        seen.append(number)
        return true(paths, number, *rest)

    monkeypatch.setattr(rows, "viewed", counted)
    view_rows(pictures, again, encoder, folder=tmp_path / "views", seed=5)
    assert min(seen) == 4
    assert np.array_equal(again, whole)


def test_parts_of_other_pictures_or_another_seed_are_not_taken(pictures, encoder, tmp_path):
    first, other, third = (np.empty((3, 3), np.float32) for _ in range(3))
    view_rows(pictures, first, encoder, folder=tmp_path / "views", seed=5)
    view_rows(pictures, other, encoder, folder=tmp_path / "views", seed=6)
    assert not np.allclose(first, other)
    view_rows(pictures[:1], third, encoder, folder=tmp_path / "views", seed=5)
    assert np.allclose(third[0], first[0])
    assert not np.allclose(third[1], first[1])


def test_a_run_in_small_leaves_the_views_of_the_whole_one(pictures, encoder, tmp_path, monkeypatch):
    whole, small, again = np.empty((3, 3), np.float32), np.empty((2, 3)), np.empty((3, 3))
    view_rows(pictures, whole, encoder, folder=tmp_path / "views", seed=5)
    view_rows(pictures[:1], small, encoder, folder=tmp_path / "views", seed=5)
    monkeypatch.setattr(rows, "viewed", lambda *given: 1 / 0)
    view_rows(pictures, again, encoder, folder=tmp_path / "views", seed=5)
    assert np.array_equal(again, whole)
