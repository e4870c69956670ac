"""What every benchmark prints: a table, the machine and its load; and files to compare with."""

from __future__ import annotations

import json
import os
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
    """Print the table, and write ``results/NAME.json`` and ``results/NAME.md``."""
    RESULTS.mkdir(exist_ok=True)
    load = [round(value, 2) for value in os.getloadavg()]
    facts = {"machine": machine(), "load": load, "rows": list(rows)}
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")
    told = f"{table(rows)}\n\nMeasured on: {machine()}. Load at the end: {load[0]}.\n"
    (RESULTS / f"{name}.md").write_text(told)
    sys.stdout.write(told)
