"""What the steps of a job have taken, over all the runs that it was done in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lookalike.evaluation.writing import write_json

__all__ = ["Steps"]

Took = dict[str, float]


class Steps:
    """Times and counts by the name of a step, kept in a file.

    Args:
        file: Made by the first step.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def taken(self) -> dict[str, Took]:
        """What each step has taken: ``seconds``, and ``pictures`` where there were any."""
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return read_steps(found)

    def add(self, step: str, seconds: float, *, pictures: int = 0) -> None:
        """Add what a part of a step took; an earlier run may have done another part."""
        known = self.taken.get(step, {})
        self._write(
            step, seconds + known.get("seconds", 0.0), pictures + int(known.get("pictures", 0))
        )

    def set(self, step: str, seconds: float) -> None:
        """Note what a step took that is done all at once, however often it was begun."""
        self._write(step, seconds, 0)

    def _write(self, step: str, seconds: float, pictures: int) -> None:
        write_json(self._file, {**self.taken, step: {"seconds": seconds, "pictures": pictures}})


def read_steps(found: Any) -> dict[str, Took]:
    """Keep what a file says of steps, as far as it is not damaged."""
    if not isinstance(found, dict):
        return {}
    return {step: took for step, took in found.items() if is_took(took)}


def is_took(took: Any) -> bool:
    """Tell whether this is what a step took."""
    return isinstance(took, dict) and all(
        isinstance(took.get(name), int | float) for name in ("seconds", "pictures")
    )
