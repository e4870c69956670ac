"""Commands that write, beside another process that does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from lookalike.cli import waiting
from lookalike.gallery import Gallery, patience


class Clock:
    """Stands in for ``time`` and ``threading``: time passes only while somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ends_at_s = 0.0
        self.at_end: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now_s

    def Event(self) -> Clock:  # noqa: N802
        return self

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        if self.now_s >= self.ends_at_s:
            self.at_end()


@pytest.fixture
def hold(indexed, monkeypatch):
    """Write to the gallery for some seconds, as a watcher does."""
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    monkeypatch.setattr(patience, "time", clock)
    monkeypatch.setattr(patience, "threading", clock)
    with Gallery.open(indexed / ".lookalike") as gallery, gallery.writer() as writer:

        def for_seconds(seconds):
            clock.ends_at_s, clock.at_end = seconds, writer.close

        yield for_seconds


@pytest.mark.parametrize(
    "words",
    [
        ("index", "photos"),
        ("remove", "photos/red.png", "--gallery", "photos"),
        ("remove", "--source", "photos", "--gallery", "photos"),
        ("compact", "--gallery", "photos"),
    ],
)
def test_a_short_while_is_waited_for_in_silence(lookalike, hold, words):
    hold(0.9)
    done = lookalike(*words)
    assert (done.code, done.err) == (0, "")


def test_a_longer_one_is_told(lookalike, hold):
    hold(9)
    done = lookalike("index", "photos")
    assert done.code == 0
    assert done.err == (
        "lookalike: Another process writes to the gallery: it is waited for, 10 seconds at most.\n"
    )


def test_a_writer_that_never_ends_is_named(lookalike, hold, indexed):
    hold(11)
    done = lookalike("index", "photos")
    assert done.code == 1
    assert done.err.splitlines()[1:] == [
        f"lookalike: The gallery {indexed}/.lookalike cannot be changed while another process "
        f"(pid {os.getpid()}) writes to it: try again later, or end it if it is a 'lookalike "
        "watch' or 'lookalike serve'."
    ]


def test_by_a_real_clock_too(lookalike, indexed):
    with Gallery.open(indexed / ".lookalike") as gallery, gallery.writer() as writer:
        soon = threading.Timer(0.3, writer.close)
        soon.start()
        assert lookalike("index", "photos").code == 0
        soon.join()
