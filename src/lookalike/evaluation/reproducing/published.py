"""What the five systems published, as data with its source."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from lookalike.errors import UsageError

__all__ = ["Published", "PublishedTable", "published"]


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """Figures as they were printed.

    Attributes:
        title: What they are.
        columns: What each number of a row belongs to.
        rows: By name, one number a column.
    """

    title: str
    columns: tuple[str, ...]
    rows: MappingProxyType[str, tuple[float, ...]]

    def value(self, row: str, column: str) -> float | None:
        """Return one figure; None where that column was not published."""
        return self.rows[row][self.columns.index(column)] if column in self.columns else None


@dataclass(frozen=True, slots=True)
class Published:
    """All that a system published of its experiment.

    Attributes:
        source: Where it stands.
        data: What it was measured on.
        conditions: How.
        statements: What was said of it in words.
        tables: The figures; none where there were none.
    """

    source: str
    data: str
    conditions: str
    statements: tuple[str, ...]
    tables: tuple[PublishedTable, ...]


def published(letter: str) -> Published:
    """Return what a system published.

    Raises:
        UsageError: There is no system of that letter.
    """
    try:
        return all_published()[letter]
    except KeyError:
        raise UsageError(f"There is no system {letter!r}: use A, B, C, D or E.") from None


@lru_cache(maxsize=1)
def all_published() -> MappingProxyType[str, Published]:
    """Read the figures once."""
    file = resources.files("lookalike.evaluation.reproducing") / "published.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType(
        {
            letter: Published(
                facts["source"],
                facts["data"],
                facts["conditions"],
                tuple(facts["statements"]),
                tuple(
                    PublishedTable(
                        table["title"],
                        tuple(table["columns"]),
                        MappingProxyType({row: tuple(of) for row, of in table["rows"].items()}),
                    )
                    for table in facts["tables"]
                ),
            )
            for letter, facts in stored.items()
        }
    )
