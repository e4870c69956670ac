"""Plots of results: one figure each, from the results of one set.

Each takes the results as ``evaluate`` returns them and gives a figure for
``save_plot``. One encoder gives a series for each index, several give a series for
each encoder, the best first and in the same colour in every plot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.reports.charts import (
    Axis,
    Line,
    Panel,
    line_chart,
    panel_chart,
)
from lookalike.evaluation.reports.cost_plots import (
    plot_build_time,
    plot_differences,
    plot_latency,
    plot_memory,
    plot_quality_cost,
    plot_search_costs,
)
from lookalike.evaluation.reports.figures import WIDE, Look
from lookalike.evaluation.reports.reading import (
    Result,
    by_encoder,
    estimated,
    headline,
    index_names,
    is_exact,
    ks_of,
    main_judgement,
    references,
    short_names,
)
from lookalike.evaluation.reports.wording import count_text, metric_title, seconds_text

__all__ = [
    "ceiling_of",
    "plot_ann_recall",
    "plot_build_time",
    "plot_differences",
    "plot_false_positives",
    "plot_latency",
    "plot_memory",
    "plot_over_k",
    "plot_precision",
    "plot_quality_cost",
    "plot_recall",
    "plot_search_costs",
    "plot_speed",
    "plot_tradeoff",
]

FAMILIES = {
    "precision": "precision@K: share of the first K hits that are right",
    "fpr": "false-positive rate@K: share of the first K hits that are wrong",
    "recall": "recall@K: share of all right pictures found among the first K",
    "hit_rate": "hit rate@K: share of queries with a right picture among the first K",
    "ndcg": "nDCG@K",
    "map": "AP@K, mean over queries",
}
# From where on the numbers of K are spaced by factors, not by steps.
WIDE_RANGE = 12


def plot_precision(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    judgement: str | None = None,
    published: Sequence[Line] = (),
) -> Any:
    """Draw precision@K over K, one line an encoder, with the intervals as bands."""
    return plot_over_k(
        results, "precision", look=look, title=title, judgement=judgement, published=published
    )


def plot_false_positives(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    judgement: str | None = None,
    published: Sequence[Line] = (),
) -> Any:
    """Draw the false-positive rate, 1 - precision@K, over K."""
    return plot_over_k(
        results, "fpr", look=look, title=title, judgement=judgement, published=published
    )


def plot_recall(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    judgement: str | None = None,
    published: Sequence[Line] = (),
) -> Any:
    """Draw recall@K, the share of all positives found, over K."""
    return plot_over_k(
        results, "recall", look=look, title=title, judgement=judgement, published=published
    )


def plot_over_k(
    results: Sequence[Result],
    family: str,
    *,
    look: Look = WIDE,
    title: str = "",
    judgement: str | None = None,
    published: Sequence[Line] = (),
) -> Any:
    """Draw a family of metrics over K, from each encoder's exact search.

    Args:
        results: Of one set.
        family: What stands before the ``@``: ``"precision"``, ``"ndcg"``, ...
        look: The room there is.
        title: Of a figure that stands alone.
        judgement: Which protocol; None for the main one.
        published: Others' numbers, drawn grey (lines with ``is_published``).

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: No result has such a metric.
    """
    judgement = main_judgement(results) if judgement is None else judgement
    chosen = references(results)
    ks = ks_of(chosen, family, judgement)
    if not ks:
        raise UsageError(f"No result has {family}@K; evaluate with --k to measure it.")
    labels = short_names(str(result["encoder"]["name"]) for result in chosen)
    lines = [
        line
        for place, result in enumerate(chosen)
        if (line := over_k(result, family, ks, judgement, labels, place)).xs
    ]
    return line_chart(
        with_published(lines, published),
        x=k_axis(ks),
        y=Axis(FAMILIES.get(family, f"{family}@K")),
        look=look,
        title=title,
        ceiling=ceiling_of(chosen[0], ks) if family == "precision" else (),
    )


def over_k(
    result: Result, family: str, ks: Sequence[int], judgement: str, labels: Any, place: int
) -> Line:
    """Take one encoder's line out of its result."""
    found = [(k, estimated(result, f"{family}@{k}", judgement)) for k in ks]
    known = [(k, value) for k, value in found if value is not None]
    return Line(
        labels[str(result["encoder"]["name"])],
        [k for k, _ in known],
        [value.mean for _, value in known],
        [value.low for _, value in known],
        [value.high for _, value in known],
        place=place,
    )


def k_axis(ks: Sequence[int]) -> Axis:
    """Space the K so that the small ones can be told apart."""
    is_log = len(ks) < 9 and ks[-1] / max(ks[0], 1) > WIDE_RANGE
    return Axis("K", is_log=is_log, ticks=list(ks))


def ceiling_of(result: Result, ks: Sequence[int]) -> list[tuple[float, float]]:
    """Compute the best possible precision@K where small classes run out of positives.

    Known where every picture is a query, so that a class has one picture a query; empty
    where the ceiling is 1 or cannot be known.
    """
    facts, sizes = result["set"], [row["queries"] for row in result.get("classes") or ()]
    if not facts.get("is_leave_one_out") or sum(sizes) != facts["images"]:
        return []
    best = [sum(size * min(1.0, (size - 1) / k) for size in sizes) / sum(sizes) for k in ks]
    return list(zip(ks, best, strict=True)) if best[-1] < 0.995 else []


def with_published(lines: Sequence[Line], published: Sequence[Line]) -> list[Line]:
    """Put others' lines behind ours, each with a number of its own."""
    own = len(lines)
    return [*lines, *(replace(line, place=own + n) for n, line in enumerate(published))]


def plot_tradeoff(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    metric: str | None = None,
    published: Sequence[Line] = (),
) -> Any:
    """Draw quality against the median time of a query, for each index.

    The points of one encoder are joined; where there are few encoders, thin curves show
    what an index's other settings give.
    """
    metric = metric or headline(results)
    marks = {name: place for place, name in enumerate(index_names(results))}
    groups = by_encoder(results)
    judgement = main_judgement(results)
    if len(groups) == 1:
        lines = index_points(next(iter(groups.values())), metric, judgement, marks)
        marks = {}
    else:
        labels = short_names(str(group[0]["encoder"]["name"]) for group in groups.values())
        lines = [
            encoder_points(group, metric, judgement, marks, labels, place)
            for place, group in enumerate(groups.values())
        ]
    return line_chart(
        with_published([line for line in lines if line.xs], published),
        x=Axis("median time of a query, one at a time", is_log=True, written=seconds_text),
        y=Axis(metric_title(metric)),
        look=look,
        marks=marks,
        title=title,
    )


def encoder_points(
    group: Sequence[Result],
    metric: str,
    judgement: str,
    marks: Mapping[str, int],
    labels: Mapping[str, str],
    place: int,
) -> Line:
    """Join what one encoder reaches with each index."""
    known = sorted(
        (
            (seconds_of(result), found, marks[str(result["index"]["name"])])
            for result in group
            if (found := estimated(result, metric, judgement)) and seconds_of(result) > 0
        ),
        key=lambda point: point[0],
    )
    return Line(
        labels[str(group[0]["encoder"]["name"])],
        [seconds for seconds, _, _ in known],
        [found.mean for _, found, _ in known],
        [found.low for _, found, _ in known],
        [found.high for _, found, _ in known],
        place=place,
        marks=[mark for _, _, mark in known],
    )


def index_points(
    group: Sequence[Result], metric: str, judgement: str, marks: Mapping[str, int]
) -> list[Line]:
    """Draw one encoder's indexes, each with the curve of its settings."""
    lines = []
    for result in group:
        name = str(result["index"]["name"])
        found = estimated(result, metric, judgement)
        if found is None or seconds_of(result) <= 0:
            continue
        curve = [
            (point["p50_ms"] / 1000, point[metric])
            for point in result["index"].get("curve") or ()
            if point.get(metric) is not None and point.get("p50_ms")
        ]
        curve.sort()
        trail = ([x for x, _ in curve], [y for _, y in curve])
        place = marks[name]
        lines.append(
            Line(
                name,
                [seconds_of(result)],
                [found.mean],
                [found.low],
                [found.high],
                place=place,
                trails=[trail] if len(curve) > 1 else [],
            )
        )
    return lines


def seconds_of(result: Result) -> float:
    """Look the median time of a query up, in seconds; 0 where it was not measured."""
    return float((result["index"].get("latency_ms") or {}).get("p50") or 0.0) / 1000


def plot_speed(results: Sequence[Result], *, look: Look = WIDE, title: str = "") -> Any:
    """Draw ann_recall@10 against queries per second for the settings of each index."""
    panels, groups = [], by_encoder(results)
    labels = short_names(str(group[0]["encoder"]["name"]) for group in groups.values())
    approximate = [name for name in index_names(results) if has_curve(results, name)]
    if not approximate:
        raise UsageError("No result has a curve of settings: evaluate an index that has a knob.")
    for name in approximate:
        lines = [
            curve_line(result, labels[str(result["encoder"]["name"])], place)
            for place, group in enumerate(groups.values())
            for result in group
            if result["index"]["name"] == name and result["index"].get("curve")
        ]
        panels.append(Panel(name, lines))
    if len(groups) == 1:
        panels = [Panel("", by_index(panels, index_names(results)))]
    return panel_chart(
        panels,
        x=Axis("queries per second, all in one call", is_log=True, written=count_text),
        y=Axis("ann_recall@10: share of the exact 10 found", high=1.0),
        look=look,
        title=title,
    )


def by_index(panels: Sequence[Panel], names: Sequence[str]) -> list[Line]:
    """Make the panels of one encoder the lines of one chart."""
    return [
        replace(panel.lines[0], name=panel.title, place=names.index(panel.title))
        for panel in panels
        if panel.lines
    ]


def has_curve(results: Sequence[Result], name: str) -> bool:
    """Tell whether an index was measured at several settings."""
    return any(
        result["index"]["name"] == name and len(result["index"].get("curve") or ()) > 1
        for result in results
    )


def curve_line(result: Result, name: str, place: int) -> Line:
    """Draw one index's settings, the fastest to the right."""
    points = [(point["qps"], point["ann_recall@10"]) for point in result["index"]["curve"]]
    return Line(name, [x for x, _ in points], [y for _, y in points], place=place)


def plot_ann_recall(
    results: Sequence[Result],
    *,
    look: Look = WIDE,
    title: str = "",
    published: Sequence[Line] = (),
) -> Any:
    """Draw ann_recall@K for each K against exact search, a chart for each index.

    Raises:
        UsageError: Only exact indexes were measured, which find all of them.
    """
    approximate = [result for result in results if not is_exact(result)]
    if not approximate:
        raise UsageError("Exact search finds all neighbors: there is no ann_recall to draw.")
    groups = by_encoder(results)
    labels = short_names(str(group[0]["encoder"]["name"]) for group in groups.values())
    names = index_names(approximate)
    panels = []
    for name in names:
        lines = [
            recall_line(result, labels[str(result["encoder"]["name"])], place)
            for place, group in enumerate(groups.values())
            for result in group
            if result["index"]["name"] == name
        ]
        panels.append(Panel(name, [line for line in lines if line.xs]))
    if len(groups) == 1:
        panels = [Panel("", with_published(by_index(panels, index_names(results)), published))]
    elif published:
        panels.append(Panel("published", with_published([], published)))
    ks = sorted({int(x) for panel in panels for line in panel.lines for x in line.xs})
    return panel_chart(
        panels,
        x=Axis("K", ticks=ks if look.is_narrow is False and len(panels) == 1 else ks[::3]),
        y=Axis("ann_recall@K: share of the exact K found", high=1.0),
        look=look,
        title=title,
    )


def recall_line(result: Result, name: str, place: int) -> Line:
    """Take ann_recall over K out of a result."""
    found = sorted(
        (int(k), float(value))
        for k, value in (result["index"].get("ann_recall") or {}).items()
        if value is not None
    )
    return Line(name, [k for k, _ in found], [value for _, value in found], place=place)
