"""Figures: made without a window, saved as files or laid into a page."""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.reports.palette import GROUND, INK, LIGHT

__all__ = [
    "NARROW",
    "WIDE",
    "Look",
    "can_draw",
    "inline_svg",
    "new_figure",
    "save_plot",
    "text_width",
    "unmarked",
]

ENDINGS = (".png", ".svg")
# Pixels of a PNG for each pixel of a page: sharp on paper and on fine displays.
FINENESS = 2
# One point of matplotlib is one pixel of a page.
POINTS_PER_INCH = 72
SETTINGS = {
    "svg.hashsalt": "lookalike",
    "font.family": "sans-serif",
    # It comes with matplotlib, so that a file looks the same wherever it is made.
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": INK,
}


@dataclass(frozen=True, slots=True)
class Look:
    """The room that a figure has.

    Attributes:
        width: In pixels of a page.
        is_narrow: Whether it is for a phone: names go below instead of beside.
    """

    width: int = 960
    is_narrow: bool = False


WIDE = Look()
NARROW = Look(352, is_narrow=True)


def can_draw() -> bool:
    """Tell whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def new_figure(look: Look, height: float) -> Any:
    """Make an empty figure, its sizes in pixels, within ``plain_settings``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (look.width / POINTS_PER_INCH, height / POINTS_PER_INCH)
    figure = Figure(figsize=size, dpi=POINTS_PER_INCH, facecolor=GROUND)
    FigureCanvasAgg(figure)
    return figure


def text_width(figure: Any, text: str, size: float) -> float:
    """Measure a line of text in pixels."""
    from matplotlib.font_manager import FontProperties

    face = FontProperties(family="DejaVu Sans", size=size)
    renderer = figure.canvas.get_renderer()
    return float(renderer.get_text_width_height_descent(unmarked(text), face, False)[0])


def unmarked(text: str) -> str:
    """Take away what matplotlib would read as a formula or cannot write."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    clean = "".join(letter if letter.isprintable() else "\u00b7" for letter in text)
    return clean.replace("$", r"\$")


def save_plot(figure: Any, file: str | os.PathLike[str]) -> Path:
    """Write a figure as PNG or SVG; equal figures give equal files.

    Raises:
        UsageError: The name ends in neither, or the file cannot be written.
    """
    target = Path(file)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"A plot is written as .png or .svg, not as {target.name}.")
    facts = {"Date": None} if ending == ".svg" else {"Software": None}
    try:
        with plain_settings():
            figure.savefig(
                target, format=ending[1:], dpi=POINTS_PER_INCH * FINENESS, metadata=facts
            )
    except OSError as error:
        raise UsageError(f"The plot {target} cannot be written: {error.strerror}.") from error
    return target


def inline_svg(figure: Any, name: str, description: str) -> str:
    """Write a figure as a part of a page, in the page's colours and typeface.

    Args:
        figure: Whose groups named ``series:N`` can be told apart by the page.
        name: Unlike that of any other figure of the page: what it refers to within
            itself is named after it.
        description: For those who cannot see it.
    """
    written = io.StringIO()
    with plain_settings({"svg.fonttype": "none"}):
        figure.savefig(
            written, format="svg", dpi=POINTS_PER_INCH, facecolor="none", metadata={"Date": None}
        )
    text = written.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(
        r"<svg\b[^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        rf'<svg \1 role="img" aria-label="{escape(description)}">',
        text,
        count=1,
    )
    text = re.sub(r"font: ((?:\d+ )?[\d.]+px) [^;\"]*", r"font: \1 var(--face)", text)
    return re.sub(r"\s*\n\s*", "\n", in_page_colours(with_own_names(text, name))).strip()


def with_own_names(svg: str, name: str) -> str:
    """Name what is referred to after the figure, and drop all other names.

    Two figures of one page must not share a name. Groups of a series become classes.
    """
    used = set(re.findall(r"#([\w.:-]+)", svg))

    def renamed(match: re.Match[str]) -> str:
        series = re.fullmatch(r"series:(\d+)(?::\w+)?", match[1])
        if series:
            return f' class="series s{series[1]}"'
        return f' id="{name}-{match[1]}"' if match[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', renamed, svg)
    return re.sub(r"((?:href=\"|url\()#)", rf"\1{name}-", svg)


def in_page_colours(svg: str) -> str:
    """Let the page decide on light or dark."""
    for variable, colour in LIGHT.items():
        svg = re.sub(rf"(fill|stroke): {colour}", rf"\1: var(--{variable})", svg)
    # What matplotlib leaves unsaid is black.
    return re.sub(r'<text style="(?!fill)', '<text style="fill: var(--ink); ', svg)


@contextmanager
def plain_settings(more: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw by matplotlib's defaults and ours, whatever the user's own file of settings says.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtra("plot", "Drawing a plot") from error

    with matplotlib.rc_context(), warnings.catch_warnings():
        # A letter that the typeface lacks is an empty box in a file, and whole on a page.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**SETTINGS, **(more or {})})
        yield
