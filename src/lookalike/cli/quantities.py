"""Sizes and durations on the command line: ``300MB``, ``2ms``, ``5m``."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["DURATION", "PERIOD", "SIZE", "Quantity"]

NUMBER_AND_UNIT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z]*)\s*")


class Quantity(click.ParamType):  # type: ignore[type-arg]
    """A number with a unit, more than nothing.

    Args:
        name: What it is, for messages.
        units: What each unit is in the base unit; the empty one needs no word.
        example: How one is written.
    """

    def __init__(self, name: str, units: dict[str, float], example: str) -> None:
        self.name = name
        self.units = units
        self.example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read the number in the base unit."""
        if isinstance(value, float):
            return value
        found = NUMBER_AND_UNIT.fullmatch(str(value))
        if found is None or found[2].lower() not in self.units:
            units = ", ".join(unit for unit in self.units if unit)
            self.fail(f"{value!r} is no {self.name}: write {self.example}, in {units}", param, ctx)
        number = float(found[1]) * self.units[found[2].lower()]
        if not number:
            self.fail(f"{value!r} is nothing: write {self.example}, for example", param, ctx)
        return number


SIZE = Quantity(
    "size",
    {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
     "kib": 2**10, "mib": 2**20, "gib": 2**30},
    "300MB",
)  # fmt: skip
TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
DURATION = Quantity("duration", TIMES, "2ms")
# The same for what takes longer, or is done every so often.
PERIOD = Quantity("duration", TIMES, "30s")
