"""What an evaluation leaves for people: all results as JSON, as tables, as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.reports.figures import can_draw
from lookalike.evaluation.writing import text_bytes, write_json, write_whole

__all__ = ["write_outputs"]


def write_outputs(
    results: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    sets: Mapping[str, ImageSet] | None = None,
    has_report: bool | None = None,
) -> list[Path]:
    """Write ``results.json``, ``results.md`` and, with the extra 'plot', ``report.html``.

    Args:
        results: As ``evaluate`` returns them.
        folder: Where to.
        sets: By fingerprint, for the pictures of the report.
        has_report: Whether the page is wanted; None where it can be drawn.

    Returns:
        The files.

    Raises:
        MissingExtra: The page is wanted, and cannot be drawn.
        StorageFull: There is no room left.
    """
    from lookalike.evaluation.reports.tables import markdown_tables

    files = [folder / "results.json", folder / "results.md"]
    write_json(files[0], list(results))
    write_whole(files[1], text_bytes(markdown_tables(results)))
    if has_report or (has_report is None and can_draw()):
        from lookalike.evaluation.reports import write_report

        files.append(folder / "report.html")
        write_report(results, files[-1], sets=sets or {})
    return files
