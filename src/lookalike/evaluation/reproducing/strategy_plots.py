"""Plots of how good ways to search are against the time that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lookalike.evaluation.reports.charts import Axis, Line, line_chart
from lookalike.evaluation.reports.figures import save_plot
from lookalike.evaluation.reports.wording import seconds_text

__all__ = ["save_precision_plot", "save_recall_over_k", "save_recall_plot", "save_search_plot"]

METHODS = {"brute": "brute force", "flat": "FAISS flat", "ivf": "FAISS IVF"}
EUCLIDEAN = {"brute": "brute force", "flat": "IndexFlatL2", "ivf": "IndexIVFFlat, merged"}
SECONDS = Axis("time of one query, one at a time: the median", is_log=True, written=seconds_text)

Facts = Mapping[str, Any]


def save_recall_plot(
    result: Facts, theirs: Mapping[str, Mapping[str, float]], k: int, file: Path
) -> None:
    """Draw neighbors found against seconds a query, published times beside them.

    Args:
        result: Of one encoder.
        theirs: Published seconds by encoder and method.
        k: How many neighbors were asked for.
        file: PNG or SVG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn = [
        Line(
            f"{METHODS[method]}, {size['rows']:,} rows",
            [point["seconds"]["p50"] for point in points],
            [point["ann_recall"] for point in points],
            place=place,
        )
        for place, (size, method, points) in enumerate(measured(result))
    ]
    figure = line_chart(
        [*drawn, *published_lines(theirs, len(drawn))],
        x=SECONDS,
        y=Axis(f"ann_recall@{k}: share of the exact neighbors found", low=0, high=1.02),
        title=f"{result['title']}: neighbors found, against time",
    )
    save_plot(figure, file)


def published_lines(theirs: Mapping[str, Mapping[str, float]], first: int) -> Iterator[Line]:
    """Draw published times, from the fastest to the slowest encoder.

    Brute force and the flat index find everything. What the inverted file found in its
    time was not published: it has no place here.
    """
    for place, method in enumerate(("brute", "flat"), start=first):
        times = [column[method] for column in theirs.values()]
        yield Line(
            f"published, 100,000: {METHODS[method]}",
            [min(times), max(times)],
            [1.0, 1.0],
            place=place,
            is_published=True,
        )


def save_precision_plot(result: Facts, k: int, file: Path) -> None:
    """Draw label precision, with its interval, against seconds a query.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn = [
        Line(
            f"{METHODS[method]}, {size['rows']:,} rows",
            [point["seconds"]["p50"] for point in points],
            [point["precision"]["mean"] for point in points],
            [point["precision"]["low"] for point in points],
            [point["precision"]["high"] for point in points],
            place=place,
        )
        for place, (size, method, points) in enumerate(measured(result))
    ]
    highest = max(max(line.highs or [0.0]) for line in drawn)
    figure = line_chart(
        drawn,
        x=SECONDS,
        y=Axis(f"precision@{k} by label", low=0, high=min(1.0, highest + 0.05)),
        title=f"{result['title']}: label precision, against time",
    )
    save_plot(figure, file)


def measured(result: Facts) -> Iterator[tuple[Facts, str, list[Facts]]]:
    """List what was measured, gallery by gallery and method by method."""
    for size in result["sizes"]:
        for method in METHODS:
            yield size, method, [point for point in size["points"] if point["method"] == method]


def save_recall_over_k(result: Facts, file: Path) -> None:
    """Draw Recall@K over K, one line for each number of lists looked into.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    ks = result["ks"]
    found = [search for search in result["searches"] if search["method"] == "ivf"]
    drawn = [
        Line(
            f"nprobe {search['setting']['nprobe']:g}",
            ks,
            [search["ann_recall"][str(k)] for k in ks],
            place=place,
        )
        for place, search in enumerate(found)
    ]
    figure = line_chart(
        drawn,
        x=Axis("K", ticks=ks),
        y=Axis("Recall@K: share of the exact first K that is found", low=0, high=1.02),
        title=f"{result['title']}: {result['rows']:,} embeddings in {result['nlist']} lists",
    )
    save_plot(figure, file)


def save_search_plot(result: Facts, file: Path) -> None:
    """Draw the three ways to search: Recall@10 against seconds a query.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    k = str(min(10, max(result["ks"])))
    drawn = []
    for place, (method, title) in enumerate(EUCLIDEAN.items()):
        found = [search for search in result["searches"] if search["method"] == method]
        drawn.append(
            Line(
                title,
                [search["seconds"]["p50"] for search in found],
                [search["ann_recall"][k] for search in found],
                place=place,
            )
        )
    figure = line_chart(
        drawn,
        x=SECONDS,
        y=Axis(f"Recall@{k} against exact search", low=0, high=1.02),
        title=f"{result['title']}: {result['rows']:,} embeddings, brute force and two indexes",
    )
    save_plot(figure, file)
