"""Threads side by side: order, memory, progress, and ends before the end."""

from __future__ import annotations

import csv
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import Encoder
from lookalike.errors import EncoderError, UsageError
from lookalike.images import ImageRef, Preprocessing
from lookalike.ingest import SkippedFile, UpdateReport, add_images, pipeline, write_skipped
from lookalike.ingest.pipeline import Pipeline
from lookalike.ingest.planning import Moves, make_plan

PICTURES = 60
PATIENCE_S = 120.0


class Wrapped:
    """The tiny encoder with small batches, and something that happens before each."""

    def __init__(self, encoder: Encoder, before=lambda: None, *, batch_size: int = 4) -> None:
        self.card, self.space = encoder.card, encoder.space
        self.preprocessing, self.runs_on = encoder.preprocessing, encoder.runs_on
        self.batch_size, self.workers, self.shares_cores = batch_size, 2, True
        self._encode, self._before = encoder.encode, before

    def encode(self, pixels):
        self._before()
        return self._encode(pixels)


@pytest.fixture
def many(photos):
    """Sixty pictures, named so that they sort by number."""
    for number in range(PICTURES):
        photos.add(f"{number:03d}.png", number)
    return photos


def running():
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("decode", "encode"))]


def results(photos, encoder, **given):
    """Run the pipeline alone over everything in the folder."""
    from lookalike.images import open_source

    source = open_source(photos.folder)
    refs = make_plan(source.scan(), {}, {}).to_read
    seen = set()

    def is_new(content):
        return not (content in seen or seen.add(content))

    return Pipeline(encoder, **given).run(
        refs, source.absolute, known={}, moves=Moves([]), is_new=is_new
    )


def delay(monkeypatch, seconds):
    """Let loading the n-th file take ``seconds(n)``; returns the list of those begun."""
    read_file, begun = pipeline.read_file, []

    def slow(path):
        number = int(Path(path).stem)
        begun.append(number)
        time.sleep(seconds(number))
        return read_file(path)

    monkeypatch.setattr(pipeline, "read_file", slow)
    return begun


def eventually(claim):
    """Wait until something is true, as long as a busy machine may need."""
    end = time.monotonic() + PATIENCE_S
    while not claim() and time.monotonic() < end:
        time.sleep(0.01)
    return claim()


def test_order_is_kept_whatever_takes_long(many, encoder, monkeypatch):
    delay(monkeypatch, lambda n: 0.1 if n == 0 else 0.002 * (n % 3))
    items = list(results(many, Wrapped(encoder), decode_threads=4))
    assert [item.ref.path for item in items] == [f"{n:03d}.png" for n in range(PICTURES)]
    assert all(item.embedding is not None and item.pixels is None for item in items)


def test_a_slow_first_file_does_not_fill_the_memory(many, encoder, monkeypatch):
    release = threading.Event()
    begun = delay(monkeypatch, lambda n: release.wait(PATIENCE_S) * 0 if n == 0 else 0)
    window = 8 * 2 * 2  # eight calls of two pictures for each of the two encoder threads
    stream = results(many, Wrapped(encoder, batch_size=2), decode_threads=2)
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    assert eventually(lambda: len(begun) >= 2)
    time.sleep(0.3)  # for more to begin, if they did
    waiting = len(begun)
    release.set()
    reader.join(PATIENCE_S)
    assert waiting <= window
    assert len(begun) == PICTURES


def test_a_slow_encoder_does_not_fill_the_memory(many, encoder, monkeypatch):
    release = threading.Event()
    begun = delay(monkeypatch, lambda n: 0)
    stream = results(many, Wrapped(encoder, lambda: release.wait(PATIENCE_S), batch_size=2))
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    time.sleep(0.3)
    waiting = len(begun)
    release.set()
    reader.join(PATIENCE_S)
    # the window, the batch being gathered, and twice two calls under way
    assert waiting <= 32 + 2 + 4 * 2
    assert len(begun) == PICTURES


def test_full_calls_of_a_card_do_not_fill_the_memory(encoder, monkeypatch):
    cut, called, release, full = [], [], threading.Event(), 1024
    crop = np.zeros((1, 1, 3), dtype=np.uint8)
    large = Wrapped(encoder, batch_size=full)
    large.preprocessing = Preprocessing(size=518, resize=518)  # 824 MB for a full call

    def encode(pixels):
        called.append(len(pixels))
        release.wait(PATIENCE_S)
        return np.ones((len(pixels), 2), dtype=np.float32)

    large.encode = encode
    monkeypatch.setattr(pipeline, "read_file", str.encode)
    monkeypatch.setattr(pipeline, "decode", lambda data, **given: None)
    monkeypatch.setattr(pipeline, "facts_of", lambda picture: None)
    monkeypatch.setattr(pipeline, "crop", lambda *given: (cut.append(1), crop)[1])
    refs = [ImageRef(f"{number}.jpg", 1, 1) for number in range(6 * full)]
    stream = Pipeline(large, decode_threads=4).run(
        refs, lambda path: path, known={}, moves=Moves([]), is_new=lambda content: True
    )
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    # Two calls under way, and a third that can start at once: no fewer, and not many more.
    assert eventually(lambda: len(cut) >= 3 * full)
    time.sleep(0.1)
    waiting = len(cut)
    release.set()
    reader.join(PATIENCE_S)
    assert called[:2] == [full, full]
    assert waiting <= 3 * full + 2 * 4
    assert len(cut) == 6 * full


def test_small_calls_have_as_many_ahead_as_ever(encoder):
    small = Pipeline(Wrapped(encoder, batch_size=16))
    most = small._most_crops()
    assert most >= 256 * 2**20 // (3 * 224**2)
    assert small._calls_ahead(most) == 4
    assert small._files_ahead(most) == 8 * 16 * 2


class Counter:
    """Counts how many threads are inside at the same time; the first wait for so many."""

    def __init__(self, expected: int) -> None:
        self._lock, self._inside, self.most = threading.Lock(), 0, 0
        self._expected, self._met = expected, threading.Event()

    def visit(self):
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        if self.most >= self._expected:
            self._met.set()
        self._met.wait(PATIENCE_S)
        time.sleep(0.002)
        with self._lock:
            self._inside -= 1


def test_an_encoder_on_a_card_leaves_the_cores_to_decoding(many, encoder, monkeypatch):
    monkeypatch.setattr(pipeline, "usable_cores", lambda: 5)
    decoding, crop, release = Counter(5), pipeline.crop, threading.Event()
    monkeypatch.setattr(pipeline, "crop", lambda *given: (decoding.visit(), crop(*given))[1])
    on_a_card = Wrapped(encoder, lambda: release.wait(PATIENCE_S))
    on_a_card.shares_cores = False
    begun = delay(monkeypatch, lambda n: 0)
    reader = threading.Thread(target=lambda: list(results(many, on_a_card)))
    reader.start()
    assert eventually(lambda: len(begun) == PICTURES)  # while both calls still wait
    release.set()
    reader.join(PATIENCE_S)
    assert decoding.most == 5


def test_a_file_that_comes_slowly_holds_nobody_up(many, encoder, monkeypatch):
    release, crop, cut = threading.Event(), pipeline.crop, []
    begun = delay(monkeypatch, lambda n: release.wait(PATIENCE_S) * 0 if n == 0 else 0)
    monkeypatch.setattr(pipeline, "crop", lambda *given: (cut.append(1), crop(*given))[1])
    reader = threading.Thread(target=lambda: list(results(many, Wrapped(encoder))))
    reader.start()
    assert eventually(lambda: len(cut) == PICTURES - 1)
    release.set()
    reader.join(PATIENCE_S)
    assert len(begun) == len(cut) == PICTURES


def test_the_last_calls_are_shared_out(many, encoder):
    sizes, encode = [], encoder.encode
    watched = Wrapped(encoder, batch_size=16)
    watched._encode = lambda pixels: (sizes.append(len(pixels)), encode(pixels))[1]
    assert len(list(results(many, watched))) == PICTURES
    # Of 60, 44, 28, 14, 7 and 3 left: at most half, and no fewer than 16 / 4.
    assert sorted(sizes, reverse=True) == [16, 16, 14, 7, 4, 3]


def test_progress_only_goes_forward_and_ends_at_the_total(many, gallery, encoder, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_FILES", 7)
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_S", 0)
    told = []
    add_images(gallery, many.folder, encoder, on_progress=told.append)
    for one, following in pairwise(told):
        assert one.done <= following.done
        assert one.committed <= following.committed
        assert one.elapsed_s <= following.elapsed_s
    assert all(step.committed <= step.done <= step.total == PICTURES for step in told)
    assert told[-1].done == told[-1].committed == PICTURES
    assert told[-1].remaining_s == 0
    assert told[-1].bottleneck in {"scan", "read", "decode", "encode", "write"}


def test_progress_is_told_no_more_often_than_anybody_can_look(many, gallery, encoder, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_S", float("inf"))
    told = []
    add_images(gallery, many.folder, encoder, on_progress=told.append)
    assert [step.done for step in told] == [PICTURES]


def test_what_takes_long_is_committed_before_all_is_done(many, gallery, encoder, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_S", -1.0)  # each file takes longer
    before = gallery.generation
    add_images(gallery, many.folder, encoder)
    assert gallery.generation - before > PICTURES


def test_an_encoder_that_fails_ends_the_run_and_keeps_what_is_committed(
    many, gallery, encoder, monkeypatch, aligned
):
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_FILES", 8)
    calls = []

    def fail():
        calls.append(1)
        if len(calls) == 10:
            raise EncoderError("Out of order.")

    with pytest.raises(EncoderError, match="Out of order"):
        add_images(gallery, many.folder, Wrapped(encoder, fail))
    assert running() == []
    kept = len(gallery)
    assert 0 < kept < PICTURES
    assert kept % 8 == 0
    aligned(gallery, encoder)
    report = add_images(gallery, many.folder, encoder)
    assert (report.unchanged, report.added) == (kept, PICTURES - kept)


def test_an_interrupt_commits_what_is_encoded(many, gallery, encoder, aligned, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.source_update.TELL_S", 0)

    def interrupt(progress):
        if progress.done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_images(gallery, many.folder, Wrapped(encoder), on_progress=interrupt)
    assert running() == []
    assert len(gallery) == 10
    aligned(gallery, encoder)
    report = add_images(gallery, many.folder, encoder)
    assert (report.unchanged, report.added) == (10, PICTURES - 10)


@pytest.mark.parametrize("is_after", [False, True])
def test_an_interrupt_in_the_middle_of_a_commit(
    many, gallery, encoder, monkeypatch, aligned, is_after
):
    from lookalike.gallery import GalleryWriter

    add_images(gallery, many.folder, encoder)
    many.add("005.png", 100)
    many.write("006.png", b"no picture")
    commit = GalleryWriter.commit

    def interrupted_once(writer, **change):
        monkeypatch.setattr(GalleryWriter, "commit", commit)
        if is_after:
            commit(writer, **change)
        raise KeyboardInterrupt

    monkeypatch.setattr(GalleryWriter, "commit", interrupted_once)
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_FILES", 2)  # both, before the end
    with pytest.raises(KeyboardInterrupt):
        add_images(gallery, many.folder, encoder)
    report = add_images(gallery, many.folder, encoder)
    # forgetting comes last of all, so it is left to do either way
    assert (report.changed, report.forgotten) == (0 if is_after else 1, 1)
    aligned(gallery, encoder)


def test_a_decoder_that_breaks_down_is_no_silent_loss(many, encoder, monkeypatch):
    def broken(data, **given):
        raise RecursionError

    monkeypatch.setattr(pipeline, "decode", broken)
    with pytest.raises(RecursionError):
        list(results(many, encoder))
    assert running() == []


def test_the_report_tells_where_the_time_went(many, gallery, encoder):
    report = add_images(gallery, many.folder, encoder)
    assert report.embedded == PICTURES
    assert report.stage_seconds.keys() == {"scan", "read", "decode", "encode", "write"}
    assert report.bottleneck in report.stage_seconds
    assert report.elapsed_s > 0


def test_reports_add_up():
    one = UpdateReport(
        added=5,
        copies=2,
        embedded=3,
        elapsed_s=1.0,
        stage_seconds={"read": 1.0},
        bottleneck="a",
    )
    two = UpdateReport(
        added=1,
        changed=3,
        embedded=4,
        elapsed_s=2.0,
        stage_seconds={"read": 2.0, "write": 1.0},
        bottleneck="b",
        skipped=(SkippedFile("x", "y"),),
    )
    both = one + two
    assert (both.added, both.changed, both.copies, both.embedded) == (6, 3, 2, 7)
    assert both.stage_seconds == {"read": 3.0, "write": 1.0}
    assert (both.elapsed_s, both.bottleneck, len(both.skipped)) == (3.0, "b", 1)


def test_skipped_files_are_written_with_their_own_bytes(tmp_path):
    name = "/photos/caf\udce9, two\nlines.jpg"
    write_skipped((SkippedFile(name, "It is 'broken'."),), tmp_path / "skipped.csv")
    with open(tmp_path / "skipped.csv", newline="", errors="surrogateescape") as file:
        assert list(csv.reader(file)) == [["path", "reason"], [name, "It is 'broken'."]]
    with pytest.raises(UsageError, match="cannot be written"):
        write_skipped((), tmp_path / "no" / "folder.csv")
