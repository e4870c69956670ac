"""What goes wrong while folders are watched: half files, full disks, other writers, lost roots."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from lookalike.errors import EncoderError, GalleryReadOnly, StorageFull
from lookalike.gallery import Gallery
from lookalike.images import content_hash
from lookalike.ingest import Watcher, add_images
from lookalike.ingest.watching import rounds, sparing
from lookalike.ingest.watching.settling import Settling
from running_watcher import PATIENCE_S, SETTLE_S


def test_half_written_files_wait(photos, watching):
    whole = photos.add("first.png", 1000).read_bytes() + bytes(20_000)
    with watching(settle_s=1.5) as running:
        for number in range(100):
            told, updates = len(running.reports), running.updates
            file = photos.folder / f"{number}.png"
            pause_s = write_slowly(file, whole)
            running.until(lambda at=file.name: hash_of(running, at) == content_hash(whole))
            if pause_s < 1.5:  # else this machine stood still: another one
                break
    assert running.updates == updates + 1
    assert all(not report.skipped for report in running.reports[told:])


def write_slowly(file, data):
    """Write a file for longer than the watcher waits; gives the longest pause in seconds."""
    written = [time.monotonic()]
    with open(file, "wb", buffering=0) as out:
        for start in range(0, len(data), len(data) // 16):
            out.write(data[start : start + len(data) // 16])
            written.append(time.monotonic())
            time.sleep(0.15)
    return max(later - earlier for earlier, later in pairwise(written))


def hash_of(running, path):
    """Tell what the gallery knows of a file."""
    found = [image.content_hash for image in running.gallery.images() if image.path == path]
    return found[0] if found else None


def test_a_file_that_stalled_half_written_is_taken_when_it_is_whole(photos, watching):
    whole = photos.add("first.png", 1000).read_bytes()
    with watching() as running:
        (photos.folder / "a.png").write_bytes(whole[:40])
        running.until(lambda: any(report.skipped for report in running.reports))
        (photos.folder / "a.png").write_bytes(whole)
        running.until_files("first.png", "a.png")


def test_a_known_picture_that_stalled_half_written_keeps_its_image_id(photos, watching):
    whole = photos.add("first.png", 7).read_bytes()
    with watching() as running:
        first = photos.folder / "first.png"
        first.write_bytes(whole[:40])
        running.until(lambda: running.updates >= 1)
        photos.add("a.png", 1)
        assert running.until_files("first.png", "a.png") == {"first.png": 1, "a.png": 2}
        first.write_bytes(whole)
        running.until(lambda: running.last == "changed")
        assert running.files == {"first.png": 1, "a.png": 2}
    assert [change.what for change in running.changes] == ["added", "changed"]
    assert all(not report.skipped for report in running.reports)


def test_a_known_picture_that_stays_unreadable_is_given_up(photos, watching, monkeypatch):
    monkeypatch.setattr(sparing, "PATIENCE_S", 2.0)
    with watching() as running:
        whole = photos.add("a.png", 1).read_bytes()
        running.until_files("first.png", "a.png")
        (photos.folder / "first.png").write_bytes(whole[:40])
        running.until_files("a.png")
        running.until(lambda: running.last == "removed")
    (skipped,) = [item.path for report in running.reports for item in report.skipped]
    assert skipped == str(photos.folder / "first.png")


def test_a_known_picture_that_has_been_unreadable_for_long_is_given_up_at_once(photos, watching):
    with watching() as running:
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
        photos.write("first.png", b"no picture, of an old date")
        running.until_files("a.png")


def test_unreadable_files_are_told_once(photos, watching):
    with watching() as running:
        photos.write("broken.png", b"no picture")
        running.until(lambda: running.reports != [])
        photos.add("a.png", 1)
        running.until(lambda: "a.png" in running.files)
    skipped = [item.path for report in running.reports for item in report.skipped]
    assert skipped == [str(photos.folder / "broken.png")]


def test_another_writer_keeps_it_waiting(photos, watching, gallery):
    with watching() as running:
        with gallery.writer():
            photos.add("a.png", 1)
            running.until(lambda: running.updates >= 1)
        running.until_files("first.png", "a.png")
    assert running.problems == []


def test_another_writer_is_waited_for_and_told_once(photos, watching, gallery, monkeypatch):
    monkeypatch.setattr(rounds, "LOCKED_AGAIN_S", 0.1)
    monkeypatch.setattr(rounds, "LOCKED_TOLD_S", 0.5)
    with watching() as running:
        with Gallery.open(gallery.path) as other, other.writer():
            photos.add("a.png", 1)
            running.until(lambda: running.problems != [])
            told = running.updates
            running.until(lambda: running.updates > told + 2)
            assert set(running.files) == {"first.png"}
        running.until_files("first.png", "a.png")
        running.until(lambda: len(running.problems) > 1)
    assert running.problems == [
        f"Another process has been writing to {gallery.path} for 0.5 s: changes are taken up "
        "when it lets others write.",
        "The gallery can be written again.",
    ]


def test_what_waited_for_another_writer_and_is_no_longer_needed_is_not_waited_for(
    photos, watching, gallery, monkeypatch
):
    monkeypatch.setattr(rounds, "LOCKED_AGAIN_S", 0.1)
    monkeypatch.setattr(rounds, "LOCKED_TOLD_S", 0.2)
    with watching() as running, Gallery.open(gallery.path) as other, other.writer():
        photos.add("a.png", 1)
        running.until(lambda: running.problems != [])
        photos.delete("a.png")
        running.until(lambda: len(running.problems) > 1)
        assert running.problems[1:] == ["The gallery is up to date again."]


def test_two_watchers_of_one_gallery_share_the_work(photos, watching, gallery, aligned, encoder):
    with watching() as one, Gallery.open(gallery.path) as opened:
        stop, reports = threading.Event(), []
        other = Watcher(opened, encoder, on_report=reports.append, settle_s=SETTLE_S)
        thread = threading.Thread(target=other.run, args=(stop,))
        thread.start()
        for number in range(1, 40):
            photos.add(f"{number}.png", number)
        one.until_files("first.png", *(f"{number}.png" for number in range(1, 40)))
        photos.rename("1.png", "moved.png")
        changed = photos.add("2.png", 50).read_bytes()
        photos.delete("3.png")
        gone = {"1.png", "3.png"}
        one.until(lambda: gone.isdisjoint(one.files) and "moved.png" in one.files)
        one.until(lambda: gallery.image(one.files["2.png"]).content_hash == content_hash(changed))
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    changes = [(change.what, change.path) for change in one.changes]
    changes += [(change.what, change.path) for report in reports for change in report.changes]
    assert len(changes) == len(set(changes)) == 42
    assert one.problems == []
    aligned(gallery, encoder)


@pytest.mark.parametrize("error", [StorageFull, GalleryReadOnly])
def test_a_gallery_that_takes_nothing_is_told_once_and_tried_again(
    photos, watching, monkeypatch, error
):
    monkeypatch.setattr(rounds, "REFUSED_AGAIN_S", 0.3)
    fails = [True, True]

    def write(work):
        if fails:
            fails.pop()
            raise error("It cannot be written.")
        return work()

    with watching(write=write) as running:
        for number in range(8):
            photos.add(f"{number}.png", number)
        running.until_files("first.png", *(f"{number}.png" for number in range(8)))
    assert running.problems == [
        "It cannot be written. It is tried again, at least every 10 minutes.",
        "The gallery can be written again.",
    ]


def test_a_full_disk_is_tried_ever_more_seldom_and_told_once_whatever_file_it_is(
    photos, watching, monkeypatch
):
    monkeypatch.setattr(rounds, "REFUSED_AGAIN_S", 0.1)
    monkeypatch.setattr(rounds, "REFUSED_MOST_S", 0.6)
    refused = []

    def write(work):
        if len(refused) < 5:
            refused.append(time.monotonic())
            raise StorageFull(f"There is no room for file {len(refused)}.")
        return work()

    with watching(write=write) as running:
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
        running.until(lambda: len(running.problems) == 2)
    pauses = [later - earlier for earlier, later in pairwise(refused)]
    assert all(pause >= due for pause, due in zip(pauses, (0.1, 0.2, 0.4, 0.6), strict=True))
    assert running.problems[0].startswith("There is no room for file 1. It is tried again")
    assert running.problems[1] == "The gallery can be written again."


def test_what_did_not_fit_and_is_no_longer_needed_is_not_waited_for(photos, watching, monkeypatch):
    monkeypatch.setattr(rounds, "REFUSED_AGAIN_S", 0.2)
    takes = threading.Event()

    def write(work):
        if not takes.is_set():
            raise StorageFull("It is full.")
        return work()

    with watching(write=write) as running:
        photos.add("a.png", 1)
        running.until(lambda: running.problems != [])
        photos.delete("a.png")
        takes.set()
        running.until(lambda: len(running.problems) > 1)
    assert running.problems[1] == "The gallery is up to date again."
    assert set(running.files) == {"first.png"}


def test_one_picture_that_ends_the_encoder_does_not_keep_the_others(
    photos, watching, encoder, monkeypatch
):
    red, green, blue = np.random.default_rng(13).integers(10, 256, 3).tolist()
    encode = type(encoder).encode

    def failing(self, pixels):
        if (pixels[:, 4, 4] == (red, green, blue)).all(axis=1).any():
            raise EncoderError("It ran out of everything.")
        return encode(self, pixels)

    monkeypatch.setattr(type(encoder), "encode", failing)
    with watching() as running:
        for number in range(10, 17):
            photos.add(f"{number}.png", number)
        running.until(lambda: len(running.files) == 7 and running.problems != [])
    assert "13.png" not in running.files
    assert running.problems == [
        f"{photos.folder / '13.png'} was left out: It ran out of everything."
    ]


def test_a_root_that_goes_away_and_comes_back(photos, watching, tmp_path):
    with watching() as running:
        photos.folder.rename(tmp_path / "unplugged")
        running.until(lambda: len(running.problems) == 1)
        time.sleep(3 * SETTLE_S)
        assert set(running.files) == {"first.png"}
        (tmp_path / "unplugged").rename(photos.folder)
        running.until(lambda: len(running.problems) == 2)
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
    gone = f"{photos.folder} is not there. Nothing of it is forgotten, and it is watched again"
    assert running.problems[0] == f"{gone} when it can be."
    assert "is there again" in running.problems[1]


def test_an_emptied_root_is_taken_for_an_unplugged_drive(photos, watching):
    with watching() as running:
        photos.delete("first.png")
        running.until(lambda: running.problems != [])
        assert set(running.files) == {"first.png"}
        photos.add("other.png", 2)
        running.until(lambda: "other.png" in running.files)


def test_another_root_under_the_same_name(photos, watching, tmp_path):
    with watching() as running:
        other = type(photos)(tmp_path / "other")
        other.add("a.png", 1)
        photos.folder.rename(tmp_path / "old")
        other.folder.rename(photos.folder)
        running.until_files("a.png")
        photos.add("b.png", 2)
        running.until_files("a.png", "b.png")


def test_stopping_in_the_middle_of_a_flood(photos, watching, gallery, monkeypatch, tmp_path):
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_S", 0.0)
    flood = type(photos)(tmp_path / "flood")
    for number in range(1, 60):
        flood.add(f"{number}.png", number)
    with watching() as running:
        running.watcher._rounds._on_progress = lambda progress: (
            progress.done > 3 and running.stop.set()
        )
        os.replace(flood.folder, photos.folder / "flood")
        running.thread.join(PATIENCE_S)
        assert not running.thread.is_alive()
    assert gallery.verify().is_clean
    assert 1 < len(running.files) < 60


def test_what_a_commit_of_somebody_else_took_is_not_taken_again(
    photos, watching, gallery, encoder, monkeypatch
):
    take, is_committed = Settling.take, threading.Event()

    def take_later(settling, most, now):
        return take(settling, most, now) if is_committed.is_set() else []

    monkeypatch.setattr(Settling, "take", take_later)
    with watching() as running:
        waiting = running.watcher._rounds._settling
        photos.add("a.png", 1)
        running.until(lambda: len(waiting) == 1)
        add_images(gallery, photos.folder, encoder)
        is_committed.set()
        running.until(lambda: len(waiting) == 0)
        photos.add("b.png", 2)
        running.until_files("first.png", "a.png", "b.png")
    assert [change.path for change in running.changes] == [str(photos.folder / "b.png")]
    assert running.updates == 1
