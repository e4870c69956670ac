"""The columns that come with pictures: as many, and such, as a catalog can keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lookalike.errors import UsageError
from lookalike.server.forms import require_fields
from lookalike.server.reading import parsed
from lookalike.server.uploads.receiving import ReceivedForm

__all__ = ["columns_of"]

MOST_COLUMNS = 100
LONGEST_COLUMN = 200
LONGEST_VALUE = 10_000
LARGEST_WHOLE = 2**63  # of SQLite's numbers


async def columns_of(form: ReceivedForm) -> list[Mapping[str, Any] | None]:
    """Read the columns to keep with each picture.

    Raises:
        UsageError: They are none, or not for as many pictures as there are.
    """
    require_fields(form.fields, ("metadata",))
    if "metadata" not in form.fields:
        return [None] * len(form.files)
    found = await parsed(form.fields["metadata"])
    if isinstance(found, dict):
        found = [found] * len(form.files)
    if not isinstance(found, list) or len(found) != len(form.files):
        raise UsageError(
            f"The field 'metadata' has to be an object, or a list of {len(form.files)} objects, "
            "one for each picture."
        )
    for row in found:
        require_columns(row)
    return found


def require_columns(row: Any) -> None:
    """Refuse metadata that is no columns with plain values.

    Raises:
        UsageError: It is something else.
    """
    if row is None:
        return
    if not isinstance(row, dict):
        raise UsageError("The metadata of a picture is an object of columns, or null.")
    if len(row) > MOST_COLUMNS:
        raise UsageError(
            f"The metadata has {len(row)} columns, and {MOST_COLUMNS} are kept of a picture: "
            "send fewer."
        )
    for column, value in row.items():
        if not column.strip() or len(column) > LONGEST_COLUMN or not can_be_kept(value):
            raise UsageError(
                f"The column {column!r:.40} of the metadata cannot be kept: a column has a name, "
                f"and a text of up to {LONGEST_VALUE} characters, a finite number of up to 64 "
                "bits, true, false or null."
            )


def can_be_kept(value: Any) -> bool:
    """Tell whether a catalog can keep a value, and a filter compare it."""
    if isinstance(value, str):
        return len(value) <= LONGEST_VALUE
    if isinstance(value, float):
        return math.isfinite(value)  # JSON's 1e999 is none
    if isinstance(value, int):
        return -LARGEST_WHOLE <= value < LARGEST_WHOLE
    return value is None
