"""Results as people look at them: tables, plots, a page that answers, a second look."""

from __future__ import annotations

from lookalike.evaluation.reports.comparison import write_comparison
from lookalike.evaluation.reports.report import write_report
from lookalike.evaluation.reports.tables import markdown_tables, rows_of

__all__ = ["markdown_tables", "rows_of", "write_comparison", "write_report"]
