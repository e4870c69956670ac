"""Choices by a seeded generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

__all__ = ["Rng", "between", "chance", "pick", "whole"]

Rng = np.random.Generator
_T = TypeVar("_T")


def pick(rng: Rng, options: Sequence[_T]) -> _T:
    """Choose one of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def chance(rng: Rng, probability: float) -> bool:
    """Say yes with the given probability in [0, 1]."""
    return bool(rng.random() < probability)


def between(rng: Rng, low: float, high: float) -> float:
    """Draw a number evenly from [low, high)."""
    return float(rng.uniform(low, high))


def whole(rng: Rng, low: int, high: int) -> int:
    """Draw a whole number from low to high, both included."""
    return int(rng.integers(low, high + 1))
