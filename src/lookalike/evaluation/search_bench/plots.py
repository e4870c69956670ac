"""A comparison's result as a plot: recall against queries per second, memory, build time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtra

__all__ = ["save_bench_plot"]

OWN = "tuned-"
# As many as there are engines, each unlike its neighbors in the legend.
COLOURS = (
    "#7f7f7f", "#111111", "#8c564b", "#d62728", "#ff7f0e", "#2ca02c", "#006d2c", "#1f77b4",
    "#08306b", "#9467bd", "#e377c2", "#17becf", "#bcbd22",
)  # fmt: skip


def save_bench_plot(bench: Mapping[str, Any], file: Path) -> None:
    """Draw the comparison into a PNG or SVG file.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("plot", "Drawing a plot") from error
    figure = Figure(figsize=(13, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    facts = bench["facts"]
    figure.suptitle(
        f"{facts['rows']:,} rows x {facts['dim']}, ann_recall@{facts['k']}, "
        f"{facts['threads']} thread(s)"
    )
    recall_plot(axes[0][0], bench, "batch_qps", "queries per second, all in one call")
    recall_plot(axes[0][1], bench, "single_qps", "queries per second, one a call")
    bars(axes[1][0], bench, "bytes per vector", lambda result: result["bytes_per_vector"])
    bars(axes[1][1], bench, "build, CPU seconds", lambda result: result["build"]["cpu_s"])
    figure.savefig(file, dpi=110)


def recall_plot(axis: Any, bench: Mapping[str, Any], speed: str, title: str) -> None:
    """Draw one curve an engine; what the tuner chose as stars."""
    for colour, (name, result) in zip(COLOURS * 2, bench["engines"].items(), strict=False):
        points = sorted(result["points"], key=lambda point: point["recall"])
        recalls = [point["recall"] for point in points]
        speeds = [point[speed] for point in points]
        if name.startswith(OWN):
            axis.plot(recalls, speeds, "*", markersize=14, label=name, color=colour, zorder=3)
        else:
            axis.plot(recalls, speeds, "o-", markersize=4, linewidth=1.2, label=name, color=colour)
    axis.set_yscale("log")
    axis.set_xlim(0.7, 1.005)
    axis.set_xlabel("recall")
    axis.set_ylabel(title)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=8, loc="lower left")


def bars(axis: Any, bench: Mapping[str, Any], title: str, value: Any) -> None:
    """Draw one bar an engine."""
    names = list(bench["engines"])
    axis.barh(names, [value(bench["engines"][name]) for name in names], color="#2f6fed")
    axis.invert_yaxis()
    axis.set_xlabel(title)
    axis.grid(alpha=0.3, axis="x")
