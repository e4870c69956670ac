"""Plots of what searching and embedding cost, and of the differences between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.reports.charts import Axis
from lookalike.evaluation.reports.dots import Dot, DotColumn, DotRow, dot_chart
from lookalike.evaluation.reports.figures import WIDE, Look
from lookalike.evaluation.reports.points import Point, point_chart
from lookalike.evaluation.reports.reading import (
    Result,
    by_encoder,
    estimated,
    headline,
    index_names,
    main_judgement,
    references,
    short_names,
)
from lookalike.evaluation.reports.wording import (
    bytes_text,
    count_text,
    metric_title,
    seconds_text,
    signed,
)

__all__ = [
    "plot_build_time",
    "plot_differences",
    "plot_latency",
    "plot_memory",
    "plot_quality_cost",
    "plot_search_costs",
]

# What belongs to no K; and the palette's place of a difference that may be none.
WHOLE = "whole ranking"
UNSURE = 7

LATENCY = DotColumn("time of a query: median, 95 %, 99 %", seconds_text)
MEMORY = DotColumn("memory of the index", bytes_text)
BUILD = DotColumn("time to build it", seconds_text)


def plot_latency(results: Sequence[Result], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw the median, 95th and 99th percentile of a query's time for each index."""
    return dot_chart(cost_rows(results, [latency_dot]), [LATENCY], look=look, title=title)


def plot_memory(results: Sequence[Result], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw the memory of each index."""
    return dot_chart(cost_rows(results, [memory_dot]), [MEMORY], look=look, title=title)


def plot_build_time(results: Sequence[Result], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw the time that each index takes to build."""
    return dot_chart(cost_rows(results, [build_dot]), [BUILD], look=look, title=title)


def plot_search_costs(results: Sequence[Result], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw latency percentiles, memory and build time side by side."""
    rows = cost_rows(results, [latency_dot, memory_dot, build_dot])
    return dot_chart(rows, [LATENCY, MEMORY, BUILD], look=look, title=title)


def cost_rows(results: Sequence[Result], dots: Sequence[Any]) -> list[DotRow]:
    """Put a row for each index and encoder under the headings of which there are fewer."""
    groups, indexes = by_encoder(results), index_names(results)
    labels = short_names(str(group[0]["encoder"]["name"]) for group in groups.values())
    is_by_index = len(indexes) < len(groups)
    rows = []
    for place, group in enumerate(groups.values()):
        for result in group:
            encoder = labels[str(result["encoder"]["name"])]
            index = str(result["index"]["name"])
            order = indexes.index(index)
            heading, name = (index, encoder) if is_by_index else (encoder, index)
            row = DotRow(
                heading if min(len(groups), len(indexes)) > 1 or is_by_index else "", name,
                [dot(result["index"]) for dot in dots], place if len(groups) > 1 else order,
            )  # fmt: skip
            rows.append(((order, place) if is_by_index else (place, order), row))
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


def latency_dot(index: Mapping[str, Any]) -> Dot | None:
    """Draw the median with a line to the 99th percentile."""
    latency = index.get("latency_ms") or {}
    if not latency.get("p50"):
        return None
    p95, p99 = latency.get("p95"), latency.get("p99")
    return Dot(latency["p50"] / 1e3, p99 / 1e3 if p99 else None, p95 / 1e3 if p95 else None)


def memory_dot(index: Mapping[str, Any]) -> Dot | None:
    """Draw the size of an index."""
    return Dot(float(index["memory_bytes"])) if index.get("memory_bytes") else None


def build_dot(index: Mapping[str, Any]) -> Dot | None:
    """Draw the time to build; where nothing was built there is none."""
    return Dot(float(index["build_s"])) if index.get("build_s") else None


def plot_quality_cost(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    cost: str = "pictures_per_s",
    metric: str | None = None,
) -> Any:
    """Draw each encoder's quality against what it costs.

    Args:
        results: Of one set.
        look: The room there is.
        title: Of a figure that stands alone.
        cost: ``"pictures_per_s"`` or ``"parameters"``.
        metric: What quality is; None for the metric that results are ordered by.

    Raises:
        UsageError: No encoder's cost is known.
    """
    metric, judgement = metric or headline(results), main_judgement(results)
    chosen = references(results)
    labels = short_names(str(result["encoder"]["name"]) for result in chosen)
    points = []
    for place, result in enumerate(chosen):
        found, paid = estimated(result, metric, judgement), result["encoder"].get(cost)
        if found and paid:
            name = labels[str(result["encoder"]["name"])]
            points.append(Point(name, float(paid), *found, place=place))
    if not points:
        raise UsageError(f"No encoder's {cost} is known.")
    is_speed = cost == "pictures_per_s"
    return point_chart(
        [replace(point, is_best=is_front(point, points, is_speed)) for point in points],
        x=Axis(
            "pictures embedded per second" if is_speed else "parameters",
            is_log=True,
            written=count_text,
        ),
        y=Axis(metric_title(metric)),
        look=look,
        title=title,
    )


def is_front(point: Point, points: Sequence[Point], is_more_better: bool) -> bool:
    """Tell whether no other point is at least as good in both ways."""
    sign = 1 if is_more_better else -1
    return not any(
        other.y >= point.y and sign * other.x >= sign * point.x and other is not point
        and (other.y, other.x) != (point.y, point.x)
        for other in points
    )  # fmt: skip


def plot_differences(comparison: Mapping[str, Any], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw the difference of each metric between two runs with its interval.

    The false-positive rate is left out: it is precision's mirror.
    """
    groups: dict[str, list[DotRow]] = {WHOLE: []}
    for name, found in comparison["differences"].items():
        family, _, k = name.partition("@")
        if family.rpartition(":")[2] == "fpr":
            continue
        is_sure = found["low"] > 0 or found["high"] < 0
        row = DotRow(
            f"{family}@K" if k else WHOLE,
            f"@{k}" if k else name,
            [Dot(found["mean"], found["high"], low=found["low"])],
            place=0 if is_sure else UNSURE,
        )
        groups.setdefault(row.group, []).append(row)
    column = DotColumn("second run minus first", signed, False, 0.0)
    rows = [row for group in groups.values() for row in group]
    return dot_chart(rows, [column], look=look, title=title)
