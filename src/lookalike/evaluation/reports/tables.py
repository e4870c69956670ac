"""Results as tables: made once, written as Markdown, in the terminal and in the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from lookalike.evaluation.judging.intervals import LEAST_QUERIES, RESAMPLES
from lookalike.evaluation.reports.reading import (
    Estimated,
    Result,
    by_encoder,
    by_set,
    estimate_of,
    estimated,
    has_one_positive,
    headline,
    index_names,
    index_title,
    judgements_of,
    ks_of,
    main_judgement,
    nearest_k,
    references,
    short_names,
)
from lookalike.evaluation.reports.wording import (
    bytes_text,
    count_text,
    interval_text,
    p_text,
    seconds_text,
    share,
    signed,
)

__all__ = [
    "Cell",
    "Column",
    "Table",
    "class_table",
    "difference_table",
    "encoder_table",
    "index_table",
    "k_table",
    "markdown_of",
    "markdown_tables",
    "resamples_of",
    "rows_of",
    "whole_table",
]

# Beside the metrics at some K, where they were measured.
WHOLE = ("ap_trapezoid", "ap", "mrr", "r_precision")
FAMILIES = ("precision", "fpr", "recall", "hit_rate", "ndcg", "map")
HINTS = {
    "precision": "share of the first K hits that are right",
    "fpr": "share of the first K hits that are wrong: 1 - precision",
    "recall": "share of all right pictures that are among the first K",
    "hit_rate": "share of queries with a right picture among the first K",
    "ndcg": "normalised discounted cumulative gain of the first K",
    "map": "average precision of the first K, mean over queries",
    "ap": "average precision over the whole ranking, mean over queries",
    "ap_trapezoid": "average precision as Oxford and Paris define it, mean over queries",
    "r_precision": "precision at as many hits as there are right pictures",
    "mrr": "one through the rank of the first right hit, mean over queries",
    "ann_recall": "share of the neighbors of exact search that the index finds",
}
# Of which less is better.
FEWER = ("fpr",)
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Cell:
    """One number, or name, of a table.

    Attributes:
        text: As it is read.
        value: What the column is sorted by; None where nothing was measured.
        note: Its interval, or another remark.
        low, high: Ends of the interval.
    """

    text: str
    value: float | str | None = None
    note: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: Short.
        hint: What it means, one line.
        is_number: Whether it stands to the right.
        better: ``"high"``, ``"low"`` or nothing: which end is marked as the best.
    """

    title: str
    hint: str = ""
    is_number: bool = True
    better: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: What it shows.
        columns: From left to right.
        rows: Each with a cell for every column.
        note: What a reader has to know.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = field(default="")


NOTHING = Cell("\u2013")


def markdown_tables(results: Sequence[Result]) -> str:
    """Write all results as Markdown, set by set."""
    parts = []
    for group in by_set(results).values():
        facts = group[0]["set"]
        parts.append(
            f"## {facts['name']}\n\n{facts['images']:,} pictures, {facts['queries']:,} queries, "
            f"{facts.get('classes') or 0:,} classes. Intervals: "
            f"{level_of(group)} over queries, by bootstrap."
        )
        tables = [encoder_table(group, judgement=name) for name in judgements_of(group)]
        tables += [index_table(group), class_table(group, most=20)]
        parts += [markdown_of(table) for table in tables if table.rows]
        parts += [whole_names(group), f"Measured on: {group[0].get('machine', '')}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def whole_names(results: Sequence[Result]) -> str:
    """List encoders' whole names, of those that tables shorten."""
    cells = name_cells(references(results))
    lines = [f"- {cell.text}: `{cell.value}`" for cell in cells if cell.text != cell.value]
    return "\n".join(["Encoders in full:", "", *lines]) if lines else ""


def rows_of(results: Sequence[Result]) -> list[dict[str, str]]:
    """Write one line for each encoder and index, by column title, for the terminal."""
    rows = []
    for group in by_set(results).values():
        table = index_table(group, is_brief=True)
        for row in table.rows:
            titles = [column.title for column in table.columns]
            rows.append({title: joined(cell) for title, cell in zip(titles, row, strict=True)})
    return rows


def joined(cell: Cell) -> str:
    """Write a cell with its note."""
    return f"{cell.text} ({cell.note})" if cell.note else cell.text


def markdown_of(table: Table) -> str:
    """Write a table as Markdown below its title."""
    titles = [column.title for column in table.columns]
    rule = ["---:" if column.is_number else "---" for column in table.columns]
    lines = [titles, rule, *([joined(cell) for cell in row] for row in table.rows)]
    body = "\n".join(f"| {' | '.join(map(in_table, line))} |" for line in lines)
    note = f"\n\n{table.note}" if table.note else ""
    return f"**{table.title}**\n\n{body}{note}"


def in_table(text: str) -> str:
    """Keep a text from breaking a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def level_of(results: Sequence[Result]) -> str:
    """Write the level of the intervals."""
    return f"{100 * float(results[0]['parameters'].get('level', 0.95)):g} %"


def encoder_table(results: Sequence[Result], *, judgement: str | None = None) -> Table:
    """Compare encoders by their exact search: quality, then cost; the best first."""
    judgement = main_judgement(results) if judgement is None else judgement
    chosen = references(results)
    names = chosen_metrics(chosen, headline(results), judgement)
    columns = [Column("encoder", is_number=False)]
    columns += [metric_column(name) for name in names]
    columns += [
        Column("pictures/s", "embedded on this machine", better="high"),
        Column("dim", "numbers of an embedding"),
        Column("parameters", "of the network"),
    ]
    rows = [
        [
            name_cell,
            *(metric_cell(result, name, judgement) for name in names),
            *encoder_cells(result["encoder"]),
        ]
        for name_cell, result in zip(name_cells(chosen), chosen, strict=True)
    ]
    title = "Encoders" + (f", {judgement}" if judgement else "")
    return Table(title, columns, rows)


def name_cells(results: Sequence[Result]) -> list[Cell]:
    """Write encoders' names short, to be read and sorted by, and keep them whole."""
    labels = short_names(str(result["encoder"]["name"]) for result in results)
    names = [str(result["encoder"]["name"]) for result in results]
    return [Cell(labels[name], name) for name in names]


def chosen_metrics(results: Sequence[Result], first: str, judgement: str) -> list[str]:
    """Choose what an overview shows: the main metric, the first hit, any hit, the whole ranking."""
    names = [first, "recall@1" if has_one_positive(results) else "precision@1"]
    if ks := ks_of(results, "hit_rate", judgement):
        names.append(f"hit_rate@{nearest_k(ks)}")
    return measured_of([*names, *WHOLE[:3]], results, judgement)


def measured_of(names: Iterable[str], results: Sequence[Result], judgement: str) -> list[str]:
    """Keep the metrics that were measured, each once."""
    return [
        name
        for name in dict.fromkeys(names)
        if any(estimated(result, name, judgement) for result in results)
    ]


def metric_column(name: str) -> Column:
    """Describe a metric's column."""
    family = name.split("@")[0]
    return Column(name, HINTS.get(family, ""), better="low" if family in FEWER else "high")


def metric_cell(result: Result, name: str, judgement: str = "") -> Cell:
    """Write a metric with its interval."""
    return estimate_cell(estimated(result, name, judgement))


def estimate_cell(found: Estimated | None) -> Cell:
    """Write a mean with its interval."""
    if found is None:
        return NOTHING
    return Cell(share(found.mean), found.mean, interval_text(found), found.low, found.high)


def encoder_cells(encoder: Mapping[str, Any]) -> list[Cell]:
    """Write what an encoder costs."""
    return [
        number(encoder.get("pictures_per_s"), count_text),
        number(encoder.get("dim"), count_text),
        number(encoder.get("parameters"), count_text),
    ]


def number(value: Any, written: Callable[[float], str]) -> Cell:
    """Write a number that may be missing."""
    return NOTHING if value is None else Cell(written(float(value)), float(value))


def index_table(results: Sequence[Result], *, is_brief: bool = False) -> Table:
    """Compare indexes: what they lose, and what they cost."""
    metric, judgement = headline(results), main_judgement(results)
    columns = [Column("encoder", is_number=False), Column("index", is_number=False)]
    columns += [metric_column(metric)] if metric else []
    columns += [
        Column("ann_recall@10", HINTS["ann_recall"], better="high"),
        Column("median", "of a query's time, one at a time", better="low"),
        Column("99 %", "of queries take no longer", better="low"),
    ]
    if not is_brief:
        columns.append(Column("queries/s", "all in one call", better="high"))
    columns += [
        Column("memory", "of the index", better="low"),
        Column("build", "time to train and fill it", better="low"),
    ]
    order = index_names(results)
    ordered = [
        result
        for group in by_encoder(results).values()
        for result in sorted(group, key=lambda one: order.index(str(one["index"]["name"])))
    ]
    rows = [
        [name_cell, *index_row(result, metric, judgement, is_brief=is_brief)]
        for name_cell, result in zip(name_cells(ordered), ordered, strict=True)
    ]
    return Table("Indexes", columns, rows)


def index_row(result: Result, metric: str, judgement: str, *, is_brief: bool) -> list[Cell]:
    """Write one index of one encoder."""
    index = result["index"]
    latency = index.get("latency_ms") or {}
    settings = settings_text(index)
    row = [Cell(str(index["name"]), str(index["name"]), "" if is_brief else settings)]
    row += [metric_cell(result, metric, judgement)] if metric else []
    row += [
        ann_recall_cell(index, "10"),
        number(scaled(latency.get("p50")), seconds_text),
        number(scaled(latency.get("p99")), seconds_text),
    ]
    if not is_brief:
        row.append(number(index.get("batch_qps"), count_text))
    return [
        *row,
        number(index.get("memory_bytes"), bytes_text),
        number(index.get("build_s") or None, seconds_text),
    ]


def scaled(milliseconds: float | None) -> float | None:
    """Turn milliseconds into seconds."""
    return None if milliseconds is None else milliseconds / 1000


def settings_text(index: Mapping[str, Any]) -> str:
    """Write an index's settings in one line, and its kind where the name hides it."""
    settings, named = {**index.get("config", {}), **index.get("params", {})}, str(index["name"])
    kind = str(settings.pop("kind", ""))
    shown = [] if index_title(index) == named else [kind]
    for name, value in settings.items():
        if value not in (None, "", named):
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            shown.append(f"{name} {value:g}" if is_number else f"{name} {value}")
    return ", ".join(shown)


def k_table(results: Sequence[Result], family: str, *, judgement: str | None = None) -> Table:
    """Show one family of metrics at every K, one row an encoder."""
    judgement = main_judgement(results) if judgement is None else judgement
    chosen = references(results)
    ks = ks_of(chosen, family, judgement)
    better = "low" if family in FEWER else "high"
    columns = [Column("encoder", is_number=False)]
    columns += [Column(f"@{k}", better=better) for k in ks]
    rows = [
        [
            name_cell,
            *(metric_cell(result, f"{family}@{k}", judgement) for k in ks),
        ]
        for name_cell, result in zip(name_cells(chosen), chosen, strict=True)
    ]
    return Table(f"{family}@K", columns, rows, HINTS.get(family, ""))


def whole_table(results: Sequence[Result], *, judgement: str | None = None) -> Table:
    """Show the metrics that belong to no K, one row an encoder."""
    judgement = main_judgement(results) if judgement is None else judgement
    chosen = references(results)
    names = measured_of(WHOLE, chosen, judgement)
    rows = [
        [name_cell, *(metric_cell(result, name, judgement) for name in names)]
        for name_cell, result in zip(name_cells(chosen), chosen, strict=True)
    ]
    columns = [Column("encoder", is_number=False), *map(metric_column, names)]
    return Table("over the whole ranking", columns, rows if names else [])


def ann_recall_cell(index: Mapping[str, Any], k: str) -> Cell:
    """Write what an index finds of what exact search finds, with the interval."""
    intervals = index.get("ann_recall_intervals") or {}
    return mean_cell((index.get("ann_recall") or {}).get(k), intervals.get(k))


def mean_cell(mean: float | None, interval: Mapping[str, Any] | None) -> Cell:
    """Write a mean, with its interval where it has one."""
    if interval is None:
        return number(mean, share)
    return estimate_cell(estimate_of({**interval, "mean": mean}))


def class_cells(row: Mapping[str, Any]) -> dict[str, Cell]:
    """Write a class's metrics, each with its interval where it has one."""
    intervals = row.get("intervals") or {}
    return {name: mean_cell(value, intervals.get(name)) for name, value in row["metrics"].items()}


def class_table(results: Sequence[Result], *, most: int | None = None) -> Table:
    """Show each class: one encoder by its metrics, several side by side by the main one.

    Args:
        results: Of one set.
        most: How many of the worst classes; None for all.
    """
    chosen = [result for result in references(results) if result.get("classes")]
    if not chosen:
        return Table("Classes", [], [])
    metric = class_metric(chosen, headline(results))
    found = {
        (place, row["label"]): class_cells(row)
        for place, result in enumerate(chosen)
        for row in result["classes"]
    }
    sizes = {row["label"]: int(row["queries"]) for row in chosen[0]["classes"]}
    columns = [Column("class", is_number=False), Column("queries")]
    if len(chosen) == 1:
        names = list(dict.fromkeys(name for row in found.values() for name in row))
        columns += [replace(metric_column(name), better="") for name in names]
        keys = [(0, name) for name in names]
    else:
        columns += [Column(cell.text, metric) for cell in name_cells(chosen)]
        keys = [(place, metric) for place in range(len(chosen))]
    rows = [
        [
            Cell(str(label), str(label)),
            Cell(count_text(size), size),
            *(found.get((place, label), {}).get(name, NOTHING) for place, name in keys),
        ]
        for label, size in sizes.items()
    ]
    rows.sort(key=lambda row: worst_first(row[2:]))
    note = f"{metric} of each class, the hardest first."
    if most is not None and len(rows) > most:
        note = f"{metric} of the {most} hardest of {len(rows):,} classes."
        rows = rows[:most]
    return Table("Classes", columns, rows, note)


def worst_first(cells: Iterable[Cell]) -> float:
    """Order classes by the best encoder's first number."""
    first = next(iter(cells), NOTHING).value
    return float(first) if isinstance(first, (int, float)) else -1.0


def class_metric(results: Sequence[Result], first: str) -> str:
    """Choose what classes are compared by: the main metric if it was kept by class."""
    names = [name for row in results[0]["classes"][:1] for name in row["metrics"]]
    plain = {name.split(":", 1)[-1]: name for name in reversed(names)}
    return plain.get(first) or (names[0] if names else "")


def difference_table(comparison: Mapping[str, Any]) -> Table:
    """Show each metric of two runs and the difference with its interval."""
    columns = [
        Column("metric", is_number=False),
        Column("first"),
        Column("second"),
        Column("difference", "second minus first, mean over the same queries"),
        Column("p", f"how often chance alone does as much; none below {LEAST_QUERIES} queries"),
    ]
    resamples = resamples_of(comparison)
    rows = [
        [
            Cell(name, name),
            compared_cell(comparison, "first", name),
            compared_cell(comparison, "second", name),
            Cell(
                signed(found["mean"]),
                found["mean"],
                f"{signed(found['low'])} to {signed(found['high'])}",
            ),
            number(found.get("p"), partial(p_text, resamples=resamples)),
        ]
        for name, found in comparison["differences"].items()
    ]
    return Table("Differences", columns, rows)


def compared_cell(comparison: Mapping[str, Any], which: str, name: str) -> Cell:
    """Write one run's metric; with its interval, if that was taken over the same queries."""
    mean = comparison["differences"][name].get(which)
    whole = metric_cell(comparison[which], name)
    is_same = isinstance(whole.value, float) and mean is not None and abs(whole.value - mean) < SAME
    return whole if is_same else number(mean, share)


def resamples_of(comparison: Mapping[str, Any]) -> int:
    """Look up how many resamples the differences come of."""
    return int(comparison["first"]["parameters"].get("resamples") or RESAMPLES)
