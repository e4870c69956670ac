"""For how long a known picture is kept whose file cannot be read."""

from __future__ import annotations

import time

import pytest

from lookalike.images import ImageRef
from lookalike.ingest.watching.sparing import PATIENCE_S, Sparing


def changed(ago_s):
    """A file that was changed so many seconds ago."""
    return ImageRef("a.png", 10, time.time_ns() - round(ago_s * 1e9))


@pytest.mark.parametrize("ago_s", [0.0, PATIENCE_S / 2, -PATIENCE_S / 2])
def test_what_changed_a_moment_ago_is_kept_and_looked_at_again(ago_s):
    sparing, now = Sparing(), time.monotonic()
    assert sparing.spares(1, changed(ago_s))
    due = now + PATIENCE_S - ago_s
    assert sparing.take_due(due - 5) == []
    assert sparing.take_due(due + 5) == [(1, "a.png")]
    assert sparing.take_due(due + 5) == []


@pytest.mark.parametrize("ago_s", [PATIENCE_S, 10**6, -(10**6)])
def test_what_changed_long_ago_is_not(ago_s):
    sparing = Sparing()
    assert not sparing.spares(1, changed(ago_s))
    assert sparing.take_due(float("inf")) == []


def test_what_changes_again_is_kept_for_longer():
    sparing, now = Sparing(), time.monotonic()
    assert sparing.spares(1, changed(PATIENCE_S - 10))
    assert sparing.spares(1, changed(0))
    assert sparing.take_due(now + PATIENCE_S / 2) == []
    assert sparing.take_due(now + 2 * PATIENCE_S) == [(1, "a.png")]
