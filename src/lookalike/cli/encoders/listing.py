"""The list that ``lookalike encoders`` prints."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.encoders.listing import ListedEncoder, listed_encoders
from lookalike.encoders.measuring import Measured, measured

HEADINGS = (
    "name", "dim", "parameters", "input", "text", "licence", "weights", "ms", "pictures/s", "MiB",
)  # fmt: skip
# What is a number stands to the right.
RIGHT = {"dim", "parameters", "input", "ms", "pictures/s", "MiB"}


def show_list(*, as_json: bool) -> None:
    """Print every known encoder on a line of its own."""
    if as_json:
        for one in listed_encoders():
            click.echo(json.dumps(as_dict(one)))
        return
    rows = [HEADINGS, *map(as_row, listed_encoders())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [
            cell.rjust(width) if heading in RIGHT else cell.ljust(width)
            for cell, width, heading in zip(row, widths, HEADINGS, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def as_row(one: ListedEncoder) -> tuple[str, ...]:
    """Lay one encoder out; what was measured is empty where nobody measured it here."""
    card = one.card
    cost = measured(card.name)
    return (
        card.name,
        str(card.dim),
        millions(card.parameters),
        f"{card.preprocessing.size} px",
        "text" if card.has_text else "",
        card.licence,
        "here" if one.is_here else "",
        f"{cost.ms_single:.1f}" if cost else "",
        f"{cost.pictures_per_s:,.0f}" if cost else "",
        mebibytes(cost),
    )


def millions(count: int) -> str:
    """Write a number of parameters."""
    return f"{count / 1e6:.1f} M"


def mebibytes(cost: Measured | None) -> str:
    """Write the memory that was measured, where it was."""
    if cost is None or cost.memory_bytes is None:
        return ""
    return f"{cost.memory_bytes / 2**20:,.0f}"


def as_dict(one: ListedEncoder) -> dict[str, object]:
    """Turn one encoder, and what it was measured to cost, into what JSON can hold."""
    cost = measured(one.card.name)
    return {
        **one.to_dict(),
        "preprocessing": one.card.preprocessing.to_dict(),
        "measured": asdict(cost) if cost else None,
    }
