"""How values of columns are written as labels: the same way in galleries and in tables."""

from __future__ import annotations

import json

from lookalike.ingest.metadata import plain

__all__ = ["label_of"]

# As tables write that there is no number, in whatever case.
NO_NUMBER = "nan"


def label_of(value: object) -> str | None:
    """Write a value as a label.

    Numbers that are equal have one label, as have texts that are equal but for white
    space around them: ``1`` and ``1.0`` are ``1``. Lists and mappings are written as JSON.

    Returns:
        None for what is no label: nothing, white space, and NaN, be it a number or a text.
    """
    value = plain(value)
    if isinstance(value, str):
        text = value.strip()
        return None if text.lower() in {"", NO_NUMBER} else text
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
