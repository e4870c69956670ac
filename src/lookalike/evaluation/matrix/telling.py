"""What an evaluation says while it runs, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.matrix.embedded import Embedded

__all__ = ["Tally", "headline", "unreadable"]

TOLD_K = 10


@dataclass(slots=True)
class Tally:
    """How many results were there already, and how many were measured.

    Attributes:
        kept: Results of before.
        measured: New ones.
    """

    kept: int = 0
    measured: int = 0

    def add(self, *, is_kept: bool) -> None:
        """Count one result."""
        self.kept += is_kept
        self.measured += not is_kept

    @property
    def sentence(self) -> str:
        """Say what of it was not measured just now; empty where all was."""
        if not self.kept:
            return ""
        results = "result" if self.kept == 1 else "results"
        return (
            f"{self.kept:,} {results} kept from before, {self.measured:,} measured now; --fresh "
            "measures all again."
        )


def unreadable(image_set: ImageSet, embedded: Embedded) -> str:
    """Say how many pictures are left out."""
    count, first = len(embedded.dead), image_set.images[embedded.dead[0]]
    if count == 1:
        return f"1 picture cannot be read, and is left out: {first}."
    return f"{count:,} pictures cannot be read, and are left out; the first is {first}."


def headline(result: Mapping[str, Any]) -> str:
    """Write what was measured with, and the first few numbers, on one line."""
    index, metrics = result["index"], result["metrics"]
    parts = [
        f"{name} {each['mean']:.4f} [{each['low']:.4f}, {each['high']:.4f}]"
        for name in told(metrics, result["parameters"]["ks"])
        for each in [metrics[name]]
    ]
    recalls = index["ann_recall"]
    k = "10" if "10" in recalls else next(iter(recalls))
    parts.append(f"ann_recall@{k} {recalls[k]:.4f}{bounds(index, k)}")
    parts.append(f"p50 {index['latency_ms']['p50']:.3g} ms")
    chosen = f" ({index['config']['kind']})" if index["tuning_s"] is not None else ""
    return f"{index['name']}{chosen}: {', '.join(parts)}"


def bounds(index: Mapping[str, Any], k: str) -> str:
    """Write the interval of an ann_recall, but of one that is 1 by construction."""
    each = index["ann_recall_intervals"][k]
    return "" if each["low"] == 1 else f" [{each['low']:.4f}, {each['high']:.4f}]"


def told(metrics: Mapping[str, Any], ks: Sequence[int]) -> list[str]:
    """Choose for each protocol precision near 10, and an average precision."""
    k = min(ks, key=lambda each: abs(each - TOLD_K))
    prefixes = dict.fromkeys(name[: name.rfind(":") + 1] for name in metrics)
    chosen = []
    for prefix in prefixes:
        averages = [f"{prefix}{name}" for name in ("ap_trapezoid", "ap", f"map@{k}")]
        chosen += [f"{prefix}precision@{k}", next(name for name in averages if name in metrics)]
    return chosen
