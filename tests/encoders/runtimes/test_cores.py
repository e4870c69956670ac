"""How many cores there are: what the process may use, and what a container leaves of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.encoders.runtimes.cores import usable_cores


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("250000 100000", 2), ("20000 100000", 1), ("1600000 100000", 8), ("", 8)],
)
def test_a_container_s_quota_counts(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda file: quota)
    assert usable_cores() == cores
