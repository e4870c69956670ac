"""What the tuner measured, laid out for people."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.index.config import SearchParams
from lookalike.index.tuning.choosing import spoken_time
from lookalike.index.tuning.tuned import Tuned
from lookalike.index.tuning.wishes import Measurement

__all__ = ["choice_lines", "pareto_table", "trial_table"]


def pareto_table(tuned: Tuned) -> list[str]:
    """Write a line for each measurement that nothing beats, the fastest first; * is the choice."""
    k = tuned.wish.k
    times = ["p50", "p99", "queries/s", "in batches"]
    lines = [["", "index", "params", f"recall@{k}", *times, "B/vector"]]
    every = {(each.config, each.params): each for each in (*tuned.pareto, tuned.chosen)}
    for each in sorted(every.values(), key=lambda one: one.recall):
        mark = "*" if (each.config, each.params) == (tuned.config, tuned.params) else ""
        lines.append([mark, each.name, spoken_params(each.params), *facts(each)])
    return aligned(lines)


def facts(measured: Measurement) -> list[str]:
    """Write a measurement's numbers."""
    return [
        f"{measured.recall:.3f}",
        spoken_time(measured.p50_s),
        spoken_time(measured.p99_s),
        f"{measured.queries_per_second:,.0f}",
        f"{measured.batch_queries_per_second:,.0f}",
        f"{measured.bytes_per_vector:,.0f}",
    ]


def trial_table(tuned: Tuned) -> list[str]:
    """Write a line for each candidate: what a sample made expect before the full build."""
    rows = tuned.chosen.rows
    lines = [["index", "recall", "query", "build", "B/vector", ""]]
    for trial in tuned.before:
        lines.append([
            trial.name,
            "" if trial.measured is None else f"{trial.measured.recall:.3f}",
            "" if trial.expected_s is None else spoken_time(trial.expected_s),
            "" if trial.expected_build_s is None else spoken_time(trial.expected_build_s),
            f"{trial.expected_bytes / max(1, rows):,.0f}",
            trial.verdict,
        ])  # fmt: skip
    return aligned(lines)


def choice_lines(tuned: Tuned) -> list[str]:
    """Write the choice: what was expected, what it is, and what was missed."""
    chosen = tuned.chosen
    spread = f"95 % interval {chosen.recall_low:.3f} to {chosen.recall_high:.3f}"
    found = (
        "recall 1, as all rows are compared" if chosen.config.is_exact
        else f"ann_recall@{tuned.wish.k} {chosen.recall:.3f} ({spread}, "
        f"{chosen.queries:,} held-out queries)"
    )  # fmt: skip
    params = spoken_params(tuned.params)
    return [
        f"chosen: {chosen.name}{params and f' with {params}'}",
        f"  {found}",
        f"  a query takes {spoken_time(chosen.p50_s)} (p50), {spoken_time(chosen.p99_s)} (p99): "
        f"{chosen.queries_per_second:,.0f} queries/s, in batches "
        f"{chosen.batch_queries_per_second:,.0f}",
        f"  {chosen.bytes_per_vector:,.0f} bytes per vector; built in "
        f"{spoken_time(tuned.build_s)}, found in {spoken_time(tuned.explore_s)}",
        *expected_line(tuned),
        *tuned.remarks,
        *tuned.missed,
    ]


def expected_line(tuned: Tuned) -> list[str]:
    """Write what the sample made expect of the choice, if it was tried on one."""
    for trial in tuned.before:
        if trial.config == tuned.config and trial.measured is not None:
            return [
                f"  before the full build, {trial.measured.rows:,} rows made expect "
                f"{spoken_time(trial.expected_s or 0)} a query, "
                f"{trial.expected_bytes / max(1, tuned.chosen.rows):,.0f} bytes per vector and "
                f"{spoken_time(trial.expected_build_s or 0)} of building"
            ]
    return []


def spoken_params(params: SearchParams) -> str:
    """Write params as people set them: ``nprobe 16, k_factor 8``."""
    return ", ".join(f"{name} {value:g}" for name, value in params.to_dict().items())


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Pad columns to one width: words to the left, numbers to the right."""
    columns = list(zip(*lines, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    numbers = [all(not cell or cell[0].isdigit() for cell in column[1:]) for column in columns]
    return [
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, numbers, strict=True)
        ).rstrip()
        for line in lines
    ]
