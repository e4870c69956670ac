"""Reading what JSON holds without letting a misspelled key or half a number pass."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Collection, Mapping

from lookalike.errors import UsageError

__all__ = ["finite_number", "require_keys"]


def finite_number(value: object) -> float | None:
    """Bring a number to float; None for what is none, and what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def require_keys(told: object, known: Collection[str], *, owner: str) -> None:
    """Refuse what is no object, or has a key that nobody reads.

    Raises:
        UsageError: It is; the nearest key is named.
    """
    if not isinstance(told, Mapping):
        raise UsageError(f"{owner} is an object of {', '.join(sorted(known))}, not {told!r:.60}.")
    for key in told:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            known_keys = ", ".join(sorted(known))
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known_keys}."
            raise UsageError(f"{owner} has no key {key!r}: {hint}")
