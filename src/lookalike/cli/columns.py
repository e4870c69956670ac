"""Rows below their titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["aligned"]


def aligned(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Lay rows out below their titles, two spaces between columns."""
    if not rows:
        return []
    titles = list(rows[0])
    lines = [titles, *([row.get(title, "") for title in titles] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
