"""``lookalike watch`` as a process: what it prints, and how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from lookalike.cli import watch as watching
from lookalike.cli.extras import install_line
from lookalike.gallery import Gallery
from lookalike.images import open_source
from lookalike.ingest import FileChange, UpdateReport

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")

PATIENCE_S = 60.0
PURPLE, ORANGE = (200, 0, 200), (250, 120, 0)


class Watch:
    """A watching process; its lines are read as they come."""

    def __init__(self, folder, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lookalike", "watch", *map(str, words)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test that runs in the background would hand an ignored Ctrl-C on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.out, self.err = [], []
        self._threads = [
            threading.Thread(target=read, args=(stream, lines))
            for stream, lines in (
                (self.process.stdout, self.out),
                (self.process.stderr, self.err),
            )
        ]
        for thread in self._threads:
            thread.start()

    def until(self, text):
        """Wait for a line, on either stream, that holds a text."""
        end = time.monotonic() + PATIENCE_S
        while not any(text in line for line in [*self.out, *self.err]):
            assert time.monotonic() < end, (self.out, self.err)
            assert self.process.poll() is None, (self.out, self.err)
            time.sleep(0.02)

    def end(self, number=signal.SIGINT):
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def until(is_true):
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def read(stream, lines):
    for line in stream:
        lines.append(line.rstrip("\n"))


@pytest.fixture
def watch(tmp_path):
    """Start watching; what still runs at the end is killed."""
    started = []

    def start(*words):
        started.append(Watch(tmp_path, *words, "--settle", "200ms"))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


def changes(running):
    """The lines of changes, without their times."""
    begin = next(n for n, line in enumerate(running.out) if line.startswith("Watching"))
    return [line.split("  ", 1)[1] for line in running.out[begin + 1 :] if "  " in line]


def test_it_indexes_first_then_tells_each_change(watch, photos, paint, encoder, lookalike):
    running = watch("photos", "--encoder", encoder)
    running.until("Watching photos; Ctrl-C ends it.")
    assert running.out[0] == "4 pictures in photos/.lookalike"
    paint(photos / "new" / "purple.png", PURPLE)
    running.until("added    photos/new/purple.png")
    found = lookalike("search", photos / "new" / "purple.png", "--gallery", "photos", "-k", 1)
    assert "photos/new/purple.png" in found.out
    os.replace(paint(photos.parent / "red.png", ORANGE), photos / "red.png")
    running.until("changed  photos/red.png")
    os.rename(photos / "green.png", photos / "new" / "leaf.png")
    running.until("renamed  photos/green.png -> photos/new/leaf.png")
    shutil.rmtree(photos / "new")
    running.until("removed  photos/new/leaf.png")
    running.until("removed  photos/new/purple.png")
    (photos.parent / "broken.png").write_bytes(b"no picture")
    os.replace(photos.parent / "broken.png", photos / "broken.png")
    running.until("skipped  photos/broken.png: it is an unknown kind of file")
    assert running.end() == 0
    assert running.out[-1] == "Stopped with 3 pictures in photos/.lookalike."
    assert [line.split()[0] for line in changes(running)] == [
        "added", "changed", "renamed", "removed", "removed",
    ]  # fmt: skip
    assert len(running.err) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_both_signals_end_it_well(watch, indexed, number, lookalike):
    running = watch("photos")
    running.until("Watching")
    assert running.end(number) == 0
    assert running.err == []
    assert lookalike("verify", "--gallery", "photos").code == 0


def test_quiet_is_silent(watch, indexed, paint):
    running = watch("photos", "-q")
    (indexed / "broken.png").write_bytes(b"no picture")
    with Gallery.open(indexed / ".lookalike") as gallery:
        until(lambda: gallery.info().skipped == 1)
        paint(indexed / "purple.png", PURPLE)  # no longer seen by the first update
        until(lambda: len(gallery) == 5)
    assert running.end() == 0
    assert (running.out, running.err) == ([], [])


def test_many_changes_are_summed_up(watch, indexed, paint):
    running = watch("photos")
    running.until("Watching")
    for number in range(30):
        paint(indexed.parent / "many" / f"{number}.png", (8 * number, 40, 90))
    os.rename(indexed.parent / "many", indexed / "many")  # all at the same time
    running.until("30 added in ")
    running.end()


def report_of(count):
    changes = [FileChange("added", f"/{number}.png", number) for number in range(count)]
    return UpdateReport(changes=tuple(changes), elapsed_s=0.5)


def test_a_flood_that_comes_in_small_portions_is_summed_up_too(monkeypatch):
    lines, now = [], [100.0]
    monkeypatch.setattr(watching, "say", lines.append)
    monkeypatch.setattr(watching, "clock", lambda: "12:00:00")
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    teller = watching.Teller(None)
    for _ in range(4):
        teller.tell(report_of(8))
    assert [line.split("  ")[1] for line in lines] == ["added"] * 16 + ["8 added in 0.5 s"] * 2
    now[0] += 6
    teller.tell(report_of(2))
    assert lines[-2:] == ["12:00:00  added    /0.png", "12:00:00  added    /1.png"]


def test_a_problem_is_told_with_its_time_and_kept_in_the_log_once(capsys, caplog, monkeypatch):
    monkeypatch.setattr(watching, "clock", lambda: "12:00:00")
    watching.tell_problem("The disk is full.")
    assert capsys.readouterr().err == "12:00:00  The disk is full.\n"
    assert [(item.levelname, item.message, item.is_told) for item in caplog.records] == [
        ("WARNING", "The disk is full", True)
    ]


def test_an_empty_folder_is_waited_for(watch, tmp_path, paint, encoder):
    (tmp_path / "inbox").mkdir()
    running = watch("inbox", "--encoder", encoder)
    running.until("Watching inbox for the first picture; Ctrl-C ends it.")
    paint(tmp_path / "inbox" / "red.png", PURPLE)
    running.until("added    inbox/red.png")
    assert running.end() == 0
    assert running.err == []


def test_polling(watch, indexed, paint):
    running = watch("photos", "--poll", "--rescan", "300ms")
    running.until("Watching")
    paint(indexed / "a" / "purple.png", PURPLE)
    running.until("added    photos/a/purple.png")
    running.end()


def test_all_sources_without_one_that_is_unplugged(watch, indexed, paint, tmp_path, lookalike):
    paint(tmp_path / "usb" / "purple.png", PURPLE)
    assert lookalike("index", "usb", "--gallery", "photos").code == 0
    (tmp_path / "usb").rename(tmp_path / "pulled")
    running = watch("--gallery", "photos")
    running.until("Watching 2 sources")
    running.until("usb is not there. Nothing of it is forgotten")
    assert re.fullmatch(r"\d\d:\d\d:\d\d  /.*/usb is not there\. .*", running.err[0])
    paint(indexed / "orange.png", ORANGE)
    running.until("added    photos/orange.png")
    (tmp_path / "pulled").rename(tmp_path / "usb")
    running.until("usb is there again")
    running.end()
    assert len(running.err) == 2


def test_a_source_is_found_through_a_link_to_it(indexed, paint, tmp_path, lookalike):
    paint(tmp_path / "usb" / "purple.png", PURPLE)
    assert lookalike("index", "usb", "--gallery", "photos").code == 0
    (tmp_path / "link").symlink_to("usb")
    with Gallery.open(indexed / ".lookalike") as gallery:
        is_watched = watching.only(gallery, open_source(tmp_path / "link"))
        watched = [record.location for record in gallery.sources() if is_watched(record)]
    assert watched == [str(tmp_path / "usb")]


def test_what_cannot_be_watched(lookalike, photos, monkeypatch):
    assert lookalike("watch", "nowhere").code == 1
    assert lookalike("watch").code == 1
    assert lookalike("watch", "photos", "--settle", "0s").code == 2
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = lookalike("watch", "photos")
    assert done.code == 1
    assert install_line("watch") in done.err
