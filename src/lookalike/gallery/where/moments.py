"""Dates in filters: ``'2024'``, ``'2024-05'`` or ``'2024-05-01'`` stand for the whole of it."""

from __future__ import annotations

import re
from datetime import datetime

from lookalike.errors import UsageError
from lookalike.gallery.where.conditions import Value
from lookalike.gallery.where.tokens import shortened

__all__ = ["beginning_of"]

MOMENT = re.compile(r"\d{4}(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d)?)?Z?)?)?)?", re.ASCII)
FIRST = "0001-01-01T00:00:00"


def beginning_of(value: Value, column: str) -> str:
    """Read a date as the beginning of the ISO 8601 texts that fall into it.

    A moment cut to that length equals it, comes before it or after it: so each
    moment is within, before or after the day, month or year.

    Raises:
        UsageError: It is no date.
    """
    text = str(value.value)
    if MOMENT.fullmatch(text) is not None:
        beginning = text.replace(" ", "T").removesuffix("Z")
        try:
            datetime.fromisoformat(beginning + FIRST[len(beginning) :])
        except ValueError:
            pass
        else:
            return beginning
    raise UsageError(
        f"The filter compares {column} with {shortened(text)}, which is no date: write it like "
        "'2024', '2024-05', '2024-05-31' or '2024-05-31T18:30:00'."
    )
