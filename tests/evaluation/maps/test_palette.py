"""Colours: all different as long as there are enough, then unlike those nearby."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.evaluation.maps.columns import categories_of
from lookalike.evaluation.maps.palette import (
    NO_COLOUR,
    PALETTE,
    RAMP,
    colour_numbers,
    known_range,
    nearest_colours,
)


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [*PALETTE, *RAMP, NO_COLOUR])
def test_colours_stand_out_from_both_backgrounds(colour):
    light, dark = luminance("#ffffff"), luminance("#14171d")
    own = luminance(colour)
    assert (light + 0.05) / (own + 0.05) > 2
    assert (own + 0.05) / (dark + 0.05) > 2


def test_few_values_have_colours_of_their_own():
    column = categories_of("x", [f"{row % 20}" for row in range(40)])
    numbers = colour_numbers(column, np.zeros((40, 2), np.float32))
    assert len(set(numbers)) == 20


def test_many_values_share_colours_with_those_far_away():
    count = len(PALETTE) + 1
    column = categories_of("x", [f"{row:03}" for row in range(count)])
    points = np.stack([np.arange(count), np.zeros(count)], axis=1).astype(np.float32)
    # The last lies at the right end: the farthest of the others is the first.
    assert colour_numbers(column, points)[-1] == 0


def test_numbers_get_colours_by_their_share_of_the_range():
    colours = nearest_colours(np.array([0, 1, np.nan, 9.0]), 0, 1)
    assert colours == [RAMP[0], RAMP[-1], NO_COLOUR, RAMP[-1]]


def test_the_range_leaves_out_the_farthest():
    low, high = known_range(np.array([*range(101), 10_000, np.nan]))
    assert (low, high) == (pytest.approx(2.02), pytest.approx(98.98))
    assert known_range([5.0, 5.0]) == (5, 5)
    assert known_range([np.nan]) == (0, 1)
