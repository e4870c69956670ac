"""Whole numbers on the command line."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["IMAGE_ID", "WholeNumber"]


class WholeNumber(click.ParamType):  # type: ignore[type-arg]
    """A whole number that is not too small.

    Args:
        lowest: The smallest that makes sense.
        highest: The largest.
    """

    name = "number"

    def __init__(self, lowest: int, highest: int = 2**63 - 1) -> None:
        self.lowest = lowest
        self.highest = highest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the number."""
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is no whole number", param, ctx)
        if number < self.lowest:
            self.fail(f"{number} is less than {self.lowest}", param, ctx)
        if number > self.highest:
            self.fail(f"{number} is more than {self.highest}", param, ctx)
        return number


# As far as SQLite counts.
IMAGE_ID = WholeNumber(1)
