"""Searching a gallery that somebody is writing to."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lookalike import Feedback, Query, QueryPart
from lookalike.errors import GalleryError
from lookalike.gallery import Touch
from lookalike.index.live import LiveIndex
from lookalike.ingest import add_images, remove_source
from lookalike.search import Searcher

RED = np.array([1, 0, 0], dtype=np.float32)


@pytest.fixture
def meanwhile(monkeypatch):
    """Let something happen after each search of the index, before its rows are read."""
    happen = []

    explained = LiveIndex.explained

    def interrupted(index, *given, **named):
        found = explained(index, *given, **named)
        for event in happen:
            event()
        return found

    monkeypatch.setattr(LiveIndex, "explained", interrupted)
    return happen


def touch(writer, gallery):
    image = gallery.image(1)
    writer.commit(touched=[Touch(1, image.size_bytes, image.mtime_ns + 1)])


def paths(results):
    return [hit.record.path for hit in results]


def test_a_searcher_sees_what_was_committed_after_it_was_opened(
    searcher, gallery, encoder, photos, square
):
    assert len(searcher.search(RED)) == 5
    (photos / "new.png").write_bytes(square((255, 1, 0)))
    (photos / "red.png").unlink()
    add_images(gallery, photos, encoder)
    assert paths(searcher.search(RED, 3)) == ["red copy.png", "new.png", "orange.png"]
    with gallery.writer() as writer:
        writer.compact()
    assert paths(searcher.search(RED, 3)) == ["red copy.png", "new.png", "orange.png"]


def test_one_change_in_between_is_answered_from_the_newer_state(
    searcher, gallery, encoder, photos, meanwhile
):
    def once():
        meanwhile.clear()
        (photos / "red.png").unlink()
        add_images(gallery, photos, encoder)

    meanwhile.append(once)
    assert paths(searcher.search(RED, 2)) == ["red copy.png", "orange.png"]


def test_a_change_at_every_single_search_does_not_keep_it_from_answering(
    searcher, gallery, meanwhile
):
    with gallery.writer() as writer:
        meanwhile.append(lambda: touch(writer, gallery))
        found = searcher.search(RED, 3)
    assert paths(found) == ["red copy.png", "red.png", "orange.png"]
    assert gallery.generation < 100


def test_a_gallery_rewritten_at_every_search_is_given_up_in_a_sentence(
    searcher, gallery, meanwhile, encoder, photos, square
):
    numbers = iter(range(1000))

    def rewrite():
        (photos / "blue.png").write_bytes(square((0, 0, 200), 20 + next(numbers)))
        add_images(gallery, photos, encoder)
        with gallery.writer() as writer:
            writer.compact()

    meanwhile.append(rewrite)
    with pytest.raises(GalleryError, match="try again when its writer is done"):
        searcher.search(RED, 3)
    meanwhile.clear()
    assert len(searcher.search(RED, 3)) == 3


def test_a_source_removed_in_between_leaves_no_hits(searcher, gallery, photos, meanwhile):
    def once():
        meanwhile.clear()
        remove_source(gallery, str(photos))

    meanwhile.append(once)
    assert len(searcher.search(RED)) == 0


def test_a_search_does_not_wait_for_the_writer(searcher, gallery):
    with gallery.writer() as writer:
        writer.commit(removed=[1])
        found = paths(searcher.search(RED, 4, min_score=0.5))
    assert found == ["red copy.png", "red.png", "orange.png", "grey.png"]


def test_searches_are_answered_while_a_writer_never_rests(gallery, encoder, photos, square):
    """Half of the pictures come and go; the other half has to be found each time."""
    stop = threading.Event()
    commits = []

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            comes = photos / f"comes and goes {number % 3}.png"
            if comes.exists():
                comes.unlink()
            else:
                comes.write_bytes(square((0, 200 + number % 50, 0)))
            add_images(gallery, photos, encoder)
            commits.append(number)

    def ask(searcher):
        while len(commits) < 25 and writer.is_alive():
            found = paths(searcher.search(RED, 4, min_score=0.5))
            assert found == ["red copy.png", "red.png", "orange.png", "grey.png"]

    writer = threading.Thread(target=write)
    writer.start()
    try:
        searcher = Searcher(gallery, encoder)
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(ask, [searcher] * 3))
    finally:
        stop.set()
        writer.join()
    assert len(commits) >= 25
    assert gallery.verify().is_clean


def test_a_query_of_every_wish_is_answered_while_the_gallery_is_rewritten(
    searcher, gallery, encoder, photos, square, meanwhile
):
    query = Query(
        QueryPart(embedding=RED),
        k=3,
        where="width > 1",
        group_by="colour",
        diversity=0.5,
        exclude_copies=True,
        feedback=Feedback([2]),
    )

    def once():
        meanwhile.clear()
        (photos / "orange.png").write_bytes(square((0, 0, 200), 20))
        add_images(gallery, photos, encoder)
        with gallery.writer() as writer:
            writer.compact()

    before = paths(searcher.search(query))
    meanwhile.append(once)
    after = paths(searcher.search(query))
    assert before == ["orange.png", "blue.png"]
    assert after == ["blue.png", "orange.png"]
