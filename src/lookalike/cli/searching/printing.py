"""What was found, on the screen or for another program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from lookalike.cli.output import note, printable, shown_path
from lookalike.cli.searching.wish import Found

__all__ = ["show", "show_how", "show_json"]


def show(answers: Sequence[Found]) -> None:
    """Print one table for each query, under its name where there are several."""
    for number, found in enumerate(answers):
        if len(answers) > 1:
            click.echo(("\n" if number else "") + printable(found.told["query"]))
        if not found.hits:
            note("No picture of the gallery answers this query.")
        for rank, score, path in found.hits:
            click.echo(f"{rank:4d}  {score:6.3f}  {shown_path(path)}")


def show_json(answers: Sequence[Found], *, explain: bool = False) -> None:
    """Print one object a line; a byte that is not UTF-8 is a lone surrogate, as Python's are."""
    for found in answers:
        told = {"query": found.told["query"], "asked": found.asked, **found.told}
        if explain and found.plan:
            told["plan"] = found.plan
        click.echo(json.dumps(told))


def show_how(answers: Sequence[Found]) -> None:
    """Say how the gallery was searched and what the scores mean, once where it is the same."""
    lines = [f"plan: {found.plan and found.plan['summary']}" for found in answers]
    lines += [f"scores: {found.told['meaning']}" for found in answers]
    for line in dict.fromkeys(lines):
        click.echo(line, err=True)
