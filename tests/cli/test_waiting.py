"""Commands that write, beside another process that does."""

from __future__ import annotations

import os
import threading
import time

import pytest

from lookalike.cli import waiting
from lookalike.gallery import Gallery


@pytest.fixture
def hold(indexed):
    """Write to the gallery for some seconds, as a watcher does."""
    threads = []

    def for_seconds(seconds):
        is_held = threading.Event()

        def work():
            with Gallery.open(indexed / ".lookalike") as gallery, gallery.writer():
                is_held.set()
                time.sleep(seconds)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        is_held.wait()

    yield for_seconds
    for thread in threads:
        thread.join()


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
    hold(0.4)
    done = lookalike(*words)
    assert (done.code, done.err) == (0, "")


def test_a_longer_one_is_told(lookalike, hold):
    hold(1.6)
    done = lookalike("index", "photos")
    assert done.code == 0
    assert done.err == (
        "lookalike: Another process writes to the gallery: it is waited for, 10 seconds at most.\n"
    )


def test_a_writer_that_never_ends_is_named(lookalike, hold, indexed, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.3)
    hold(1.0)
    done = lookalike("index", "photos")
    assert done.code == 1
    assert done.err == (
        f"lookalike: The gallery {indexed}/.lookalike cannot be changed while another process "
        f"(pid {os.getpid()}) writes to it: try again later, or end it if it is a 'lookalike "
        "watch' or 'lookalike serve'.\n"
    )
