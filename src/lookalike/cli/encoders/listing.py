"""The list that ``lookalike encoders`` prints."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.known import known_card, known_names
from lookalike.encoders.loading import builtin_card
from lookalike.encoders.measuring import Measured, measured
from lookalike.encoders.weights.stored import size_on_disk

HEADINGS = (
    "name", "dim", "parameters", "input", "text", "licence", "weights", "ms", "pictures/s", "MiB",
)  # fmt: skip
# What is a number stands to the right.
RIGHT = {"dim", "parameters", "input", "ms", "pictures/s", "MiB"}


def show_list(*, as_json: bool) -> None:
    """Print every known encoder on a line of its own."""
    cards = [builtin_card(), *(known_card(name) for name in known_names())]
    if as_json:
        for card in cards:
            click.echo(json.dumps(as_dict(card)))
        return
    rows = [HEADINGS, *(as_row(card) for card in cards)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [
            cell.rjust(width) if heading in RIGHT else cell.ljust(width)
            for cell, width, heading in zip(row, widths, HEADINGS, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def is_here(card: EncoderCard, size_bytes: int) -> bool:
    """Tell whether an encoder can be loaded without a hub."""
    return not card.repository or size_bytes > 0


def as_row(card: EncoderCard) -> tuple[str, ...]:
    """Lay one encoder out; what was measured is empty where nobody measured it here."""
    cost = measured(card.name)
    return (
        card.name,
        str(card.dim),
        millions(card.parameters),
        f"{card.preprocessing.size} px",
        "text" if card.has_text else "",
        card.licence,
        "here" if is_here(card, size_on_disk(card)) else "",
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


def as_dict(card: EncoderCard) -> dict[str, object]:
    """Turn one encoder into what JSON can hold."""
    cost = measured(card.name)
    size_bytes = size_on_disk(card)
    return {
        "name": card.name,
        "family": card.family,
        "architecture": card.architecture,
        "repository": card.repository,
        "revision": card.revision,
        "dim": card.dim,
        "parameters": card.parameters,
        "preprocessing": card.preprocessing.to_dict(),
        "has_text": card.has_text,
        "licence": card.licence,
        "is_here": is_here(card, size_bytes),
        "size_bytes": size_bytes,
        "measured": asdict(cost) if cost else None,
    }
