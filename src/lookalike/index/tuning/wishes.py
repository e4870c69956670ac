"""What an index is wished to do, and what one was measured to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from lookalike.errors import UsageError
from lookalike.index.config import IndexConfig, SearchParams, require_choice

__all__ = ["Measurement", "Trial", "TuneWish", "cost", "pareto_front"]

Traffic = Literal["single", "batch"]


@dataclass(frozen=True, slots=True)
class TuneWish:
    """What the tuner looks for: the fastest index that does all of it.

    Attributes:
        recall: Least share of the true k nearest that are found, over queries
            that are in no index.
        k: How many neighbors a query asks for.
        memory_bytes: Most memory beyond the gallery's own files.
        latency_s: Longest time of 99 in 100 single queries.
        build_s: Longest time of a full build.
        traffic: Whose speed decides: of queries that come one by one, as people
            ask, or of many at a time.
    """

    recall: float = 0.95
    k: int = 10
    memory_bytes: int | None = None
    latency_s: float | None = None
    build_s: float | None = None
    traffic: Traffic = "single"

    def __post_init__(self) -> None:
        if not 0 < self.recall <= 1:
            raise UsageError(f"The recall is {self.recall}: ask for more than 0, and 1 at most.")
        if self.k < 1:
            raise UsageError(f"k is {self.k}: ask for at least one neighbor.")
        for name in ("memory_bytes", "latency_s", "build_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"{name} is {value}: wish for more than nothing.")
        require_choice("Traffic", self.traffic, get_args(Traffic))


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one index did with one choice of params.

    Attributes:
        config: What it was built as.
        params: What it was searched with.
        recall: ann_recall@k over the queries.
        recall_low: Lower end of the 95 % interval of the recall.
        recall_high: Upper end.
        p50_s: Time that half of the single queries take at most.
        p99_s: Time that 99 in 100 single queries take at most.
        queries_per_second: Of single queries, one after the other.
        batch_queries_per_second: Of all queries at a time.
        bytes_per_vector: Memory beyond the rows themselves.
        build_s: Time of the build.
        rows: How many rows it held.
        queries: How many queries the recall is of.
    """

    config: IndexConfig
    params: SearchParams
    recall: float
    recall_low: float
    recall_high: float
    p50_s: float
    p99_s: float
    queries_per_second: float
    batch_queries_per_second: float
    bytes_per_vector: float
    build_s: float
    rows: int
    queries: int

    @property
    def name(self) -> str:
        """A short name of what was built, as tables show it."""
        return short_name(self.config)

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        plain = asdict(self)
        plain.update(config=self.config.to_dict(), params=self.params.to_dict(), name=self.name)
        return plain


@dataclass(frozen=True, slots=True)
class Trial:
    """What a sample of the rows says about a candidate, before the full build.

    Attributes:
        config: The candidate.
        measured: On the sample, at the cheapest params that reach the recall, or
            at the best reached; None where it was not even built.
        expected_s: Time of a query over all rows.
        expected_build_s: Time of the full build.
        expected_bytes: Memory over all rows.
        verdict: Why it was dropped; empty if it was not.
    """

    config: IndexConfig
    measured: Measurement | None
    expected_s: float | None
    expected_build_s: float | None
    expected_bytes: float
    verdict: str = ""

    @property
    def name(self) -> str:
        """A short name of the candidate, as tables show it."""
        return short_name(self.config)

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        measured = None if self.measured is None else self.measured.to_dict()
        return {**asdict(self), "measured": measured, "name": self.name}


def short_name(config: IndexConfig) -> str:
    """Name what was built on a few letters."""
    if config.kind == "factory":
        return config.factory
    plain = config.kind in {"flat", "ivf", "hnsw"}
    name = f"{config.kind} {config.codes}" if plain else str(config.kind)
    return name if config.refine_codes == "none" else f"{name} + {config.refine_codes}"


def cost(measured: Measurement, traffic: str) -> float:
    """Say what a query costs under this traffic, in seconds."""
    return measured.p50_s if traffic == "single" else 1 / measured.batch_queries_per_second


def pareto_front(measurements: Sequence[Measurement], traffic: str) -> tuple[Measurement, ...]:
    """Keep what nothing beats in both recall and time; the fastest first."""
    front: list[Measurement] = []
    for each in sorted(measurements, key=lambda one: (cost(one, traffic), -one.recall)):
        if not front or each.recall > front[-1].recall:
            front.append(each)
    return tuple(front)
