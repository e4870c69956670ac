"""Colours, markers and dashes of plots and pages, on light and on dark ground.

The eight colours of series stay at least 9.8 (OKLab, x 100) apart from each other for
normal sight and under simulated protanopia, deuteranopia and tritanopia (Machado et al.
2009), and have a contrast of at least 2.9 with the ground. A series past the eighth has
another dash, and every one another marker: nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lookalike.search.sheet import INK

__all__ = ["DARK", "GRID", "INK", "LIGHT", "SOFT", "Style", "mark_of", "mark_size", "style_of"]

GROUND = "#ffffff"
SOFT = "#5d6576"
GRID = "#e1e4ea"
SERIES = (
    "#005bff", "#a93607", "#006a60", "#ea668e", "#b69300", "#7c25a2", "#23a1d0", "#372546",
)  # fmt: skip
DARK_SERIES = (
    "#2bb4ff", "#ff6015", "#38997a", "#e687bf", "#f2cf63", "#995edd", "#6fe9db", "#ffffff",
)  # fmt: skip
# By the name of the page's variable. Plots are drawn in the light colours; on a page
# each of these gives way to its variable.
LIGHT = {
    "ground": GROUND, "ink": INK, "soft": SOFT, "grid": GRID,
    **{f"s{number}": colour for number, colour in enumerate(SERIES)},
}  # fmt: skip
DARK = {
    "ground": "#14161c", "ink": "#e8ebf2", "soft": "#a0a8b8", "grid": "#2c313c",
    **{f"s{number}": colour for number, colour in enumerate(DARK_SERIES)},
}  # fmt: skip
MARKS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h", "*", "d")
# Markers of one size look unlike in size: thin ones are drawn larger.
LARGER = {"P": 1.25, "X": 1.25, "*": 1.6, "d": 1.25, "D": 0.9, "<": 1.15, ">": 1.15, "^": 1.15}
DASHES: tuple[Any, ...] = ("solid", (0, (4, 1.6)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5)))


@dataclass(frozen=True, slots=True)
class Style:
    """How one series is drawn.

    Attributes:
        colour: A light colour.
        mark: A marker of matplotlib.
        dash: A line style of matplotlib.
    """

    colour: str
    mark: str
    dash: Any


def style_of(place: int) -> Style:
    """Choose the look of a series by its place."""
    return Style(
        SERIES[place % len(SERIES)],
        MARKS[place % len(MARKS)],
        DASHES[place // len(SERIES) % len(DASHES)],
    )


def mark_of(place: int) -> str:
    """Choose a marker by place."""
    return MARKS[place % len(MARKS)]


def mark_size(mark: str, size: float) -> float:
    """Choose the size at which a marker looks as large as a dot of ``size``."""
    return size * LARGER.get(mark, 1.0)
