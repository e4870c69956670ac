"""How many cores there are to compute on."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["usable_cores"]


def usable_cores() -> int:
    """Count the cores this process may use: its affinity, and a container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores or 1, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no cgroup, or its quota is "max"
        return cores or 1
