"""Watching real folders: what is written, moved and deleted there reaches the gallery."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from lookalike.errors import EncoderError, MissingExtra, StorageFull, UsageError
from lookalike.gallery import Gallery
from lookalike.images import content_hash
from lookalike.ingest import Watcher, add_images
from lookalike.ingest.watching import notices, watcher
from lookalike.search import Searcher

# A bound that a busy machine keeps; what it takes is measured in bench/watching.py.
PATIENCE_S = 20.0
SETTLE_S = 0.2


@pytest.fixture(autouse=True)
def quick_ticks(monkeypatch):
    """Hear of a wish to stop at once."""
    monkeypatch.setattr(watcher, "TICK_S", 0.1)


class Watching:
    """A watcher that runs on a thread of its own, and what it told."""

    def __init__(self, gallery, encoder, **given):
        self.gallery = gallery
        self.reports = []
        self.problems = []
        self.updates = 0
        self.stop = threading.Event()
        write = given.pop("write", lambda work: work())

        def counted(work):
            self.updates += 1
            return write(work)

        self.watcher = Watcher(
            gallery,
            encoder,
            on_report=self.reports.append,
            on_problem=self.problems.append,
            write=counted,
            **{"settle_s": SETTLE_S, "rescan_s": 600.0, **given},
        )
        self.thread = threading.Thread(target=self.watcher.run, args=(self.stop,))

    @property
    def changes(self):
        """Everything that happened so far."""
        return [change for report in self.reports for change in report.changes]

    @property
    def last(self):
        """What happened last."""
        return self.changes[-1].what if self.changes else None

    @property
    def files(self):
        """Which file is which image."""
        return {image.path: image.image_id for image in self.gallery.images()}

    def until(self, is_true):
        """Wait for something to become true."""
        end = time.monotonic() + PATIENCE_S
        while not is_true():
            assert time.monotonic() < end, (self.files, self.changes, self.problems)
            assert self.thread.is_alive()
            time.sleep(0.02)

    def until_files(self, *paths):
        """Wait until the gallery holds these files and no others."""
        self.until(lambda: set(self.files) == set(paths))
        return self.files


@pytest.fixture
def watching(gallery, photos, encoder):
    """Watch the folder of pictures, which holds one; wait until the watcher hears."""

    @contextmanager
    def run(location=None, first="first.png", **given):
        if location is None:
            photos.add(first, 1000)
            add_images(gallery, photos.folder, encoder)
        elif location is not False:
            with gallery.writer() as writer:
                writer.add_source(*location)
        running = Watching(gallery, encoder, **given)
        looks = running.watcher._compare
        compared = threading.Event()

        def compare(watched):
            looks(watched)
            compared.set()

        running.watcher._compare = compare
        running.thread.start()
        try:
            assert compared.wait(PATIENCE_S)
            yield running
        finally:
            running.stop.set()
            running.thread.join(PATIENCE_S)
            assert not running.thread.is_alive()

    return run


def mute(monkeypatch):
    """Let the system tell nothing."""
    monkeypatch.setattr(notices.Notices, "add", lambda self, folders: None)


def test_new_changed_renamed_and_deleted_files(photos, watching, aligned, encoder, gallery):
    with watching() as running:
        photos.add("a.png", 1)
        assert running.until_files("first.png", "a.png")["a.png"] == 2
        photos.add("a.png", 2)
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


def test_half_written_files_wait(photos, watching, tmp_path):
    whole = photos.add("first.png", 1000).read_bytes() + bytes(20_000)
    with watching(settle_s=0.5) as running:
        with open(photos.folder / "slow.png", "wb") as file:
            for start in range(0, len(whole), len(whole) // 8):
                file.write(whole[start : start + len(whole) // 8])
                file.flush()
                time.sleep(0.15)
        running.until_files("first.png", "slow.png")
    assert running.updates == 1
    assert all(not report.skipped for report in running.reports)
    (image,) = [image for image in running.gallery.images() if image.path == "slow.png"]
    assert image.content_hash == content_hash(whole)


def test_a_file_that_stalled_half_written_is_taken_when_it_is_whole(photos, watching):
    whole = photos.add("first.png", 1000).read_bytes()
    with watching() as running:
        (photos.folder / "a.png").write_bytes(whole[:40])
        running.until(lambda: any(report.skipped for report in running.reports))
        (photos.folder / "a.png").write_bytes(whole)
        running.until_files("first.png", "a.png")


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


def test_a_burst_is_taken_in_large_batches(photos, watching, monkeypatch):
    monkeypatch.setattr(watcher, "MOST_AT_A_TIME", 500)
    with watching() as running:
        for number in range(1200):
            photos.write(f"{number % 7}/{number}.png", photos_bytes(number % 900 + 1))
        running.until(lambda: len(running.files) == 1201)
    assert running.updates <= 30
    assert max(len(report.changes) for report in running.reports) <= 500


def test_a_moved_flood_is_renamed_over_several_batches(photos, watching, monkeypatch):
    monkeypatch.setattr(watcher, "MOST_AT_A_TIME", 7)
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


def test_searching_goes_on_while_a_burst_is_taken(photos, watching, encoder, gallery):
    done = threading.Event()
    answers, failures = [], []

    def search():
        with Searcher(gallery, encoder) as searcher:
            while not done.is_set():
                try:
                    answers.append(searcher.search(query, k=1)[0].score)
                except Exception as error:
                    failures.append(error)

    with watching() as running:
        query = photos.folder / "first.png"
        thread = threading.Thread(target=search)
        thread.start()
        for number in range(1, 301):
            photos.add(f"{number}.png", number)
        running.until(lambda: len(running.files) == 301)
        done.set()
        thread.join()
    assert failures == []
    assert len(answers) > 5
    assert min(answers) > 0.999


def test_the_gallerys_own_folder_makes_no_endless_loop(photos, encoder, tmp_path):
    photos.add("first.png", 1000)
    with Gallery.create(photos.folder / ".lookalike", encoder.space) as inside:
        add_images(inside, photos.folder, encoder)
        running = Watching(inside, encoder)
        running.thread.start()
        time.sleep(0.5)
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
        time.sleep(1.0)
        watched = running.watcher._notices.folders
        running.stop.set()
        running.thread.join()
    assert running.updates == 1
    assert watched == (str(photos.folder),)


def test_what_a_commit_of_somebody_else_took_is_not_taken_again(photos, watching, gallery, encoder):
    with watching(settle_s=1.0) as running:
        photos.add("a.png", 1)
        add_images(gallery, photos.folder, encoder)
        time.sleep(2.0)
    assert running.updates == 0


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
        running.until(lambda: str(more.folder) in running.watcher._notices.folders)
        more.add("y.png", 9)
        running.until_files("first.png", "x.png", "y.png")


def test_a_picture_that_moves_to_another_source_is_not_embedded_again(
    photos, watching, gallery, encoder, tmp_path
):
    more = type(photos)(tmp_path / "more")
    more.add("x.png", 8)
    with watching() as running:
        add_images(gallery, more.folder, encoder)
        running.until(lambda: str(more.folder) in running.watcher._notices.folders)
        photos.add("kept.png", 3)
        running.until(lambda: len(running.files) == 3)
        os.replace(photos.folder / "first.png", more.folder / "first.png")
        running.until(lambda: running.last == "removed")
    assert sum(report.embedded for report in running.reports) == 1


def test_only_the_chosen_sources_are_watched(photos, watching):
    with watching(watches=lambda record: True) as running:
        running.watcher._watches = lambda record: False
        running.watcher._generation = -1
        running.until(lambda: running.watcher._sources == {})
        photos.add("a.png", 1)
        time.sleep(1.0)
        assert set(running.files) == {"first.png"}


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
        photos.folder.rename(tmp_path / "old")
        photos.folder.mkdir()
        photos.add("a.png", 1)
        running.until_files("a.png")
        photos.add("b.png", 2)
        running.until_files("a.png", "b.png")


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
    assert running.watcher._rescans >= 10


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
        (watched,) = running.watcher._sources.values()
        watched.compare()
        listed = []
        monkeypatch.setattr(type(watched), "relist", lambda self, folder: listed.append(folder))
        assert watched.changed_folders() == []
    assert listed == []


def test_another_writer_keeps_it_waiting(photos, watching, gallery):
    with watching() as running:
        with gallery.writer():
            photos.add("a.png", 1)
            running.until(lambda: running.updates >= 1)
        running.until_files("first.png", "a.png")
    assert running.problems == []


def test_a_full_disk_is_told_and_tried_again(photos, watching, monkeypatch):
    monkeypatch.setattr(watcher, "FULL_AGAIN_S", 0.3)
    fails = [True, True]

    def write(work):
        if fails:
            fails.pop()
            raise StorageFull("There is no room left.")
        return work()

    with watching(write=write) as running:
        photos.add("a.png", 1)
        running.until_files("first.png", "a.png")
    assert len(running.problems) == 2
    assert "no room left" in running.problems[0]
    assert running.problems[1] == "The gallery can be written again."


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


def test_unreadable_files_are_told_once(photos, watching):
    with watching() as running:
        photos.write("broken.png", b"no picture")
        running.until(lambda: running.reports != [])
        photos.add("a.png", 1)
        running.until(lambda: "a.png" in running.files)
    skipped = [item.path for report in running.reports for item in report.skipped]
    assert skipped == [str(photos.folder / "broken.png")]


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


def test_stopping_in_the_middle_of_a_flood(photos, watching, gallery, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_SECONDS", 0.0)
    with watching() as running:
        running.watcher._on_progress = lambda progress: progress.done > 3 and running.stop.set()
        for number in range(1, 60):
            photos.add(f"{number}.png", number)
        running.thread.join(PATIENCE_S)
        assert not running.thread.is_alive()
    assert gallery.verify().is_clean
    assert 1 < len(running.files) < 60


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
        assert len(running.watcher._notices._sets) <= notices.MOST_SETS
