"""The plot of recall against time, by matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.errors import MissingExtra, UsageError

__all__ = ["PLOT_FORMATS", "require_plot_file", "save_tuning_plot"]

PLOT_FORMATS = (".png", ".svg", ".pdf")
# Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = ("o", "s", "^", "D", "v", "P")


def require_plot_file(file: str | os.PathLike[str]) -> None:
    """Find out whether a plot could be drawn, before anything is measured.

    Raises:
        UsageError: The file's ending is no format for it.
        MissingExtra: matplotlib is not installed.
    """
    ending = os.path.splitext(os.fspath(file))[1].lower()
    if ending not in PLOT_FORMATS:
        raise UsageError(
            f"The plot {os.fspath(file)} ends in {ending or 'nothing'}: "
            f"name it {', '.join(PLOT_FORMATS[:-1])} or {PLOT_FORMATS[-1]}."
        )
    matplotlib_figure()


def matplotlib_figure() -> Any:
    """Import the part of matplotlib that draws into files and opens no window."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("plot", "Drawing a plot") from error
    return Figure


def save_tuning_plot(evidence: Mapping[str, Any], file: str | os.PathLike[str]) -> None:
    """Draw everything measured, the front that nothing beats, and the choice.

    Args:
        evidence: What ``Tuned.to_dict`` wrote.
        file: Where to: .png, .svg or .pdf.

    Raises:
        UsageError: The file's ending is none of these.
        MissingExtra: matplotlib is not installed.
    """
    require_plot_file(file)
    figure = matplotlib_figure()(figsize=(7.5, 4.6), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    draw_measurements(axes, evidence)
    label(axes, evidence)
    figure.savefig(os.fspath(file))


def milliseconds(measured: Mapping[str, Any], traffic: str) -> float:
    """Say what a query takes under this traffic."""
    if traffic == "single":
        return 1e3 * float(measured["p50_s"])
    return 1e3 / float(measured["batch_queries_per_second"])


def draw_measurements(axes: Any, evidence: Mapping[str, Any]) -> None:
    """Draw the points of each index, the front and the choice."""
    traffic, chosen = evidence["wish"]["traffic"], evidence["chosen"]
    front = evidence["pareto"]
    axes.step(
        [milliseconds(each, traffic) for each in front],
        [each["recall"] for each in front],
        where="post", color="0.6", linewidth=1.2, zorder=1, label="not beaten in both",
    )  # fmt: skip
    names = list(dict.fromkeys(each["name"] for each in evidence["measurements"]))
    for number, name in enumerate(names):
        points = [each for each in evidence["measurements"] if each["name"] == name]
        axes.scatter(
            [milliseconds(each, traffic) for each in points],
            [each["recall"] for each in points],
            s=32, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)],
            edgecolors="white", linewidths=0.6, zorder=3, label=name,
        )  # fmt: skip
    low, high = chosen["recall"] - chosen["recall_low"], chosen["recall_high"] - chosen["recall"]
    axes.errorbar(
        milliseconds(chosen, traffic), chosen["recall"], yerr=[[max(low, 0)], [max(high, 0)]],
        fmt="*", markersize=15, color="black", markerfacecolor="#f0e442", capsize=3, zorder=4,
        label="chosen, with 95 % interval",
    )  # fmt: skip
    target = evidence["wish"]["recall"]
    axes.axhline(target, color="0.3", linestyle="--", linewidth=1, zorder=2)
    axes.annotate(
        f"target {target:g}", (1, target), xycoords=("axes fraction", "data"),
        xytext=(-4, 3), textcoords="offset points", ha="right", fontsize=8, color="0.3",
    )  # fmt: skip


def label(axes: Any, evidence: Mapping[str, Any]) -> None:
    """Write the axes, their limits and the title."""
    wish, chosen = evidence["wish"], evidence["chosen"]
    how = "single query, p50" if wish["traffic"] == "single" else "query, in batches"
    axes.set_xscale("log")
    mark_one_two_five(axes.xaxis)
    axes.set_xlabel(f"milliseconds per {how} (less is better)")
    axes.set_ylabel(f"ann_recall@{wish['k']} (more is better)")
    axes.set_ylim(*limits([each["recall"] for each in evidence["measurements"]], wish["recall"]))
    axes.grid(which="major", color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"{chosen['rows']:,} vectors: {chosen['name']} was chosen", fontsize=11)
    axes.legend(loc="lower right", fontsize=8, frameon=True, edgecolor="0.9")


def mark_one_two_five(axis: Any) -> None:
    """Write 1, 2 and 5 of each decade: matplotlib's own labels run into each other."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, place: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def limits(recalls: Sequence[float], target: float) -> tuple[float, float]:
    """Show what is near the target: points far below it are of no use to anybody."""
    lowest = min([target, *(each for each in recalls if each > target - 0.25)])
    pad = 0.06 * (1 - lowest) or 0.05
    return max(0.0, lowest - pad), 1 + pad
