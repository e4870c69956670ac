"""The map as one picture, by matplotlib."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import MissingExtra
from lookalike.evaluation.maps.columns import Categories, Quantities
from lookalike.evaluation.maps.palette import (
    NO_COLOUR,
    PALETTE,
    RAMP,
    colour_numbers,
    known_range,
    nearest_colours,
)

__all__ = ["MapPlot", "map_png", "require_matplotlib"]

INK, FAINT = "#1f2430", "#7a8294"
LISTED = 24
NAMED = 60
LETTER_POINTS = 8
LETTERS = 26
LINE_LETTERS = 130
PICTURES_ACROSS = 22


@dataclass(frozen=True, slots=True, eq=False)
class MapPlot:
    """What is drawn.

    Attributes:
        title: Above the map.
        subtitle: In smaller letters below the title.
        points: ``(n, 2)``.
        column: What the points are coloured by.
        names: Written over the map, one for each place.
        places: Where, ``(names, 2)``.
        outliers: Rows that get a ring.
        pictures: JPEGs to draw over the points, where there is room; None for a row
            without one. Empty for points alone.
    """

    title: str
    subtitle: str
    points: NDArray[np.float32]
    column: Categories | Quantities
    names: Sequence[str]
    places: NDArray[np.float32]
    outliers: NDArray[np.int64]
    pictures: Sequence[bytes | None] = ()


def require_matplotlib() -> Any:
    """Import the part of matplotlib that draws into files and opens no window.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("plot", "Drawing a map as PNG") from error
    return Figure


def map_png(plot: MapPlot) -> bytes:
    """Draw a map as a PNG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    figure = require_matplotlib()(figsize=(12, 8.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    colours = draw_points(axes, plot)
    draw_pictures(axes, plot, colours)
    rings = plot.points[plot.outliers]
    axes.scatter(
        rings[:, 0], rings[:, 1], s=26, facecolors="none", edgecolors=INK, linewidths=0.7, zorder=4,
    )  # fmt: skip
    write_names(axes, plot)
    if len(rings):
        axes.text(
            0, 0, "ring: least like any other", transform=axes.transAxes, fontsize=8, color=FAINT
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
    axes.margins(0.02)
    figure.suptitle(plain(plot.title), fontsize=14, color=INK, x=0.01, ha="left")
    subtitle = textwrap.fill(plain(plot.subtitle), LINE_LETTERS)
    axes.set_title(subtitle, fontsize=9, color=FAINT, loc="left")
    data = BytesIO()
    with warnings.catch_warnings():
        # A letter that the typeface lacks is an empty box here, and whole on the page.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(data, format="png")
    return data.getvalue()


def draw_points(axes: Any, plot: MapPlot) -> list[str]:
    """Draw the points, say what their colours mean, and return them."""
    size = float(np.clip(30_000 / max(len(plot.points), 1), 1.2, 26))
    column = plot.column
    if isinstance(column, Quantities):
        low, high = known_range(column.numbers)
        colours = nearest_colours(column.numbers, low, high)
        scatter(axes, plot.points, colours, size)
        add_ramp(axes, column, low, high)
        return colours
    numbers = colour_numbers(column, plot.points)
    by_code = [*(PALETTE[number] for number in numbers), NO_COLOUR]
    # In the order of the codes the largest group would lie under all others.
    order = np.random.default_rng(0).permutation(len(plot.points))
    scatter(axes, plot.points[order], [by_code[code] for code in column.codes[order]], size)
    add_legend(axes, column, numbers)
    return [by_code[code] for code in column.codes]


def draw_pictures(axes: Any, plot: MapPlot, colours: Sequence[str]) -> None:
    """Draw a picture for each cell of a grid that has one, with a rim of its point's colour."""
    from matplotlib.patches import Rectangle

    width_of_all = float(np.ptp(plot.points, axis=0).max()) if len(plot.points) else 0.0
    side = width_of_all / PICTURES_ACROSS or 1.0
    for row in picture_rows(plot.points, plot.pictures, side):
        image = np.asarray(Image.open(BytesIO(plot.pictures[row] or b"")).convert("RGB"))
        height, width = (0.46 * side * length / max(image.shape[:2]) for length in image.shape[:2])
        x, y = plot.points[row].tolist()
        corner = (x - width, y - height)
        extent = (x - width, x + width, y - height, y + height)
        axes.imshow(image, extent=extent, aspect="auto", zorder=3, interpolation="antialiased")
        axes.add_patch(
            Rectangle(corner, 2 * width, 2 * height, fill=False, edgecolor=colours[row], zorder=3)
        )
    axes.autoscale()


def picture_rows(
    points: NDArray[np.float32], pictures: Sequence[bytes | None], side: float
) -> list[int]:
    """Choose the row nearest to the middle of each cell, of those that have a picture."""
    rows = [row for row, picture in enumerate(pictures) if picture]
    if not rows:
        return []
    cells = points[rows].astype(np.float64) / side
    gaps = np.abs(cells - np.floor(cells) - 0.5).max(axis=1)
    best: dict[tuple[int, ...], int] = {}
    for place in np.argsort(gaps, kind="stable").tolist():
        best.setdefault(tuple(np.floor(cells[place]).astype(int).tolist()), rows[place])
    return list(best.values())


def scatter(axes: Any, points: NDArray[np.float32], colours: Sequence[str], size: float) -> None:
    """Draw points, rastered."""
    axes.scatter(
        points[:, 0], points[:, 1], s=size, c=colours, linewidths=0, alpha=0.85, rasterized=True
    )


def add_legend(axes: Any, column: Categories, numbers: Sequence[int]) -> None:
    """List the most frequent values with their counts beside the map."""
    from matplotlib.lines import Line2D

    counts = column.counts
    shown = range(min(len(column.values), LISTED))
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=PALETTE[numbers[value]],
               label=f"{shortened(column.values[value])}  {counts[value]:,}")
        for value in shown
    ]  # fmt: skip
    left = len(column.values) - LISTED
    if left > 0:
        handles.append(Line2D([], [], linestyle="", label=f"and {left:,} more"))
    if (column.codes < 0).any():
        without = int((column.codes < 0).sum())
        handles.append(
            Line2D([], [], marker="o", linestyle="", color=NO_COLOUR, label=f"none  {without:,}")
        )
    legend = axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8,
        title=plain(column.name), alignment="left", labelcolor=INK,
    )  # fmt: skip
    legend.get_title().set_fontweight("bold")


def add_ramp(axes: Any, column: Quantities, low: float, high: float) -> None:
    """Show which colour stands for which number."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    colours = LinearSegmentedColormap.from_list("ramp", RAMP)
    bar = axes.figure.colorbar(
        ScalarMappable(Normalize(low, high), colours), ax=axes, shrink=0.6, pad=0.01
    )
    bar.set_label(plain(column.name))
    bar.outline.set_visible(False)
    if column.is_moment:
        from datetime import datetime, timezone

        bar.formatter = lambda value, place: datetime.fromtimestamp(value, timezone.utc).strftime(
            "%Y-%m-%d"
        )
        bar.update_ticks()


def write_names(axes: Any, plot: MapPlot) -> None:
    """Write names over their places, the first ones first, with a pale rim."""
    from matplotlib.patheffects import withStroke

    width, height = axes.figure.get_size_inches()
    spans = np.maximum(np.ptp(plot.points, axis=0), 1e-9)
    inch = float(max(spans[0] / (0.8 * width), spans[1] / (0.9 * height)))
    rim = withStroke(linewidth=2.6, foreground="white", alpha=0.85)
    for name, (x, y) in uncrowded(plot.names, plot.places, inch):
        axes.text(
            x, y, name, fontsize=LETTER_POINTS, fontweight="bold", color=INK, ha="center",
            va="center", zorder=5, path_effects=[rim],
        )  # fmt: skip


def uncrowded(
    names: Sequence[str], places: NDArray[np.float32], inch: float
) -> list[tuple[str, tuple[float, float]]]:
    """Pick the names that do not lie over earlier ones, by a guess at how wide letters are.

    Args:
        names: The most important first.
        places: Of their middles.
        inch: How far one inch goes on the map.
    """
    kept: list[tuple[str, tuple[float, float]]] = []
    taken: list[tuple[float, float, float]] = []
    letter = LETTER_POINTS / 72 * inch
    for name, place in zip(names, places.tolist(), strict=True):
        text, (x, y) = shortened(name), place
        half = 0.31 * letter * len(text)
        if len(kept) < NAMED and all(
            abs(x - other_x) > half + other_half or abs(y - other_y) > 1.2 * letter
            for other_x, other_y, other_half in taken
        ):
            kept.append((text, (x, y)))
            taken.append((x, y, half))
    return kept


def shortened(text: str) -> str:
    """Cut a long name in its middle: many differ at their ends only."""
    if len(text) <= LETTERS:
        return plain(text)
    return plain(f"{text[: LETTERS // 2]}…{text[1 - LETTERS + LETTERS // 2 :]}")


def plain(text: str) -> str:
    """Keep matplotlib from reading formulas, and replace what is no letter of any script."""
    return text.encode("utf-8", "replace").decode().replace("$", r"\$")
