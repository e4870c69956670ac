"""Watching real folders: what is written, moved and deleted there reaches the gallery."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time

import numpy as np
import pytest

from lookalike.errors import MissingExtra, UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import Watcher, add_images
from lookalike.ingest.watching import notices, rounds
from lookalike.search import Searcher
from running_watcher import SETTLE_S, RunningWatcher


def mute(monkeypatch):
    """Let the system tell nothing."""
    monkeypatch.setattr(notices.Notices, "add", lambda self, folders: None)


def test_new_changed_renamed_and_deleted_files(photos, watching, aligned, encoder, gallery):
    with watching() as running:
        photos.add("a.png", 1)
        assert running.until_files("first.png", "a.png")["a.png"] == 2
        (photos.folder / "a.png").write_bytes(photos_bytes(2))
        running.until(lambda: running.last == "changed")
        photos.rename("a.png", "b.png")
        assert running.until_files("first.png", "b.png")["b.png"] == 2
        photos.delete("b.png")
        running.until_files("first.png")
    assert [change.what for change in running.changes] == ["added", "changed", "renamed", "removed"]
    assert running.problems == []
    aligned(gallery, encoder)


def test_what_was_written_is_found_by_a_searcher(photos, watching, encoder, gallery):
    with watching() as running, Searcher(gallery, encoder) as searcher:
        file = photos.add("a.png", 7)
        running.until(lambda: searcher.search(file, k=1)[0].path == str(file))


def test_editors_write_beside_and_rename(photos, watching):
    with watching() as running:
        photos.add(".first.png.swp", 5)
        photos.add("first.png~", 5)
        photos.rename("first.png~", "first.png")
        running.until(lambda: running.changes != [])
        time.sleep(3 * SETTLE_S)
    assert [(change.what, change.image_id) for change in running.changes] == [("changed", 1)]


def test_files_made_at_once_in_new_nested_folders(photos, watching):
    with watching() as running:
        paths = [f"{'/'.join('abcdefgh'[:depth])}/{depth}.png" for depth in range(1, 9)]
        for number, path in enumerate(paths):
            photos.add(path, number + 1)
        running.until_files("first.png", *paths)
        photos.add("a/b/c/later.png", 50)
        running.until_files("first.png", "a/b/c/later.png", *paths)


def test_a_folder_that_moves_keeps_its_images(photos, watching):
    with watching() as running:
        for number in range(1, 6):
            photos.add(f"a/b/{number}.png", number)
        running.until(lambda: len(running.files) == 6)
        before = running.files
        photos.rename("a", "c")
        after = running.until_files("first.png", *(f"c/b/{number}.png" for number in range(1, 6)))
        assert sorted(after.values()) == sorted(before.values())
        running.until(lambda: {change.what for change in running.changes[5:]} == {"renamed"})
        photos.add("c/b/9.png", 9)  # the system tells of the folder under its new name
        running.until(lambda: "c/b/9.png" in running.files)
        photos.rename("c", "a")
        running.until(lambda: "a/b/9.png" in running.files)
        shutil.rmtree(photos.folder / "a")
        running.until_files("first.png")


def test_a_burst_is_taken_in_large_batches(photos, watching, monkeypatch, tmp_path):
    monkeypatch.setattr(rounds, "MOST_AT_A_TIME", 500)
    more = type(photos)(tmp_path / "more")
    for number in range(1200):
        more.write(f"{number % 7}/{number}.png", photos_bytes(number % 900 + 1))
    with watching() as running:
        os.replace(more.folder, photos.folder / "more")
        running.until(lambda: len(running.files) == 1201)
    assert [len(report.changes) for report in running.reports] == [500, 500, 200]


def test_a_moved_flood_is_renamed_over_several_batches(photos, watching, monkeypatch):
    monkeypatch.setattr(rounds, "MOST_AT_A_TIME", 7)
    with watching() as running:
        for number in range(1, 31):
            photos.add(f"a/{number}.png", number)
        running.until(lambda: len(running.files) == 31)
        photos.rename("a", "b")
        running.until(lambda: all(not path.startswith("a/") for path in running.files))
    assert [change.what for change in running.changes] == ["added"] * 30 + ["renamed"] * 30


def photos_bytes(number):
    """Encode a picture in a colour that no other number has; each is made once."""
    if number not in CACHE:
        from io import BytesIO

        from PIL import Image

        red, green, blue = np.random.default_rng(number).integers(10, 256, 3).tolist()
        stream = BytesIO()
        Image.new("RGB", (12, 10), (red, green, blue)).save(stream, "PNG")
        CACHE[number] = stream.getvalue()
    return CACHE[number]


CACHE: dict[int, bytes] = {}


def test_searching_goes_on_while_a_burst_is_taken(photos, watching, encoder, gallery, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_S", 0.0)
    done = threading.Event()
    answers, failures, waits = [], [], []

    def search():
        with Searcher(gallery, encoder) as searcher:
            while not done.is_set():
                try:
                    answers.append(searcher.search(query, k=1)[0].score)
                except Exception as error:
                    failures.append(error)

    def wait_for_an_answer(progress):
        """Keep the update from going on until a search was answered that began meanwhile."""
        if len(waits) < 10:
            waits.append(len(answers) + 1)
            while len(answers) <= waits[-1] and not failures:
                time.sleep(0.001)

    with watching(on_progress=wait_for_an_answer) as running:
        query = photos.folder / "first.png"
        thread = threading.Thread(target=search, daemon=True)
        thread.start()
        for number in range(1, 301):
            photos.add(f"{number}.png", number)
        running.until(lambda: len(running.files) == 301)
        done.set()
        thread.join()
    assert failures == []
    assert len(waits) == 10
    assert min(answers) > 0.999


def test_the_gallerys_own_folder_makes_no_endless_loop(photos, encoder, tmp_path):
    photos.add("first.png", 1000)
    with Gallery.create(photos.folder / ".lookalike", encoder.space) as inside:
        add_images(inside, photos.folder, encoder)
        running = RunningWatcher(inside, encoder)
        running.thread.start()
        running.until(lambda: running.lookout._notices.folders != ())
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
        time.sleep(1.0)
        watched = running.lookout._notices.folders
        running.stop.set()
        running.thread.join()
    assert running.updates == 1
    assert watched == (str(photos.folder),)


def test_a_glob_is_watched(photos, watching):
    photos.add("a.png", 1)
    location = ("glob", str(photos.folder / "**" / "*.png"))
    with watching(location) as running:
        running.until_files("a.png")
        photos.add("b/c.png", 2)
        photos.write("b/d.jpg", photos_bytes(3))
        running.until_files("a.png", "b/c.png")
        photos.delete("a.png")
        running.until_files("b/c.png")


def test_a_list_and_its_files_are_watched(photos, watching, tmp_path):
    names = tmp_path / "names.txt"
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    names.write_text("photos/a.png\nphotos/c.png\n")
    with watching(("list", str(names))) as running:
        running.until_files("photos/a.png")
        photos.add("c.png", 3)
        running.until_files("photos/a.png", "photos/c.png")
        names.write_text("photos/b.png\nphotos/c.png\n")
        running.until_files("photos/b.png", "photos/c.png")
        photos.delete("c.png")
        running.until_files("photos/b.png")


def test_one_file_is_watched(photos, watching):
    file = photos.add("a.png", 1)
    photos.add("b.png", 2)
    with watching(("file", str(file))) as running:
        running.until_files("a.png")
        photos.add("a.png", 3)
        running.until(lambda: running.last == "changed")


def test_a_source_that_is_added_later_is_watched(photos, watching, gallery, encoder, tmp_path):
    more = type(photos)(tmp_path / "more")
    more.add("x.png", 8)
    with watching() as running:
        add_images(gallery, more.folder, encoder)
        running.until(lambda: str(more.folder) in running.lookout._notices.folders)
        more.add("y.png", 9)
        running.until_files("first.png", "x.png", "y.png")


def test_a_picture_that_moves_to_another_source_is_not_embedded_again(
    photos, watching, gallery, encoder, tmp_path
):
    more = type(photos)(tmp_path / "more")
    more.add("x.png", 8)
    with watching() as running:
        add_images(gallery, more.folder, encoder)
        running.until(lambda: str(more.folder) in running.lookout._notices.folders)
        photos.add("kept.png", 3)
        running.until(lambda: len(running.files) == 3)
        os.replace(photos.folder / "first.png", more.folder / "first.png")
        running.until(lambda: running.last == "removed")
    assert sum(report.embedded for report in running.reports) == 1


def test_only_the_chosen_sources_are_watched(photos, watching):
    with watching(watches=lambda record: True) as running:
        running.lookout._watches = lambda record: False
        running.lookout._generation = -1
        running.until(lambda: running.lookout._sources == {})
        photos.add("a.png", 1)
        time.sleep(1.0)
        assert set(running.files) == {"first.png"}


def test_the_systems_limit_is_told_once_and_looking_goes_on(photos, watching, monkeypatch):
    def exhausted(folders):
        raise notices.NoticesExhausted("OS file watch limit reached")

    monkeypatch.setattr(notices, "started", exhausted)
    with watching(rescan_s=0.3) as running:
        photos.add("a/b.png", 1)
        running.until_files("first.png", "a/b.png")
    assert len(running.problems) == 1
    assert "max_user_watches" in running.problems[0]


def test_polling_needs_no_watchfiles(photos, watching, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with watching(polls=True, rescan_s=0.3) as running:
        photos.add("a/b.png", 1)
        photos.add("first.png", 2)
        running.until(lambda: len(running.changes) == 2)
        photos.delete("a/b.png")
        running.until_files("first.png")


def test_a_missing_extra_is_said_at_once(gallery, encoder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"lookalike\[watch\]"):
        Watcher(gallery, encoder)


def test_seconds_are_above_zero(gallery, encoder):
    with pytest.raises(UsageError, match="settle_s has to be above zero"):
        Watcher(gallery, encoder, settle_s=0)


def test_a_rescan_finds_what_nobody_told(photos, watching, monkeypatch):
    mute(monkeypatch)
    photos.add("old/x.png", 8)
    with watching(rescan_s=0.3) as running:
        photos.add("a.png", 1)
        photos.add("b/c/d.png", 2)
        photos.add("old/y.png", 3)
        running.until_files("first.png", "a.png", "b/c/d.png", "old/x.png", "old/y.png")
        shutil.rmtree(photos.folder / "old")
        running.until_files("first.png", "a.png", "b/c/d.png")


def test_every_tenth_rescan_finds_what_changed_in_place(photos, watching, monkeypatch):
    mute(monkeypatch)
    file = photos.add("old/x.png", 1)
    os.utime(file.parent, (10**9, 10**9))
    with watching(rescan_s=0.1) as running:
        file.write_bytes(photos_bytes(5))
        running.until(lambda: [change.what for change in running.changes] == ["changed"])
    assert running.lookout._rescans >= 10


def test_a_rescan_looks_at_folders_and_not_at_files(photos, watching, monkeypatch):
    mute(monkeypatch)
    for number in range(1, 30):
        photos.add(f"a/{number}.png", number)
    old = time.time() - 100
    for folder in (photos.folder, photos.folder / "a"):
        os.utime(folder, (old, old))
    with watching() as running:
        running.until(lambda: len(running.files) == 30)
        os.utime(photos.folder, (old, old))
        (watched,) = running.lookout._sources.values()
        watched.compare()
        listed = []
        monkeypatch.setattr(type(watched), "relist", lambda self, folder: listed.append(folder))
        assert watched.changed_folders() == []
    assert listed == []


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names are bytes")
def test_names_that_are_not_utf8(photos, watching):
    with watching() as running:
        photos.add("\udcff.png", 1)
        running.until(lambda: "\udcff.png" in running.files)
        photos.add("a.png", 2)
        running.until(lambda: "a.png" in running.files)


def test_hidden_files_galleries_and_links_out_are_left_alone(photos, watching, encoder, tmp_path):
    above = tmp_path / "big"
    above.mkdir()
    with watching() as running:
        photos.add(".thumbnails/a.png", 1)
        Gallery.create(photos.folder / "other.gallery", encoder.space).close()
        photos.add("other.gallery/uploads/b.png", 2)
        os.symlink("..", photos.folder / "above")
        photos.add("last.png", 3)
        running.until(lambda: "last.png" in running.files)
        time.sleep(3 * SETTLE_S)
    assert set(running.files) <= {"first.png", "last.png"}


def test_updates_run_where_the_caller_wants(photos, watching):
    threads = []

    def write(work):
        answers = []
        thread = threading.Thread(target=lambda: answers.append(work()))
        threads.append(thread)
        thread.start()
        thread.join()
        return answers[0]

    with watching(write=write) as running:
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
    assert len(threads) == 1


def test_many_new_folders_cost_few_threads(photos, watching):
    with watching() as running:
        for number in range(1, 13):
            photos.add(f"{number}/a.png", number)
            running.until(lambda at=f"{number}/a.png": at in running.files)
        for number in range(1, 13):
            photos.add(f"{number}/b.png", number + 20)
        running.until(lambda: len(running.files) == 25)
        assert len(running.lookout._notices._sets) <= notices.MOST_SETS
