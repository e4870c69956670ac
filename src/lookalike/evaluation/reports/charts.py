"""Charts of lines, each named at its end, with intervals as bands; one or several panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.reports.drawing import (
    MARGIN,
    SIZE,
    SMALL,
    TITLE,
    Axis,
    Drawing,
    bounds,
    group_of,
    level_grid,
    set_scale,
)
from lookalike.evaluation.reports.figures import WIDE, Look, new_figure, plain_settings, text_width
from lookalike.evaluation.reports.labels import Box, spread
from lookalike.evaluation.reports.palette import GROUND, SOFT, mark_of, mark_size, style_of

__all__ = ["Axis", "Line", "Panel", "line_chart", "panel_chart"]

LEFT, BOTTOM, TOP = 46.0, 46.0, 32.0
LINE_HEIGHT = 17.0
NUMBER_HEIGHT = 14.0
MARKS_HEIGHT = 26.0
# From the last point of a line to its name.
FAN = 34.0
# Above it, bands would only hide each other: they are drawn, but hardly.
MANY = 5
MOST_ACROSS = 3
# The share of a panel's width that names may take.
MOST_FOR_NAMES = 0.36


@dataclass(frozen=True, slots=True)
class Line:
    """One series.

    Attributes:
        name: At its end.
        xs, ys: Its points.
        lows, highs: The interval of each point.
        place: Which colour, marker and dash; also the number that stands for its name.
        marks: The marker of each point, where it tells something else than the series.
        trails: Thinner curves of the same series, as (xs, ys).
        is_joined: Whether a line runs through the points.
        is_published: Somebody else's numbers: grey and hollow.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    lows: Sequence[float] | None = None
    highs: Sequence[float] | None = None
    place: int = 0
    marks: Sequence[int] | None = None
    trails: Sequence[tuple[Sequence[float], Sequence[float]]] = ()
    is_joined: bool = True
    is_published: bool = False

    @property
    def colour(self) -> str:
        """The colour of the series."""
        return SOFT if self.is_published else style_of(self.place).colour


@dataclass(frozen=True, slots=True)
class Panel:
    """One of several charts side by side.

    Attributes:
        title: Above it.
        lines: In it.
    """

    title: str
    lines: Sequence[Line]


def line_chart(
    lines: Sequence[Line],
    *,
    x: Axis,
    y: Axis,
    look: Look = WIDE,
    marks: Mapping[str, int] | None = None,
    title: str = "",
    ceiling: Sequence[tuple[float, float]] = (),
) -> Any:
    """Draw series, each named at its end where there is room, else by number and list.

    Args:
        lines: The first is drawn above the others.
        x: Below.
        y: Its title stands above the chart, level.
        look: The room there is.
        marks: What the markers mean, where lines have ``marks``.
        title: Above all, for a figure that stands alone.
        ceiling: Points (x, y) that nothing can lie above.
    """
    return panel_chart(
        [Panel("", lines)], x=x, y=y, look=look, marks=marks, title=title, ceiling=ceiling
    )


def panel_chart(
    panels: Sequence[Panel],
    *,
    x: Axis,
    y: Axis,
    look: Look = WIDE,
    marks: Mapping[str, int] | None = None,
    title: str = "",
    ceiling: Sequence[tuple[float, float]] = (),
) -> Any:
    """Draw charts beside each other on one scale, or below each other on a phone."""
    with plain_settings():
        sheet = _Sheet(panels, x, y, look, marks or {})
        return sheet.drawn(title, ceiling)


class _Sheet:
    """One figure of panels while it is laid out."""

    def __init__(
        self, panels: Sequence[Panel], x: Axis, y: Axis, look: Look, marks: Mapping[str, int]
    ) -> None:
        self.panels = [
            Panel(panel.title, [line for line in panel.lines if len(line.xs)]) for panel in panels
        ]
        self.x, self.y, self.look, self.marks = x, y, look, marks
        self.names = {line.name: line for panel in self.panels for line in panel.lines}
        self.measured = new_figure(look, 10)
        self.is_numbered = len(self.names) > 1 and (look.is_narrow or self.is_tight())
        self.is_crowded = len(self.names) > MANY

    def drawn(self, title: str, ceiling: Sequence[tuple[float, float]]) -> Any:
        """Lay the panels, the names and the explanations out."""
        look, count = self.look, len(self.panels)
        down = count if look.is_narrow else -(-count // MOST_ACROSS)
        across = -(-count // down)
        names = NameList(self.names.values(), look) if self.is_numbered else None
        over = TOP + (20.0 if any(panel.title for panel in self.panels) else 0)
        step = over + self.body() + BOTTOM
        head = (TITLE if title else 0) + (MARKS_HEIGHT if self.marks else 0)
        foot = names.height if names else 0.0
        self.drawing = Drawing(look, head + down * step + foot, title)
        if self.marks:
            self.explain_marks(self.drawing.height - (TITLE if title else 0) - 14)
        right = self.right_margin()
        width = look.width / across
        limits = self.limits(ceiling)
        for number, panel in enumerate(self.panels):
            row, column = divmod(number, across)
            bottom = foot + (down - 1 - row) * step + BOTTOM
            box = Box(column * width + LEFT, bottom, width - LEFT - right, self.body())
            self.draw_panel(panel, box, limits, ceiling)
        if names:
            names.write(self.drawing)
        return self.drawing.figure

    def is_tight(self) -> bool:
        """Tell whether names at the ends of panels would leave the lines too little room."""
        widest = max(text_width(self.measured, name, SIZE) for name in self.names)
        across = min(len(self.panels), MOST_ACROSS)
        return across > 1 and widest + FAN > MOST_FOR_NAMES * self.look.width / across

    def body(self) -> float:
        """Choose how high a chart is."""
        if len(self.panels) > 1:
            return max(230.0, NUMBER_HEIGHT * len(self.names) + 10)
        if self.look.is_narrow:
            return max(230.0, NUMBER_HEIGHT * len(self.names) + 10)
        return max(300.0, LINE_HEIGHT * len(self.names) + 20)

    def limits(
        self, ceiling: Sequence[tuple[float, float]]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Choose what all panels show."""
        lines = [line for panel in self.panels for line in panel.lines]
        curves = [(line.xs, line.ys) for line in lines]
        curves += [trail for line in lines for trail in line.trails]
        xs = [float(x) for across, _ in curves for x in across]
        ys = [float(y) for _, up in curves for y in up]
        ys += [float(y) for _, y in ceiling]
        if not self.is_crowded:
            ys += [float(y) for line in lines for y in [*(line.lows or ()), *(line.highs or ())]]
        return bounds(xs, self.x), bounds(ys, self.y)

    def right_margin(self) -> float:
        """Leave room for names at the ends."""
        if len(self.names) < 2:
            return MARGIN
        texts = [str(len(self.names))] if self.is_numbered else list(self.names)
        size = SMALL if self.is_numbered else SIZE
        return max(text_width(self.measured, text, size) for text in texts) + FAN + 20

    def draw_panel(
        self,
        panel: Panel,
        box: Box,
        limits: tuple[tuple[float, float], tuple[float, float]],
        ceiling: Sequence[tuple[float, float]],
    ) -> None:
        """Draw one chart."""
        axes = self.drawing.field(box)
        level_grid(axes)
        set_scale(axes, "x", self.x, limits[0])
        set_scale(axes, "y", self.y, limits[1])
        self.drawing.thin_ticks(axes)
        axes.set_xlabel(self.x.title, fontsize=SMALL, color=SOFT, labelpad=6)
        left, above = box.left - LEFT + 2, box.bottom + box.height + 12
        if panel.title:
            self.drawing.write(left, above + 20, panel.title, SIZE, weight="bold")
        self.drawing.write(left, above, self.y.title, colour=SOFT)
        if ceiling:
            draw_ceiling(axes, ceiling)
        for depth, line in enumerate(reversed(panel.lines)):
            draw_line(axes, line, depth=3 + depth / 100, is_crowded=self.is_crowded)
        if len(self.names) > 1:
            self.name_ends(axes, panel.lines, box)

    def name_ends(self, axes: Any, lines: Sequence[Line], box: Box) -> None:
        """Write each series' name, or its number, near the height where it ends."""
        ends = [axes.transData.transform(end_of(line)) for line in lines]
        heights = spread(
            [float(y) for _, y in ends],
            NUMBER_HEIGHT if self.is_numbered else LINE_HEIGHT,
            low=box.bottom + 4,
            high=box.bottom + box.height,
        )
        edge = box.left + box.width
        for line, (x, y), height in zip(lines, ends, heights, strict=True):
            fan = [x + 5, max(x + 5, edge - 6), edge + FAN - 7]
            self.drawing.stroke(fan, [y, y, height], line.colour, line.place)
            mark = style_of(line.place).mark
            if not line.marks:
                self.drawing.dot(
                    edge + FAN, height, mark, line.colour, series=line.place,
                    is_hollow=line.is_published,
                )  # fmt: skip
            self.drawing.write(
                edge + FAN + (9 if not line.marks else -2), height,
                str(line.place + 1) if self.is_numbered else line.name,
                SMALL if self.is_numbered else SIZE,
                series=line.place, verticalalignment="center_baseline",
            )  # fmt: skip

    def explain_marks(self, top: float) -> None:
        """Say what each marker means, in one line above."""
        left = 8.0
        for name, place in self.marks.items():
            width = self.drawing.width_of(name) + 34
            if left + width > self.look.width + 20 and left > 8:
                break
            self.drawing.dot(left, top, mark_of(place), SOFT)
            self.drawing.write(left + 10, top, name, verticalalignment="center_baseline")
            left += width


class NameList:
    """What the numbers of a chart mean, in columns below it."""

    def __init__(self, lines: Any, look: Look) -> None:
        self.lines = sorted(lines, key=lambda line: line.place)
        measured = new_figure(look, 10)
        widest = max(text_width(measured, line.name, SMALL) for line in self.lines) + 50
        self.columns = max(1, min(4, int(look.width / widest)))
        self.step = look.width / self.columns
        self.rows = -(-len(self.lines) // self.columns)
        self.height = self.rows * LINE_HEIGHT + MARGIN

    def write(self, drawing: Drawing) -> None:
        """Write the list at the foot of a figure."""
        for number, line in enumerate(self.lines):
            column, row = divmod(number, self.rows)
            x, y = 10 + column * self.step, self.height - MARGIN - row * LINE_HEIGHT - 2
            mark = style_of(line.place).mark
            drawing.dot(x, y, mark, line.colour, series=line.place, is_hollow=line.is_published)
            text = f"{line.place + 1}  {line.name}"
            drawing.write(x + 11, y, text, series=line.place, verticalalignment="center_baseline")


def end_of(line: Line) -> tuple[float, float]:
    """Find the point that lies furthest to the right."""
    place = max(range(len(line.xs)), key=lambda number: line.xs[number])
    return float(line.xs[place]), float(line.ys[place])


def draw_line(axes: Any, line: Line, *, depth: float, is_crowded: bool) -> None:
    """Draw one series: its interval, its trails, its line and its points."""
    style, group = style_of(line.place), group_of(line.place)
    draw_interval(axes, line, is_crowded=is_crowded)
    for xs, ys in line.trails:
        axes.plot(
            xs, ys, "o-", color=line.colour, linewidth=1, markersize=2.6, alpha=0.6,
            zorder=depth, gid=group,
        )  # fmt: skip
    if line.is_joined and len(line.xs) > 1:
        axes.plot(
            line.xs, line.ys, color=line.colour, linewidth=1.4 if is_crowded else 2,
            linestyle="dashed" if line.is_published else style.dash, zorder=depth, gid=group,
        )  # fmt: skip
    marks = [mark_of(mark) for mark in line.marks] if line.marks else [style.mark] * len(line.xs)
    for mark in dict.fromkeys(marks):
        shown = [place for place, other in enumerate(marks) if other == mark]
        axes.plot(
            [line.xs[place] for place in shown], [line.ys[place] for place in shown],
            marker=mark, linestyle="none", color=line.colour, zorder=depth + 0.005, gid=group,
            markersize=mark_size(mark, 5.5 if is_crowded else 7), clip_on=False,
            markeredgewidth=1.4 if line.is_published else 0.8,
            markeredgecolor=line.colour if line.is_published else GROUND,
            markerfacecolor=GROUND if line.is_published else line.colour,
        )  # fmt: skip


def draw_interval(axes: Any, line: Line, *, is_crowded: bool) -> None:
    """Draw a band along a line, or a bar through each point that stands alone."""
    if line.lows is None or line.highs is None:
        return
    group = group_of(line.place)
    if line.is_joined and line.marks is None and len(line.xs) > 1:
        axes.fill_between(
            line.xs, line.lows, line.highs, color=line.colour, linewidth=0, zorder=2,
            alpha=0.05 if is_crowded else 0.14, gid=group,
        )  # fmt: skip
    elif not is_crowded:
        axes.vlines(
            line.xs, line.lows, line.highs, color=line.colour, alpha=0.45, linewidth=1.6,
            zorder=2, gid=group,
        )  # fmt: skip


def draw_ceiling(axes: Any, ceiling: Sequence[tuple[float, float]]) -> None:
    """Draw what nothing can pass, named where it begins."""
    xs, ys = zip(*ceiling, strict=True)
    axes.plot(xs, ys, color=SOFT, linewidth=1, linestyle=(0, (2, 2)), zorder=2)
    axes.annotate(
        "best possible",
        (xs[0], ys[0]),
        (1, 3),
        textcoords="offset points",
        fontsize=SMALL - 1,
        color=SOFT,
    )
