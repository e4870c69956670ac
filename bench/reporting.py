"""What every benchmark prints: the machine, a table, and a JSON file to compare with later."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
LIBRARIES = ("lookalike", "numpy", "pillow", "onnxruntime", "faiss-cpu")


def machine() -> str:
    """Name the processor, the cores this process may use, and the libraries that matter."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    families = {line.split(":")[1].strip() for line in lines if line.startswith("cpu family")}
    name = " ".join(sorted(models)) or platform.processor() or platform.machine()
    family = f" family {families.pop()}" if len(families) == 1 else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    return f"{name}{family}, {cores} cores, Python {platform.python_version()}; {libraries}"


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
