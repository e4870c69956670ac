"""System B's tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lookalike.evaluation.reproducing.outcome import Table
from lookalike.evaluation.reproducing.published import Published

__all__ = ["findings", "published_seconds", "tables"]

METHODS = {
    "brute": "brute-force cosine",
    "flat": "FAISS flat",
    "ivf": "FAISS IVF, nprobe 1",
}
GOOD_RECALL = 0.95
# Rows up to here may well lie in a processor's cache.
CACHED_BYTES = 8e6


def published_seconds(known: Published, column: str) -> dict[str, dict[str, float]]:
    """Return the published seconds, by encoder and method: of one encoder, else of all."""
    table = known.tables[0]
    columns = [column] if column in table.columns else list(table.columns)
    return {
        name: {row: values[table.columns.index(name)] for row, values in table.rows.items()}
        for name in columns
    }


def tables(result: Mapping[str, Any], known: Published) -> Iterator[Table]:
    """Write an encoder's two tables."""
    yield seconds_table(result, published_seconds(known, result["column"]))
    yield accuracy_table(result)


def seconds_table(result: Mapping[str, Any], theirs: Mapping[str, Mapping[str, float]]) -> Table:
    """Write what a query takes, here and as it was published."""
    small, large = result["sizes"]
    published = [(f"published, 100,000 rows, {name}", column) for name, column in theirs.items()]
    rows = [
        (
            "extraction of one picture",
            f"{result['extraction']['p50']:.5f}",
            *("", ""),
            *(f"{column['extraction']:.5f}" for _, column in published),
        )
    ]
    for method, title in METHODS.items():
        here, there = (first(size, method)["seconds"]["p50"] for size in (small, large))
        figures = f"{here:.6f}", f"{there:.6f}", f"{there / here:.1f}"
        rows.append((title, *figures, *(f"{column[method]:.5f}" for _, column in published)))
    return Table(
        f"{result['title']}, {result['dim']} numbers: seconds a query, one at a time, "
        f"k = {result['k']}",
        (
            "",
            *(f"{size['rows']:,} rows" for size in (small, large)),
            "times",
            *(title for title, _ in published),
        ),
        tuple(rows),
        f"Medians over {result['queries']} queries, asked again and again, FAISS on one thread; "
        f"those that were published are means. {grown(result)}",
    )


def accuracy_table(result: Mapping[str, Any]) -> Table:
    """Write what the inverted file finds for each number of lists looked into."""
    small, large = result["sizes"]
    heads = ("seconds", f"ann_recall@{result['k']}", f"precision@{result['k']}")
    return Table(
        f"{result['title']}: what an inverted file of sqrt(N) lists loses, and what it takes",
        (
            "nprobe",
            *(f"{head} at {size['rows']:,}" for size in (small, large) for head in heads),
        ),
        tuple(accuracy_rows(small, large)),
        f"ann_recall@{result['k']}: share of the exact first {result['k']} that was found. "
        f"precision@{result['k']}: share of the first {result['k']} that show the query's label, "
        "with its 95 % interval over queries.",
    )


def grown(result: Mapping[str, Any]) -> str:
    """Say what the larger gallery is made of."""
    small, large = result["sizes"]
    sentence = (
        f"Of the {large['rows']:,} rows {large['views']:,} are embeddings of random views "
        "(crops, mirrored, in another light) of the pictures"
    )
    if small["views"]:
        return f"{sentence}, as are {small['views']:,} of the {small['rows']:,}."
    return f"{sentence}."


def accuracy_rows(small: Mapping[str, Any], large: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Write one line for exact search and one for each number of lists."""
    names = ["exact", *unique_settings(small, large)]
    for name in names:
        line = [name]
        for size in (small, large):
            point = point_named(size, name)
            line += cells(point)
        yield tuple(line)


def unique_settings(*sizes: Mapping[str, Any]) -> list[str]:
    """List the numbers of lists that were tried at either size."""
    tried = {
        int(point["setting"]["nprobe"])
        for size in sizes
        for point in size["points"]
        if point["setting"]
    }
    return [str(nprobe) for nprobe in sorted(tried)]


def point_named(size: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Find what was measured with a number of lists, or exactly."""
    for point in size["points"]:
        nprobe = point["setting"].get("nprobe")
        if (name == "exact" and point["method"] == "flat") or (nprobe and str(int(nprobe)) == name):
            found: Mapping[str, Any] = point
            return found
    return None


def cells(point: Mapping[str, Any] | None) -> list[str]:
    """Write one measurement."""
    if point is None:
        return ["", "", ""]
    precision = point["precision"]
    return [
        f"{point['seconds']['p50']:.6f}",
        f"{point['ann_recall']:.4f}",
        f"{precision['mean']:.3f} ({precision['low']:.3f} to {precision['high']:.3f})",
    ]


def first(size: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """Return what was measured first with a method: of the inverted file, with one list."""
    found: Mapping[str, Any] = next(p for p in size["points"] if p["method"] == method)
    return found


def findings(result: Mapping[str, Any]) -> Iterator[str]:
    """Answer the system's questions in sentences."""
    small, large = result["sizes"]
    title = result["title"]
    for size in (small, large):
        exact, one = first(size, "flat"), first(size, "ivf")
        line = (
            f"{title}, {size['rows']:,} rows: looking into 1 of {size['nlist']} lists finds "
            f"{one['ann_recall']:.1%} of the exact neighbors, and precision@{result['k']} is "
            f"{one['precision']['mean']:.3f} instead of {exact['precision']['mean']:.3f}"
        )
        good = [
            p for p in size["points"] if p["method"] == "ivf" and p["ann_recall"] >= GOOD_RECALL
        ]
        if good:
            gain = exact["seconds"]["p50"] / good[0]["seconds"]["p50"]
            line += (
                f"; {good[0]['setting']['nprobe']:g} lists find {good[0]['ann_recall']:.1%}, "
                f"{times(gain)} FAISS flat"
            )
        yield f"{line}."
    factors = [
        f"{METHODS[method]} takes {factor(large, small, method):.1f} times as long"
        for method in METHODS
    ]
    yield f"{title}: in {large['rows'] / small['rows']:g} times the gallery {', '.join(factors)}."
    size_bytes = 4 * result["dim"] * small["rows"]
    if size_bytes <= CACHED_BYTES:
        yield (
            f"{title}: the smaller gallery takes {size_bytes / 1e6:.1f} MB and may lie in the "
            "processor's cache, which is part of these factors."
        )
    share = result["extraction"]["p50"] / first(large, "flat")["seconds"]["p50"]
    yield (
        f"{title}: extracting one picture takes {result['extraction']['p50']:.4f} s, "
        f"{share:.1f} times a search by FAISS flat in {large['rows']:,} rows."
    )


def times(gain: float) -> str:
    """Say how much faster or slower something is."""
    return f"{gain:.1f} times as fast as" if gain >= 1 else f"{1 / gain:.1f} times as slow as"


def factor(large: Mapping[str, Any], small: Mapping[str, Any], method: str) -> float:
    """Say how many times as long a query takes in the larger gallery."""
    there, here = (first(size, method)["seconds"]["p50"] for size in (large, small))
    return float(there / here)
