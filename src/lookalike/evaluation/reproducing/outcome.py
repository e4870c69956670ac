"""What a run found: tables, sentences and files, written down as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import lookalike
from lookalike.evaluation.machine import machine
from lookalike.evaluation.reproducing.published import Published
from lookalike.evaluation.reproducing.systems import System
from lookalike.evaluation.writing import text_bytes, write_json, write_whole

__all__ = ["FORMAT", "Outcome", "Reproduction", "Table", "write_reproduction"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is printed.

    Attributes:
        title: What it shows.
        columns: Their heads.
        rows: Texts, one a column.
        note: What has to be known to read it, or nothing.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """Lay it out, its title above and its note below; numbers to the right."""

        def alignment(column: int) -> str:
            texts = [row[column] for row in self.rows]
            is_number = column > 0 and all(not text or text[0] in "-0123456789" for text in texts)
            return "---:" if is_number else "---"

        lines = [
            "| " + " | ".join(map(cell, self.columns)) + " |",
            "|" + "|".join(map(alignment, range(len(self.columns)))) + "|",
            *("| " + " | ".join(map(cell, row)) + " |" for row in self.rows),
        ]
        parts = [f"**{self.title}**", "\n".join(lines), self.note]
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an experiment measured.

    Attributes:
        tables: For people.
        findings: The answers to the system's questions, one sentence each.
        facts: The same numbers and more, for programs.
        files: Plots, pages and reports that were written, by what they show.
    """

    tables: tuple[Table, ...]
    findings: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One run of a system's experiment.

    Attributes:
        system: Whose.
        is_small: Whether it was run in small.
        remarks: What stood in for what.
        left_out: What could not be done for want of a library.
        published: What the system published.
        outcome: What was measured.
        folder: Where everything lies.
    """

    system: System
    is_small: bool
    remarks: tuple[str, ...]
    left_out: tuple[str, ...]
    published: Published
    outcome: Outcome
    folder: Path

    @property
    def is_comparable(self) -> bool:
        """Whether data and encoders were the system's own; the machine never is."""
        return not self.remarks and not self.is_small

    def markdown(self) -> str:
        """Write the whole report."""
        parts = [f"# {self.system.letter}. {self.system.title}", self.standing()]
        parts += [table.markdown() for table in self.outcome.tables]
        parts += [bullets("What it says", self.outcome.findings)]
        parts += [bullets("What is left out", self.left_out)]
        parts += [bullets("What was published", published_lines(self.published))]
        files = [f"{title}: {self.shown(file)}" for title, file in self.outcome.files.items()]
        parts += [bullets("Files", files), machine()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def shown(self, file: Path) -> str:
        """Write a file's place within the folder."""
        return file.relative_to(self.folder).as_posix()

    def standing(self) -> str:
        """Say what the numbers can be compared with."""
        if self.is_comparable:
            return "Run with the system's own data and encoders, on another machine."
        scale = (
            ["It was run with --small, which takes a part of the data."] if self.is_small else []
        )
        lines = bullets("", (*self.remarks, *scale))
        return (
            "**These numbers are not comparable with the published ones**, which stand beside "
            f"them for the shape of the experiment only:\n\n{lines}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return {
            "format": FORMAT,
            "system": self.system.letter,
            "title": self.system.title,
            "is_small": self.is_small,
            "is_comparable": self.is_comparable,
            "remarks": list(self.remarks),
            "left_out": list(self.left_out),
            "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "machine": machine(),
            "lookalike": lookalike.__version__,
            "published": published_facts(self.published),
            "findings": list(self.outcome.findings),
            "facts": dict(self.outcome.facts),
            "tables": [asdict(table) for table in self.outcome.tables],
            "files": {title: self.shown(file) for title, file in self.outcome.files.items()},
        }


def write_reproduction(found: Reproduction) -> None:
    """Write ``table.md`` and ``results.json``, each whole or not at all."""
    write_whole(found.folder / "table.md", text_bytes(found.markdown()))
    write_json(found.folder / "results.json", found.to_dict())


def published_lines(known: Published) -> list[str]:
    """Write what was published as sentences and numbers."""
    lines = [f"On {known.data}; {known.conditions} ({known.source})."]
    lines += known.statements
    for table in known.tables:
        lines += [
            f"{table.title}, {row}: "
            + ", ".join(
                f"{column} {value:g}" for column, value in zip(table.columns, values, strict=True)
            )
            for row, values in table.rows.items()
        ]
    return lines


def published_facts(known: Published) -> dict[str, Any]:
    """Turn what was published into what JSON can hold."""
    return {
        "source": known.source,
        "data": known.data,
        "conditions": known.conditions,
        "statements": list(known.statements),
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": {row: list(values) for row, values in table.rows.items()},
            }
            for table in known.tables
        ],
    }


def bullets(title: str, lines: Sequence[str]) -> str:
    """Write lines as a list under a title; nothing where there are none."""
    if not lines:
        return ""
    listed = "\n".join(f"- {line}" for line in lines)
    return f"**{title}**\n\n{listed}" if title else listed


def cell(text: str) -> str:
    """Write a text so that it stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")
