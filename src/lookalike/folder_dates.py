"""Dates of folders, by which one tells whether anything in them has changed."""

from __future__ import annotations

import os
import time

__all__ = ["dated"]

# A folder that changed this shortly before it was listed may change again without getting
# another date: some file systems count in steps of two seconds.
DATE_STEP_NS = 2_500_000_000


def dated(facts: os.stat_result) -> int | None:
    """Tell a folder's date, None where it changed too shortly ago to be trusted."""
    return None if abs(time.time_ns() - facts.st_mtime_ns) < DATE_STEP_NS else facts.st_mtime_ns
