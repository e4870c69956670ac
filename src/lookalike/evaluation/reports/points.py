"""Charts of named points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.reports.charts import BOTTOM, LEFT, TOP, Line, NameList
from lookalike.evaluation.reports.drawing import (
    MARGIN,
    SMALL,
    TITLE,
    Axis,
    Drawing,
    bounds,
    group_of,
    level_grid,
    set_scale,
)
from lookalike.evaluation.reports.figures import WIDE, Look, plain_settings
from lookalike.evaluation.reports.labels import Box, placed_beside
from lookalike.evaluation.reports.palette import GRID, GROUND, SOFT, mark_size, style_of

__all__ = ["Point", "point_chart"]

MANY_ON_A_PHONE = 3
MANY = 6
# Heights of a label from which on a line leads to it.
FAR = 1.6


@dataclass(frozen=True, slots=True)
class Point:
    """One named point.

    Attributes:
        name: Beside it.
        x, y: Where it lies.
        low, high: The interval of ``y``.
        place: Which colour and marker.
        is_best: Nothing else is better in both ways.
    """

    name: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    place: int = 0
    is_best: bool = False


def point_chart(
    points: Sequence[Point], *, x: Axis, y: Axis, look: Look = WIDE, title: str = ""
) -> Any:
    """Draw named points; those that nothing beats in both ways lie on a grey path."""
    with plain_settings():
        names = None
        if look.is_narrow and len(points) > MANY_ON_A_PHONE:
            names = NameList(
                [Line(point.name, [point.x], [point.y], place=point.place) for point in points],
                look,
            )
        body, foot = (250.0, names.height) if names else (300.0, 0.0)
        drawing = Drawing(look, foot + BOTTOM + body + TOP + (TITLE if title else 0), title)
        box = Box(LEFT, BOTTOM + foot, look.width - LEFT - MARGIN, body)
        draw_points(drawing, points, box, x, y, is_numbered=names is not None)
        if names:
            names.write(drawing)
        return drawing.figure


def draw_points(
    drawing: Drawing, points: Sequence[Point], box: Box, x: Axis, y: Axis, *, is_numbered: bool
) -> None:
    """Draw the points, the path of the best, and the names beside."""
    axes = drawing.field(box)
    level_grid(axes)
    ends = [end for point in points for end in (point.low, point.high, point.y) if end is not None]
    set_scale(axes, "x", x, bounds([point.x for point in points], x))
    set_scale(axes, "y", y, bounds(ends, y))
    drawing.thin_ticks(axes)
    axes.set_xlabel(x.title, fontsize=SMALL, color=SOFT, labelpad=6)
    drawing.write(2, box.bottom + box.height + 12, y.title, colour=SOFT)
    best = sorted((point.x, point.y) for point in points if point.is_best)
    if len(best) > 1:
        axes.plot(*zip(*best, strict=True), color=GRID, linewidth=5, zorder=1)
    for point in points:
        style, group = style_of(point.place), group_of(point.place)
        if point.low is not None and point.high is not None:
            axes.vlines(
                [point.x], [point.low], [point.high], color=style.colour,
                alpha=0.2 if len(points) > MANY else 0.4,
                linewidth=1.6, gid=group,
            )  # fmt: skip
        axes.plot(
            [point.x], [point.y], marker=style.mark, color=style.colour, zorder=3, gid=group,
            markersize=mark_size(style.mark, 8), markeredgecolor=GROUND, clip_on=False,
        )  # fmt: skip
    name_points(drawing, axes, points, box, is_numbered=is_numbered)


def name_points(
    drawing: Drawing, axes: Any, points: Sequence[Point], box: Box, *, is_numbered: bool
) -> None:
    """Write each point's name, or its number, where it covers least."""
    texts = [str(point.place + 1) if is_numbered else point.name for point in points]
    spots = [axes.transData.transform((point.x, point.y)) for point in points]
    sizes = [(drawing.width_of(text), SMALL + 2) for text in texts]
    boxes = placed_beside([(float(x), float(y)) for x, y in spots], sizes, box)
    for point, (x, y), text, place in zip(points, spots, texts, boxes, strict=True):
        if abs(place.bottom + place.height / 2 - y) > FAR * place.height:
            side = place.left - 2 if place.left > x else place.left + place.width + 2
            colour = style_of(point.place).colour
            drawing.stroke([x, side], [y, place.bottom + place.height / 2], colour, point.place)
        drawing.write(place.left, place.bottom + 2, text, series=point.place)
