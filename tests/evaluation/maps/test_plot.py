"""The PNG: points, names that do not lie over each other, pictures where there is room."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.evaluation.maps.columns import Quantities, categories_of
from lookalike.evaluation.maps.plot import MapPlot, map_png, picture_rows, shortened, uncrowded

pytest.importorskip("matplotlib")


def jpeg(colour) -> bytes:
    data = BytesIO()
    Image.new("RGB", (20, 16), colour).save(data, "JPEG", quality=95)
    return data.getvalue()


def drawn(column, pictures=(), outliers=(), count=40):
    points = np.random.default_rng(0).uniform(-9, 9, (count, 2)).astype(np.float32)
    places, rings = points[:1], np.array(outliers, dtype=np.int64)
    plot = MapPlot("title $", "subtitle " * 40, points, column, ("name",), places, rings, pictures)
    return np.asarray(Image.open(BytesIO(map_png(plot))).convert("RGB")).astype(int)


def count_near(image, colour, tolerance=20):
    return int((np.abs(image - colour).max(axis=2) < tolerance).sum())


def test_points_have_the_colours_of_their_values():
    image = drawn(categories_of("kind", list("ab" * 20)))
    assert image.shape == (1260, 1800, 3)
    # At 85 % over white.
    blue, orange = (96, 140, 212), (229, 140, 78)
    assert count_near(image, blue) > 500
    assert count_near(image, orange) > 500


@pytest.mark.parametrize("is_moment", [False, True])
def test_numbers_and_dates_have_a_range_of_colours(is_moment):
    numbers = np.linspace(0, 1e9, 40)
    numbers[3] = np.nan
    image = drawn(Quantities("when", numbers, is_moment=is_moment), outliers=[1, 2])
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 300


def test_pictures_are_drawn_over_the_points():
    column = categories_of("kind", ["a"] * 40)
    plain = drawn(column)
    pictured = drawn(column, pictures=[jpeg((10, 200, 60))] * 40)
    assert count_near(plain, (10, 200, 60)) == 0
    assert count_near(pictured, (10, 200, 60)) > 10_000


def test_one_picture_a_cell_the_one_nearest_to_its_middle():
    points = np.array([[0.1, 0.1], [0.5, 0.6], [0.5, 0.5], [1.9, 0.5]], dtype=np.float32)
    pictures = [b"a", b"b", None, b"d"]
    assert sorted(picture_rows(points, pictures, 1.0)) == [1, 3]
    assert picture_rows(points, [], 1.0) == []


def test_names_that_would_lie_over_earlier_ones_are_left_out():
    places = np.array([[0, 0], [0.1, 0.05], [0, 5], [30, 0]], dtype=np.float32)
    kept = uncrowded(["first", "second", "third", "fourth"], places, inch=5.0)
    assert [name for name, _ in kept] == ["first", "third", "fourth"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_point_or_two(count):
    image = drawn(
        categories_of("kind", ["a"] * count), pictures=[jpeg((9, 9, 9))] * count, count=count
    )
    assert image.shape == (1260, 1800, 3)


def test_a_letter_that_the_typeface_lacks_warns_nobody():
    column = categories_of("kind", ["\u65e5\u672c", "\u4e2d\u56fd"] * 20)
    assert drawn(column).shape == (1260, 1800, 3)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("short", "short"),
        ("x" * 26, "x" * 26),
        ("The walks in the mountains, summer of 2021", "The walks in …mmer of 2021"),
        ("$" * 30, r"\$" * 13 + "…" + r"\$" * 12),
    ],
)
def test_a_long_name_keeps_both_ends(name, shown):
    assert shortened(name) == shown
