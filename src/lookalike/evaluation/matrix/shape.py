"""What a result's JSON file has to hold before anything reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["flaw_of"]

NUMBER = (int, float)
# Every part that comparing, resuming or reporting reads without asking.
PARTS: Mapping[str, type | tuple[type, ...]] = {
    "set": dict,
    "set.name": str,
    "set.fingerprint": str,
    "encoder": dict,
    "encoder.name": str,
    "encoder.fingerprint": str,
    "index": dict,
    "index.name": str,
    "index.config": dict,
    "index.ann_recall": dict,
    "index.latency_ms": dict,
    "parameters": dict,
    "parameters.ks": list,
    "parameters.ranking": str,
    "parameters.depth": int,
    "parameters.resamples": int,
    "parameters.level": NUMBER,
    "parameters.seed": int,
    "metrics": dict,
    "classes": list,
    "best": list,
    "worst": list,
    "run": str,
    "asked": dict,
}


def flaw_of(facts: Mapping[str, Any]) -> str:
    """Name the first part that is missing, or is no part of a result; empty if all are there."""
    for path, kind in PARTS.items():
        value: Any = facts
        for key in path.split("."):  # what holds others stands before them
            value = value.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            return path
    parameters = facts["parameters"]
    if parameters["resamples"] < 1:
        return "parameters.resamples"
    if not 0 < parameters["level"] < 1:
        return "parameters.level"
    run = facts["run"]
    return "" if run.endswith(".npz") and "/" not in run and "\\" not in run else "run"
