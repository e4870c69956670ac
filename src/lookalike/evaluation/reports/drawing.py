"""What all charts are drawn with: places in pixels, axes with readable numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.reports.figures import Look, new_figure, text_width, unmarked
from lookalike.evaluation.reports.labels import FEWEST_TICKS, Box, ticks_between
from lookalike.evaluation.reports.palette import GRID, GROUND, INK, SOFT, mark_size

__all__ = ["MARGIN", "SIZE", "SMALL", "TITLE", "Axis", "Drawing", "Written", "bounds", "set_scale"]

Written = Callable[[float], str]

SIZE = 12.0
SMALL = 11.0
TITLE = 26.0
MARGIN = 14.0
# Numbers that an axis steps by, times powers of ten.
STEPS = [1, 2, 2.5, 5, 10]
# Pixels between two numbers of an axis.
CLEAR = 10
# Group names run from here: a page finds the groups of a series by them.
GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Axis:
    """What one side of a chart measures.

    Attributes:
        title: In words, with the unit unless ``written`` gives it.
        is_log: Whether equal steps are equal factors.
        ticks: Where numbers stand; None to choose.
        written: How a number is written.
        low, high: Where it begins and ends; None to choose.
    """

    title: str
    is_log: bool = False
    ticks: Sequence[float] | None = None
    written: Written | None = None
    low: float | None = None
    high: float | None = None


class Drawing:
    """A figure on which places are given in pixels from its lower left corner."""

    def __init__(self, look: Look, height: float, title: str = "") -> None:
        self.look, self.height = look, height
        self.figure = new_figure(look, height)
        if title:
            self.write(2, height - 16, title, SIZE + 2, weight="bold")

    def field(self, box: Box) -> Any:
        """Make the field that a chart is drawn on."""
        width, height = self.look.width, self.height
        place = (box.left / width, box.bottom / height, box.width / width, box.height / height)
        axes = self.figure.add_axes(place)
        axes.set_facecolor("none")
        for side in ("top", "left", "right", "bottom"):
            axes.spines[side].set_visible(False)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=SMALL, labelcolor=SOFT, pad=5, which="both")
        return axes

    def width_of(self, text: str, size: float = SMALL) -> float:
        """Measure a line of text."""
        return text_width(self.figure, text, size)

    def thin_ticks(self, axes: Any) -> None:
        """Leave numbers of the x axis out until none touches the next."""
        low, high = axes.get_xlim()
        ticks = [float(tick) for tick in axes.get_xticks() if low <= tick <= high]
        written = axes.xaxis.get_major_formatter().format_ticks
        while len(ticks) > 2:
            places = axes.transData.transform([(tick, 0.5) for tick in ticks])[:, 0]
            texts = [self.width_of(text) for text in written(ticks)]
            needed = [(a + b) / 2 + CLEAR for a, b in zip(texts[1:], texts[:-1], strict=True)]
            if all(
                step > room for step, room in zip(places[1:] - places[:-1], needed, strict=True)
            ):
                break
            ticks = ticks[::2]
        axes.set_xticks(ticks)

    def fitted(self, text: str, width: float) -> str:
        """Shorten a small text in the middle until it fits."""
        needed = self.width_of(text)
        if needed <= width:
            return text
        whole, keep = text, int(len(text) * width / needed)
        while keep > 5 and self.width_of(text) > width:
            text = f"{whole[: keep - keep // 3]}\u2026{whole[-(keep // 3) :]}"
            keep -= 1
        return text

    def write(
        self, x: float, y: float, text: str, size: float = SMALL, *, series: int | None = None,
        colour: str = INK, **more: Any,
    ) -> None:  # fmt: skip
        """Write a line of text; that of a series is found by its group's name."""
        gid = None if series is None else f"{group_of(series)}:text"
        where = (x / self.look.width, y / self.height)
        self.figure.text(*where, unmarked(text), fontsize=size, color=colour, gid=gid, **more)

    def stroke(self, xs: Sequence[float], ys: Sequence[float], colour: str, series: int) -> None:
        """Draw a thin line, such as that from a series' end to its name."""
        self.add_line(
            xs, ys, color=colour, linewidth=0.8, alpha=0.55, gid=f"{group_of(series)}:stroke"
        )

    def dot(
        self, x: float, y: float, mark: str, colour: str, *, series: int | None = None,
        is_hollow: bool = False,
    ) -> None:  # fmt: skip
        """Draw a marker."""
        self.add_line(
            [x], [y], marker=mark, color=colour, markersize=mark_size(mark, 6), linestyle="none",
            markerfacecolor=GROUND if is_hollow else colour, markeredgecolor=colour,
            gid=None if series is None else f"{group_of(series)}:mark",
        )  # fmt: skip

    def add_line(self, xs: Sequence[float], ys: Sequence[float], **more: Any) -> None:
        """Add a line of matplotlib's to the figure."""
        from matplotlib.lines import Line2D

        across = [x / self.look.width for x in xs]
        up = [y / self.height for y in ys]
        self.figure.add_artist(Line2D(across, up, transform=self.figure.transFigure, **more))


def group_of(series: int) -> str:
    """Name the group of a series."""
    return f"series:{series % GROUPS}"


def level_grid(axes: Any) -> None:
    """Draw level grid lines and a ground line with small marks."""
    axes.spines["bottom"].set_visible(True)
    axes.spines["bottom"].set_color(GRID)
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.tick_params(axis="x", length=4, color=GRID, which="major")


def bounds(values: Sequence[float], axis: Axis) -> tuple[float, float]:
    """Choose where an axis begins and ends, a little beyond what it shows."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not axis.is_log)]
    low, high = (min(finite), max(finite)) if finite else (0.1, 1.0)
    if axis.is_log:
        room = max((high / low) ** 0.06, 1.12)
        low, high = low / room, high * room
    else:
        room = (high - low) * 0.06 or abs(high) * 0.05 or 0.05
        low, high = low - room, high + room
    return (
        low if axis.low is None else axis.low,
        high if axis.high is None else axis.high,
    )


def set_scale(axes: Any, side: str, axis: Axis, limits: tuple[float, float]) -> None:
    """Set where the ``x`` or ``y`` axis runs, and its numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    if axis.is_log:
        axes.set(**{f"{side}scale": "log"})
    axes.set(**{f"{side}lim": limits})
    ticks = axis.ticks
    if ticks is None and axis.is_log:
        ticks = ticks_between(*limits)
        if len(ticks) < FEWEST_TICKS:
            between = MaxNLocator(FEWEST_TICKS + 1, steps=STEPS).tick_values(*limits)
            ticks = [float(tick) for tick in between if limits[0] <= tick <= limits[1]]
    shown = axes.xaxis if side == "x" else axes.yaxis
    locator = MaxNLocator(6, steps=STEPS) if ticks is None else FixedLocator(list(ticks))
    shown.set_major_locator(locator)
    shown.set_minor_locator(NullLocator())
    written = axis.written or (None if ticks is None else "{:g}".format)
    if written is not None:
        shown.set_major_formatter(FuncFormatter(lambda value, _: written(value)))
