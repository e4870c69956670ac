"""What was done to answer a query, in numbers and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lookalike.index.config import SearchParams

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How queries were answered.

    Attributes:
        kind: ``exact``, or the kind of the index that was asked.
        rows: Rows that can be found at all.
        allowed: How many of them a filter lets through; None without one.
        usual: What the index is searched with when nothing stands in the way.
        used: What it was searched with, the largest of all queries.
        delta_rows: Newer rows than the index has, compared one by one.
        dead_rows: Deleted rows that the index still has.
        repeated: Queries that found too few and were asked again exactly.
        index_generation: The gallery generation that the index was built from.
        generation: The gallery generation that was searched.
    """

    kind: str
    rows: int
    allowed: int | None = None
    usual: SearchParams = field(default_factory=SearchParams)
    used: SearchParams = field(default_factory=SearchParams)
    delta_rows: int = 0
    dead_rows: int = 0
    repeated: int = 0
    index_generation: int | None = None
    generation: int | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every row that may be found was compared."""
        return self.kind == "exact"

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return {
            **{item.name: getattr(self, item.name) for item in fields(self)},
            "usual": self.usual.to_dict(),
            "used": self.used.to_dict(),
            "summary": str(self),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Plan:
        """Undo ``to_dict``."""
        values = {item.name: told[item.name] for item in fields(cls) if item.name in told}
        for name in ("usual", "used"):
            values[name] = SearchParams.from_dict(values.get(name, {}))
        return cls(**values)

    def __str__(self) -> str:
        rows = f"{self.rows:,} rows"
        if self.is_exact:
            within = "" if self.allowed is None else f"{self.allowed:,} allowed of "
            parts = [f"exact over {within}{rows}"]
        else:
            parts = [f"{self.kind}{self._settings()}{self._within(rows)}"]
            if self.delta_rows:
                parts.append(f"{self.delta_rows:,} newer rows compared exactly")
            if self.dead_rows:
                parts.append(f"{self.dead_rows:,} deleted rows left out")
            if self.repeated:
                parts.append(f"{self.repeated} queries found too few and were asked again exactly")
        if self.index_generation is not None and self.index_generation != self.generation:
            parts.append(f"index of generation {self.index_generation}, gallery {self.generation}")
        return "; ".join(parts)

    def _within(self, rows: str) -> str:
        """Write which rows may be found, and how the others are kept out."""
        if self.allowed is None:
            return f" over {rows}"
        # A graph is walked as ever; what may not be found is dropped from the answer.
        how = "selector over" if self.used.ef_search is None else "thinned to"
        return f", {how} {self.allowed:,} of {rows}"

    def _settings(self) -> str:
        """Write what was set, and from what it was raised."""
        told = ""
        usual = self.usual.to_dict()
        for name, value in self.used.to_dict().items():
            before = usual.get(name, value)
            told += f", {name} {before:g}" + (f" -> {value:g}" if value != before else "")
        return told
