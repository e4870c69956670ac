"""The second look: a page on what changed between two runs over the same queries."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.intervals import LEAST_QUERIES
from lookalike.evaluation.reports import plots
from lookalike.evaluation.reports.answers import comparison_answers, run_names
from lookalike.evaluation.reports.markup import (
    HEADER,
    LEGEND,
    answers_html,
    facts_html,
    figure_html,
    page_html,
    plain,
    table_html,
)
from lookalike.evaluation.reports.pictures import Thumbnails, strip
from lookalike.evaluation.reports.tables import difference_table
from lookalike.evaluation.reports.wording import share, signed
from lookalike.evaluation.writing import write_whole

__all__ = ["write_comparison"]

LISTS = (("gained", "Answered better now"), ("lost", "Answered worse now"))


def write_comparison(
    comparison: Mapping[str, Any],
    file: str | os.PathLike[str],
    *,
    image_set: ImageSet | None = None,
) -> Path:
    """Write a page: which run is better, how sure that is, and which queries moved.

    Args:
        comparison: As ``compare_results`` returns it.
        file: The page.
        image_set: Where the pictures lie and what they are labelled with; None to look
            for them where the first run says they were.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: The page cannot be written.
        StorageFull: There is no room left.
    """
    names = run_names(comparison)
    facts = comparison["first"]["set"]
    title = f"{names[0]} against {names[1]}"
    lead = f"{facts['name']}: {comparison['queries']:,} queries that both answer."
    head = HEADER.format(kind="comparison", title=plain(title), lead=plain(lead), nav="")
    thumbnails = Thumbnails()
    body = "".join(
        [
            answers_html(comparison_answers(comparison)),
            differences(comparison, names),
            moved(comparison, names, image_set, thumbnails),
            measured(comparison, names),
        ]
    )
    page = page_html(
        f"{title} \u2013 Lookalike",
        f'{head}<main class="chapter">{body}</main>',
        more_style=thumbnails.style,
    )
    target = Path(file)
    write_whole(target, page.encode("utf-8"))
    return target


def differences(comparison: Mapping[str, Any], names: Sequence[str]) -> str:
    """Show each metric's difference, drawn and listed."""
    level = 100 * float(comparison["first"]["parameters"].get("level", 0.95))
    caption = (
        f"Right of the line {names[1]} is better, left of it {names[0]}. The bars are "
        f"{level:g} % intervals over the same queries: one that crosses the line shows no "
        "difference, and of many metrics a few leave it by chance."
    )
    if any(each.get("p") is None for each in comparison["differences"].values()):
        caption += f" Below {LEAST_QUERIES} queries neither bars nor means tell much."
    drawn = figure_html(
        "differences",
        "Difference of each metric",
        caption,
        partial(plots.plot_differences, comparison),
    )
    listed = table_html(difference_table(comparison))
    return f'<h2 id="differences-h">Differences</h2>{drawn}{listed}'


def moved(
    comparison: Mapping[str, Any],
    names: Sequence[str],
    image_set: ImageSet | None,
    thumbnails: Thumbnails,
) -> str:
    """Show the queries that moved most, both answers below each other."""
    root = Path(str(comparison["first"]["set"].get("root", "")))
    labels: dict[str, str] = {}
    if image_set is not None:
        root = image_set.root
        if image_set.labels is not None:
            labels = dict(zip(image_set.images, image_set.labels, strict=True))
    parts = []
    for key, heading in LISTS:
        entries = comparison.get(key) or []
        shown = [
            pair(entry, names, str(comparison["metric"]), root, labels, thumbnails)
            for entry in entries
        ]
        if shown:
            parts.append(f"<h2>{heading}</h2>{LEGEND}{''.join(shown)}")
    return "".join(parts)


def pair(
    entry: Mapping[str, Any],
    names: Sequence[str],
    metric: str,
    root: Path,
    labels: Mapping[str, str],
    thumbnails: Thumbnails,
) -> str:
    """Show one query's hits before and after."""
    before, after = float(entry["before"]), float(entry["after"])
    rows = "".join(
        strip(
            str(entry["query"]),
            entry[key],
            root=root,
            thumbnails=thumbnails,
            labels=labels,
            title=f"{plain(name)} <span>{plain(metric)} {share(value)}</span>",
        )
        for name, key, value in (
            (names[0], "first_hits", before),
            (names[1], "second_hits", after),
        )
    )
    return (
        f'<div class="pair"><div class="strip-title"><b class="change">{signed(after - before)}</b>'
        f" <span>{plain(str(entry['query']))}</span></div>{rows}</div>"
    )


def measured(comparison: Mapping[str, Any], names: Sequence[str]) -> str:
    """Say what the two runs are."""
    facts = {}
    for number, key in enumerate(("first", "second")):
        run = comparison[key]
        facts[f"{key} run"] = (
            f"{run['encoder']['name']}, {run['index']['name']}, {str(run.get('measured', ''))[:10]}"
        )
        facts[f"{key} machine"] = str(run.get("machine", ""))
        left = int(comparison.get(f"only_{key}") or 0)
        if left:
            facts[f"only {names[number]}"] = f"answers {left:,} more queries, left out here"
    asked = comparison["first"]["parameters"]
    facts["intervals"] = (
        f"paired bootstrap, {asked.get('resamples')} draws of the queries, seed {asked.get('seed')}"
    )
    return f"<h2>How it was measured</h2>{facts_html(facts)}"
