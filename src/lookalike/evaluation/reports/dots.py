"""Charts of rows of dots: one number, or its percentiles, for each index and encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.reports.drawing import (
    MARGIN,
    SMALL,
    TITLE,
    Axis,
    Drawing,
    Written,
    bounds,
    group_of,
    set_scale,
)
from lookalike.evaluation.reports.figures import WIDE, Look, plain_settings
from lookalike.evaluation.reports.labels import Box
from lookalike.evaluation.reports.palette import GRID, GROUND, SOFT, mark_size, style_of

__all__ = ["Dot", "DotColumn", "DotRow", "dot_chart"]

ROW, HEAD, GAP = 19.0, 22.0, 8.0
BOTTOM, TOP = 30.0, 34.0
# Below this factor between the ends, steps from zero read better than factors.
NEAR = 5


@dataclass(frozen=True, slots=True)
class Dot:
    """One number, or the middle of several.

    Attributes:
        value: Where the dot lies.
        far: Where the line that leaves it ends; None for none.
        tick: A mark on that line.
        low: Where a line to its left begins.
    """

    value: float
    far: float | None = None
    tick: float | None = None
    low: float | None = None


@dataclass(frozen=True, slots=True)
class DotRow:
    """One row.

    Attributes:
        group: Rows of one group stand together below its name.
        name: To its left.
        dots: One for each column, or None where nothing was measured.
        place: Which colour and marker.
    """

    group: str
    name: str
    dots: Sequence[Dot | None]
    place: int = 0


@dataclass(frozen=True, slots=True)
class DotColumn:
    """What the dots of one column measure.

    Attributes:
        title: In words.
        written: How a number is written.
        is_log: Whether equal steps are equal factors.
        middle: A level line that has a meaning, such as no difference.
    """

    title: str
    written: Written
    is_log: bool = True
    middle: float | None = None


def dot_chart(
    rows: Sequence[DotRow],
    columns: Sequence[DotColumn],
    *,
    look: Look = WIDE,
    title: str = "",
) -> Any:
    """Draw columns of dots on the same rows; below each other on a phone."""
    with plain_settings():
        return _Board(rows, columns, look).drawn(title)


class _Board:
    """One figure of rows while it is laid out."""

    def __init__(self, rows: Sequence[DotRow], columns: Sequence[DotColumn], look: Look) -> None:
        self.rows, self.columns, self.look = rows, columns, look
        self.heights: list[float] = []
        self.heads: list[tuple[str, float]] = []
        self.body = self.stack()

    def stack(self) -> float:
        """Find the height of each row, from the top down."""
        down, group = 0.0, ""
        for row in self.rows:
            if row.group and row.group != group:
                down += HEAD + (GAP if group else 0)
                self.heads.append((row.group, down - HEAD / 2 + 2))
            group = row.group
            down += ROW
            self.heights.append(down - ROW / 2)
        return down + GAP

    def drawn(self, title: str) -> Any:
        """Lay the columns out."""
        look = self.look
        down = len(self.columns) if look.is_narrow else 1
        step = TOP + self.body + BOTTOM
        self.drawing = Drawing(look, down * step + (TITLE if title else 0), title)
        names = max((self.drawing.width_of(row.name) for row in self.rows), default=0.0)
        names = min(names + 14, look.width * 0.42)
        across = len(self.columns) // down
        width = (look.width - names) / across
        for number, column in enumerate(self.columns):
            row, place = divmod(number, across)
            bottom = (down - 1 - row) * step + BOTTOM
            box = Box(names + place * width + 8, bottom, width - MARGIN - 8, self.body)
            self.draw_column(number, column, box)
            if place == 0:
                self.name_rows(names, bottom + self.body)
        return self.drawing.figure

    def draw_column(self, number: int, column: DotColumn, box: Box) -> None:
        """Draw one number of every row, and write it to the right."""
        dots = [row.dots[number] for row in self.rows]
        texts = [column.written(dot.value) if dot else "" for dot in dots]
        room = max((self.drawing.width_of(text) for text in texts), default=0.0) + 12
        axes = self.drawing.field(box._replace(width=box.width - room))
        axes.set_ylim(self.body, 0)
        axes.set_yticks([])
        axes.tick_params(labelsize=SMALL - 1, pad=3)
        axes.grid(axis="x", color=GRID, linewidth=1)
        scale_across(axes, column, [dot for dot in dots if dot])
        self.drawing.thin_ticks(axes)
        top = box.bottom + box.height
        left = 2 if self.look.is_narrow else box.left
        self.drawing.write(left, top + 12, column.title, weight="bold")
        for row, dot, text, down in zip(self.rows, dots, texts, self.heights, strict=True):
            if dot is None:
                continue
            draw_dot(axes, dot, down, row.place)
            self.drawing.write(
                box.left + box.width - room + 12, top - down, text, series=row.place,
                verticalalignment="center_baseline",
            )  # fmt: skip

    def name_rows(self, names: float, top: float) -> None:
        """Write the names of the rows and of their groups."""
        middle = "center_baseline"
        for name, down in self.heads:
            self.drawing.write(2, top - down, name, weight="bold", verticalalignment=middle)
        for row, down in zip(self.rows, self.heights, strict=True):
            self.drawing.write(
                names - 4, top - down, self.drawing.fitted(row.name, names - 6), colour=SOFT,
                series=row.place, horizontalalignment="right", verticalalignment=middle,
            )  # fmt: skip


def scale_across(axes: Any, column: DotColumn, dots: Sequence[Dot]) -> None:
    """Choose the scale of a column."""
    ends = [
        end
        for dot in dots
        for end in (dot.value, dot.far, dot.low, column.middle)
        if end is not None
    ]
    is_log = column.is_log and max(ends, default=1) > NEAR * min(ends, default=1) > 0
    is_from_zero = column.is_log and not is_log
    axis = Axis("", is_log=is_log, written=column.written, low=0.0 if is_from_zero else None)
    set_scale(axes, "x", axis, bounds(ends, axis))
    if column.middle is not None:
        axes.axvline(column.middle, color=SOFT, linewidth=1.2, zorder=1)


def draw_dot(axes: Any, dot: Dot, height: float, place: int) -> None:
    """Draw a dot with the line that leaves it."""
    style, group = style_of(place), group_of(place)
    axes.axhline(height, color=GRID, linewidth=0.7, zorder=0.5)
    begin, end = dot.low if dot.low is not None else dot.value, dot.far
    if end is not None:
        axes.plot(
            [begin, end], [height, height], color=style.colour, linewidth=2.4, alpha=0.45,
            gid=group, solid_capstyle="round",
        )  # fmt: skip
    if dot.tick is not None:
        axes.plot([dot.tick], [height], marker="|", color=style.colour, markersize=8, gid=group)
    axes.plot(
        [dot.value], [height], marker=style.mark, color=style.colour, zorder=3, gid=group,
        markersize=mark_size(style.mark, 7), markeredgecolor=GROUND, clip_on=False,
    )  # fmt: skip
