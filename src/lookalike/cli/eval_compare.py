"""``lookalike eval --compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from lookalike.cli.columns import aligned
from lookalike.cli.destinations import require_writable_file
from lookalike.cli.options import absolute
from lookalike.cli.output import counted, note, printable, say, shown_path

__all__ = ["compare"]


def compare(
    first: Path, second: Path, *, metric: str | None, out: str | None, as_json: bool
) -> None:
    """Compare two results, print what differs, and write the page if one is asked for."""
    from lookalike.evaluation.matrix import compare_results, set_beside

    if out is not None:
        require_writable_file(absolute(out), what="page")
    comparison = compare_results(first, second, metric=metric)
    if as_json:
        click.echo(json.dumps(comparison))
    else:
        show_differences(comparison)
        show_moved(comparison)
    if out is not None:
        from lookalike.evaluation.reports import write_comparison

        write_comparison(comparison, Path(absolute(out)), image_set=set_beside(first))
        note(f"Page: {shown_path(absolute(out))}")


def show_differences(comparison: dict[str, Any]) -> None:
    """Print each metric of both, and the difference."""
    from lookalike.evaluation.reports.wording import p_text

    resamples = comparison["first"]["parameters"]["resamples"]
    rows = [
        {
            "metric": name,
            "first": f"{each['first']:.4f}",
            "second": f"{each['second']:.4f}",
            "difference": f"{each['mean']:+.4f} [{each['low']:+.4f}, {each['high']:+.4f}]",
            "p": "-" if each["p"] is None else p_text(each["p"], resamples),
        }
        for name, each in comparison["differences"].items()
        if not name.rpartition(":")[2].startswith("fpr@")  # 1 - precision, turned around
    ]
    for line in aligned(rows):
        say(line)


def show_moved(comparison: dict[str, Any]) -> None:
    """Print how many queries moved, those that moved most, and what was not compared."""
    counts, metric = comparison["counts"], comparison["metric"]
    say(
        f"{metric} of {counted(comparison['queries'], 'query', 'queries')}: {counts['rose']:,} "
        f"rose, {counts['fell']:,} fell, {counts['same']:,} stayed."
    )
    for which in ("first", "second"):
        if alone := comparison[f"only_{which}"]:
            told = counted(alone, "query", "queries")
            say(f"Asked in the {which} result only, and left out: {told}.")
    for title, moved in (("gained", comparison["gained"]), ("lost", comparison["lost"])):
        for each in moved:
            say(f"{title}  {each['before']:.3f} -> {each['after']:.3f}  {printable(each['query'])}")
