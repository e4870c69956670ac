"""A comparison's result as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["bench_tables"]


def bench_tables(bench: Mapping[str, Any]) -> str:
    """Write Markdown: engines at each recall, seconds per query, recall at each depth."""
    facts = bench["facts"]
    parts = [
        f"{facts['rows']} rows of {facts['dim']} numbers, {facts['queries']} queries, "
        f"k = {facts['k']}, {facts['threads']} thread(s) for searching.",
        bench["machine"],
    ]
    parts.append("**Exact search**\n\n" + exact_table(bench["exact"]))
    for target in facts["targets"]:
        parts.append(f"**At ann_recall@{facts['k']} >= {target}**\n\n" + at_table(bench, target))
    parts.append("**Seconds per query, one at a time**\n\n" + seconds_table(bench))
    parts.append("**ann_recall@K, each K asked for by itself**\n\n" + depth_table(bench))
    return "\n\n".join(part for part in parts if part) + "\n"


def exact_table(ways: Sequence[Mapping[str, Any]]) -> str:
    """Compare the ways to compare with every row."""
    titles = (
        "way", "batch of 64, ms", "x FAISS", "x product", "single, ms", "x FAISS, single", "recall",
    )  # fmt: skip
    names = ("batch_ms", "x_faiss_batch", "x_product", "single_ms", "x_faiss_single")
    return markdown(
        titles,
        [
            [
                way["way"],
                *(f"{way[name]:.2f}" for name in names),
                "" if way["recall"] is None else f"{way['recall']:.4f}",
            ]
            for way in ways
        ],
    )


def at_table(bench: Mapping[str, Any], target: float) -> str:
    """Compare all engines that reach a recall."""
    lines = []
    for name, result in bench["engines"].items():
        found = result["targets"].get(str(target))
        if found is None:
            best = max(point["recall"] for point in result["points"])
            lines.append([name, f"reaches {best:.3f}", "", "", "", "", *size_and_build(result)])
            continue
        batch, single = found["batch"], found["single"]
        lines.append(
            [
                name,
                f"{batch['recall']:.4f}",
                f"{batch['qps']:.0f}",
                f"{batch['x_flat']:.1f}",
                f"{single['qps']:.0f}",
                f"{single['x_flat']:.1f}",
                *size_and_build(result),
            ]
        )
    titles = (
        "engine", "recall", "batch, queries/s", "x flat", "single, queries/s", "x flat, single",
        "bytes/vector", "build, s", "build, CPU s",
    )  # fmt: skip
    return markdown(titles, lines)


def size_and_build(result: Mapping[str, Any]) -> list[str]:
    """Write memory and build time."""
    build = result["build"]
    return [f"{result['bytes_per_vector']:.0f}", f"{build['wall_s']:.1f}", f"{build['cpu_s']:.1f}"]


def seconds_table(bench: Mapping[str, Any]) -> str:
    """Write what a single query takes: the first setting, and what reaches recalls."""
    lines = []
    for name, result in bench["engines"].items():
        points = [result["points"][0]]
        points += [
            point
            for found in result["targets"].values()
            for point in result["points"]
            if point["setting"] == found["single"]["setting"]
        ]
        for point in unique(points):
            lines.append(
                [
                    name,
                    described(point["setting"]),
                    f"{1 / point['single_qps']:.6f}",
                    f"{point['p50_ms']:.3f}",
                    f"{point['p99_ms']:.3f}",
                    f"{point['recall']:.4f}",
                ]
            )
    return markdown(("engine", "setting", "seconds/query", "p50 ms", "p99 ms", "recall"), lines)


def depth_table(bench: Mapping[str, Any]) -> str:
    """Write recall at K = 1, 10, 20 ... 100 for what reached each recall at k."""
    lines: list[list[str]] = []
    depths: list[str] = []
    for name, result in bench["engines"].items():
        for target, found in result["depths"].items():
            depths = list(found)
            setting = described(result["targets"][target]["batch"]["setting"])
            lines.append([name, target, setting, *(f"{value:.3f}" for value in found.values())])
    if not lines:
        return ""
    return markdown(("engine", "at", "setting", *(f"@{depth}" for depth in depths)), lines)


def described(setting: Mapping[str, float]) -> str:
    """Write a setting in words."""
    return ", ".join(f"{name} {value:g}" for name, value in setting.items()) or "-"


def unique(points: Sequence[Any]) -> list[Any]:
    """Drop repeated points, order kept."""
    return [point for place, point in enumerate(points) if point not in points[:place]]


def markdown(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Lay out a table."""
    head = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join([*head, *("| " + " | ".join(line) + " |" for line in lines)])
