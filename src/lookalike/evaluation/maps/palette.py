"""Colours of a map: unlike where points are near each other, readable on light and dark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.maps.columns import Categories

__all__ = ["NO_COLOUR", "PALETTE", "RAMP", "colour_numbers", "nearest_colours"]

# Ten hues, then the same ones darker and lighter: each at least 2:1 against white and black.
PALETTE = (
    "#4477cc", "#e0782f", "#3a9a4f", "#cc4455", "#8a63c4", "#9a6a4a", "#d565b0", "#2aa5b5",
    "#a3a32a", "#7a8294", "#1f9e89", "#b03a8c", "#5f86ff", "#c99a1a", "#6b8e23", "#ff6f61",
    "#5a9bd4", "#a05195", "#2f8f6f", "#d4807a", "#7f7fd5", "#b5651d", "#4fb06a", "#c2477f",
)  # fmt: skip
NO_COLOUR = "#9aa0ac"
# From few to many: from blue to amber, which colour-blind readers tell apart, and neither so
# dark nor so light that an end would vanish on one of the two backgrounds.
RAMP = ("#3f6fd8", "#7a62cf", "#b5559f", "#d9605f", "#d97f35", "#d3a21f")


def colour_numbers(column: Categories, points: NDArray[np.float32]) -> list[int]:
    """Choose a colour of the palette for each value: unlike those of its neighbors on the map.

    Up to as many values as colours, none is used twice. Beyond, a value takes the
    colour whose nearest other bearer is farthest away.

    Args:
        column: Its values, the most frequent first.
        points: Where the images are ``(n, 2)``.

    Returns:
        A position in ``PALETTE`` for each value.
    """
    count, colours = len(column.values), len(PALETTE)
    if count <= colours:
        return list(range(count))
    places = middles(column, points)
    chosen = list(range(colours))
    for value in range(colours, count):
        gaps = np.linalg.norm(places[:value] - places[value], axis=1)
        nearest = np.full(colours, np.inf)
        np.minimum.at(nearest, np.array(chosen), gaps)
        chosen.append(int(np.argmax(nearest)))
    return chosen


def middles(column: Categories, points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Find the middle of each value's images ``(values, 2)``."""
    known = column.codes >= 0
    codes = column.codes[known]
    sums = [np.bincount(codes, points[known, axis], len(column.values)) for axis in (0, 1)]
    return np.stack(sums, axis=1) / np.maximum(column.counts, 1)[:, None]


def nearest_colours(numbers: NDArray[np.float64], low: float, high: float) -> list[str]:
    """Mix the colour of each number on the ramp from low to high; NaN has none."""
    stops = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in RAMP])
    share = np.clip((numbers - low) / ((high - low) or 1.0), 0, 1) * (len(stops) - 1)
    colours = []
    for place in share:
        if np.isnan(place):
            colours.append(NO_COLOUR)
            continue
        mixed = [np.interp(place, range(len(stops)), stops[:, each]) for each in range(3)]
        colours.append("#" + "".join(f"{round(float(value)):02x}" for value in mixed))
    return colours


def known_range(numbers: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Find the range that colours are spread over: 2 in 100 at either end share the last one."""
    known = np.asarray(numbers, dtype=np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, [2, 98])
    if low == high:
        low, high = known.min(), known.max()
    return float(low), float(high)
