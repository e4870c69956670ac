"""Labels that keep clear of each other, ticks that can be read, colours that can be told apart."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lookalike.evaluation.reports.labels import Box, placed_beside, spread, ticks_between
from lookalike.evaluation.reports.palette import DARK, LIGHT, style_of

# Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB.
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
         [0.0883024619, 0.2817188376, 0.6299787005]]
    )  # fmt: skip
    mixed = np.array(
        [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
         [0.0259040371, 0.7827717662, -0.808675766]]
    )  # fmt: skip
    return mixed @ np.cbrt(cones @ np.clip(rgb, 0, 1))


def contrast(one: str, other: str) -> float:
    weights = [0.2126, 0.7152, 0.0722]
    bright, dim = sorted(
        (float(linear(one) @ weights), float(linear(other) @ weights)), reverse=True
    )
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_no_two_series_look_alike_to_anybody(theme, sight):
    seen = [oklab(SIGHTS[sight] @ linear(theme[f"s{place}"])) for place in range(8)]

    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.098


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_series_and_words_stand_out_from_the_ground(theme):
    assert min(contrast(theme[f"s{place}"], theme["ground"]) for place in range(8)) > 2.9
    assert contrast(theme["ink"], theme["ground"]) > 12
    assert contrast(theme["soft"], theme["ground"]) > 4.5


def test_thirteen_series_differ_in_more_than_colour():
    styles = [style_of(place) for place in range(13)]

    assert len({style.mark for style in styles}) == 13
    assert len({(style.colour, str(style.dash)) for style in styles}) == 13


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ([], []),
        ([50], [50]),
        ([10, 90], [10, 90]),
        ([50, 50], [45, 55]),
        ([50, 50, 54], [41.333, 51.333, 61.333]),
        ([54, 50, 50], [61.333, 41.333, 51.333]),
        ([0, 0, 100], [0, 10, 100]),
        ([100, 100], [90, 100]),
    ],
)
def test_places_move_apart_as_little_as_they_must(wanted, places):
    assert spread(wanted, 10, low=0, high=100) == pytest.approx(places, abs=0.001)


def test_where_there_is_too_little_room_the_gap_shrinks():
    assert spread([5, 5, 5], 10, low=0, high=10) == pytest.approx([0, 5, 10])


def test_labels_beside_points_cover_neither_each_other_nor_a_point():
    points = [(100.0, 100.0), (104.0, 100.0), (100.0, 104.0), (300.0, 100.0)]
    frame = Box(0, 0, 400, 200)

    boxes = placed_beside(points, [(80.0, 12.0)] * 4, frame)

    dots = [Box(x - 3, y - 3, 6, 6) for x, y in points]
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(dot) == 0 for box in boxes for dot in dots)
    assert all(box.overlap(frame) == pytest.approx(80 * 12) for box in boxes)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 2000, [1, 10, 100, 1000]),
        (8, 120, [10, 30, 100]),
        (9, 60, [10, 20, 50]),
        (9, 31, [10, 15, 20, 30]),
        (1e-6, 1e9, [1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
    ],
)
def test_ticks_are_round_and_few(low, high, ticks):
    assert ticks_between(low, high) == pytest.approx(ticks)
