"""What every benchmark prints: the machine, a table, and a JSON file to compare with later."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from lookalike.evaluation.machine import machine

RESULTS = Path(__file__).resolve().parent / "results"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Lay rows out as a Markdown table; numbers with three significant digits."""
    titles = list(rows[0])
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(shown(row[title]) for title in titles) + " |" for row in rows]
    return "\n".join(lines)


def shown(value: object) -> str:
    """Write a cell."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def publish(name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print the table and write ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    facts = {"machine": machine(), "rows": list(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")
    sys.stdout.write(f"{table(rows)}\n\n{machine()}\n")
