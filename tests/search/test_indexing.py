"""Published indexes: found, kept live, built again, damaged, and their publishers killed."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from directions import CONFIG, DIM, add, directions, make, publish
from lookalike.errors import GalleryLocked, GalleryReadOnly, UsageError
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig, SearchParams, build_index
from lookalike.index.tuning import TuneWish, tune
from lookalike.search import Searcher, rebuilding
from lookalike.search.published import (
    build_lock,
    index_damage,
    publish_index,
    published_index,
)
from lookalike.search.rebuilding import refresh_index

ROWS = 700


@pytest.fixture(autouse=True)
def indexes_are_asked(monkeypatch):
    """A few hundred rows would be compared without asking any index."""
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)


@pytest.fixture
def gallery(tmp_path):
    with make(tmp_path / "gallery") as made:
        add(made, ROWS, seed=0)
        yield made


def names(gallery: Gallery) -> list[str]:
    return sorted(path.name for path in (gallery.path / "index").iterdir())


def answers(searcher: Searcher, count: int = 20) -> list[list[int]]:
    found = searcher.search_many(list(directions(count, seed=9)), 5)
    return [[hit.image_id for hit in results] for results in found]


def exact(gallery: Gallery) -> list[list[int]]:
    return answers(Searcher(gallery, index=IndexConfig("exact")))


def remove(gallery: Gallery, image_ids: list[int]) -> None:
    with gallery.writer() as writer:
        writer.commit(removed=image_ids)


def waited(condition) -> bool:
    until = time.monotonic() + 120
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(condition())


def test_without_an_index_every_row_is_compared(gallery):
    assert str(Searcher(gallery).explain(1)) == "exact over 700 rows"


def test_a_published_index_is_used(gallery):
    publish(gallery)
    plan = Searcher(gallery).explain(1)
    assert str(plan) == "ivf, nprobe 8 over 700 rows"
    assert (plan.index_generation, plan.generation) == (2, 2)
    assert answers(Searcher(gallery)) == exact(gallery)


def test_a_gallery_that_went_on_is_answered_from_its_newest_state(gallery):
    publish(gallery)
    searcher = Searcher(gallery)
    assert answers(searcher) == exact(gallery)
    add(gallery, 30, seed=1)
    remove(gallery, [3, 4, 5, 720])
    assert answers(searcher) == exact(gallery)
    assert str(searcher.explain(1)) == (
        "ivf, nprobe 8 over 726 rows; 29 newer rows compared exactly; 3 deleted rows left out; "
        "index of generation 2, gallery 4"
    )
    newest = searcher.search(directions(30, seed=1)[7], 1)[0]
    assert (newest.path.endswith("1-7.jpg"), newest.score) == (True, pytest.approx(1, abs=1e-3))


def test_a_compacted_gallery_is_answered_rightly(gallery):
    publish(gallery)
    searcher = Searcher(gallery, is_rebuilding=False)
    remove(gallery, list(range(1, 300)))
    with gallery.writer() as writer:
        writer.compact()
    assert answers(searcher) == exact(gallery)
    assert refresh_index(gallery) is not None
    assert str(searcher.explain(400)) == "ivf, nprobe 8 over 401 rows"
    assert answers(searcher) == exact(gallery)


def test_an_index_published_later_is_taken_without_reopening(gallery):
    searcher = Searcher(gallery)
    assert searcher.explain(1).is_exact
    publish(gallery)
    assert searcher.explain(1).kind == "ivf"
    publish(gallery, IndexConfig("hnsw", hnsw_m=8))
    assert searcher.explain(1).kind == "hnsw"
    publish(gallery, IndexConfig("exact"))
    assert searcher.explain(1).is_exact


def test_an_index_published_in_the_moment_of_a_search_is_taken(gallery, monkeypatch):
    """Dates go in steps: of milliseconds on many a system, of seconds on some drives."""
    monkeypatch.setattr("lookalike.folder_dates.DATE_STEP_NS", 10**18)  # whatever this one has
    folder = publish(gallery).parent
    date_ns = folder.stat().st_mtime_ns
    searcher = Searcher(gallery)
    assert searcher.explain(1).kind == "ivf"
    publish(gallery, IndexConfig("hnsw", hnsw_m=8))
    os.utime(folder, ns=(date_ns, date_ns))
    assert searcher.explain(1).kind == "hnsw"


def test_publishing_replaces_what_was_there(gallery):
    old = publish(gallery)
    new = publish(gallery)
    assert names(gallery) == sorted([new.name, "build.lock"])
    assert not old.exists()
    found = published_index(gallery)
    assert (found.folder, found.generation, found.config) == (new, 2, CONFIG)
    assert found.evidence == {"why": "a test"}
    report = gallery.verify()
    assert (report.is_clean, report.leftovers) == (True, ())


@pytest.mark.parametrize("name", ["base.faiss", "rows.npy", "facts.json"])
def test_a_truncated_index_is_said_so_and_every_row_is_compared(gallery, caplog, name):
    folder = publish(gallery)
    (folder / name).write_bytes((folder / name).read_bytes()[:-7])
    with caplog.at_level(logging.WARNING, "lookalike"):
        assert answers(Searcher(gallery, is_rebuilding=False)) == exact(gallery)
    assert f"The index {folder} cannot be used ({name}" in caplog.text
    assert "every picture is compared until" in caplog.text


def test_a_truncated_index_is_built_again(gallery):
    folder = publish(gallery)
    (folder / "base.faiss").write_bytes(b"")
    made = refresh_index(gallery)
    assert names(gallery) == sorted([made.name, "build.lock"])
    assert Searcher(gallery).explain(1).kind == "ivf"
    (made / "facts.json").write_bytes(b"")  # nobody knows any more what it was
    assert refresh_index(gallery) is not None
    assert published_index(gallery).config == IndexConfig("exact")


def test_an_index_of_a_newer_program_is_left_alone(gallery):
    folder = publish(gallery)
    (folder / "facts.json").write_text('{"format": 2}')
    assert answers(Searcher(gallery)) == exact(gallery)
    assert refresh_index(gallery) is None
    assert folder.exists()


def test_an_older_index_that_is_whole_stands_in_for_a_damaged_one(gallery):
    good = publish(gallery)
    kept = gallery.path / "kept"
    good.rename(kept)
    add(gallery, 5, seed=1)
    bad = publish(gallery)
    kept.rename(good)
    (bad / "base.faiss").write_bytes(b"")
    assert published_index(gallery).folder == good
    assert answers(Searcher(gallery)) == exact(gallery)


def test_nothing_is_built_again_without_need(gallery):
    assert refresh_index(gallery) is None
    publish(gallery)
    add(gallery, 30, seed=1)
    assert refresh_index(gallery) is None


def test_an_aged_index_is_built_again_behind_the_queries(gallery, monkeypatch):
    monkeypatch.setattr(rebuilding, "MOST_NEWER_ROWS", 10)
    monkeypatch.setattr(rebuilding, "MOST_NEWER_SHARE", 0)
    publish(gallery)
    with Searcher(gallery) as searcher:
        assert searcher.explain(1).index_generation == 2
        add(gallery, 50, seed=1)
        assert answers(searcher) == exact(gallery)
        assert waited(lambda: searcher.explain(1).index_generation == 3)
        assert answers(searcher) == exact(gallery)
        plan = searcher.explain(1)
    assert (plan.delta_rows, plan.used) == (0, SearchParams(nprobe=8))


def test_an_index_in_memory_is_kept_live_and_built_again(gallery, monkeypatch):
    monkeypatch.setattr(rebuilding, "MOST_GONE_SHARE", 0.05)
    with Searcher(gallery, index=CONFIG) as searcher:
        wide = SearchParams(nprobe=8)
        assert searcher.search(1, params=wide).plan.index_generation == 2
        remove(gallery, list(range(1, 100)))
        found = searcher.search(200, 5, params=wide)
        assert found[0].image_id == 200
        assert waited(lambda: searcher.explain(200).index_generation == 3)
    assert not (gallery.path / "index").exists()


def test_a_failing_rebuild_is_told_and_queries_go_on(gallery, monkeypatch, caplog):
    monkeypatch.setattr(rebuilding, "MOST_GONE_SHARE", 0.05)
    publish(gallery)
    remove(gallery, list(range(1, 100)))
    true = exact(gallery)

    def fails(*_: object, **__: object):
        raise UsageError("The moon is full: wait.")

    monkeypatch.setattr(rebuilding, "build_index", fails)
    with caplog.at_level(logging.WARNING, "lookalike"), Searcher(gallery) as searcher:
        assert answers(searcher) == true
    assert "the old one stays in use: The moon is full: wait" in caplog.text


def test_a_gallery_that_became_too_small_for_its_index_gets_one_that_fits(gallery):
    publish(gallery)
    remove(gallery, list(range(1, 600)))
    assert refresh_index(gallery) is not None
    assert published_index(gallery).config == IndexConfig("ivf")
    remove(gallery, list(range(600, 690)))
    assert refresh_index(gallery) is not None
    assert published_index(gallery).config == IndexConfig("exact")
    assert refresh_index(gallery) is None
    assert answers(Searcher(gallery)) == exact(gallery)


def test_what_was_tuned_is_tuned_again_to_the_same_wish(tmp_path):
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 1500, seed=0)
        snapshot = gallery.snapshot()
        index = build_index(snapshot.blocks, CONFIG, dim=DIM)
        wish = {"recall": 0.8, "k": 5}
        publish_index(gallery, snapshot, index, {"wish": wish})
        remove(gallery, list(range(1, 490)))
        assert refresh_index(gallery) is not None
        again = published_index(gallery)
    assert again.generation == 3
    assert again.evidence["wish"]["recall"] == 0.8
    assert again.evidence["chosen"]["recall"] >= 0.8


def test_one_process_builds_at_a_time(gallery, monkeypatch):
    monkeypatch.setattr("lookalike.search.published.PATIENCE_S", 0.05)
    publish(gallery)
    remove(gallery, list(range(1, 300)))
    with build_lock(gallery):
        assert refresh_index(gallery) is None
        with pytest.raises(GalleryLocked, match="Another process builds the index"):
            publish(gallery)
    assert refresh_index(gallery) is not None


def test_a_gallery_that_cannot_be_written_keeps_its_index(gallery, monkeypatch):
    old = publish(gallery)

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("lookalike.search.published.os.rename", refused)
    with pytest.raises(GalleryReadOnly):
        publish(gallery)
    assert names(gallery) == sorted([old.name, "build.lock"])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(
    "step",
    ["half-written file", "no facts yet", "before rename", "after rename", "old one still there"],
)
def test_a_killed_publisher_leaves_an_index_that_works(gallery, step):
    publish(gallery)
    add(gallery, 40, seed=1)
    script = Path(__file__).parent.with_name("directions.py")
    command = [sys.executable, str(script), str(gallery.path), step]
    killed = subprocess.run(command, capture_output=True, check=False, timeout=300)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    was_renamed = step in {"after rename", "old one still there"}
    searcher = Searcher(gallery)
    assert searcher.explain(1).index_generation == (3 if was_renamed else 2)
    assert answers(searcher) == exact(gallery)
    assert gallery.verify().is_clean
    assert gallery.verify().leftovers == ()
    last = publish(gallery)
    assert names(gallery) == sorted([last.name, "build.lock"])


def test_searches_are_right_while_indexes_are_published(gallery):
    true = np.array(exact(gallery))
    searcher = Searcher(gallery)
    for _ in range(8):
        publish(gallery)
        assert (np.array(answers(searcher)) == true).all()


def test_a_gallery_that_outgrew_exact_search_is_tuned_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 900, seed=0)
        assert refresh_index(gallery) is None
        add(gallery, 600, seed=1)
        assert refresh_index(gallery) is not None
        evidence = published_index(gallery).evidence
        assert evidence["wish"]["recall"] == 0.95
        assert evidence["chosen"]["recall"] >= 0.95
        assert refresh_index(gallery) is None


def test_a_choice_to_compare_all_is_made_again_when_the_gallery_has_doubled(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        snapshot = gallery.snapshot()
        small = tune(snapshot.blocks, TuneWish(recall=0.9, k=5), dim=DIM)
        assert small.config.is_exact
        publish_index(gallery, snapshot, small.index, small.to_dict(), config=small.config)
        add(gallery, 600, seed=1)
        assert refresh_index(gallery) is None
        add(gallery, 300, seed=2)
        assert refresh_index(gallery) is not None
        assert published_index(gallery).evidence["wish"] == {
            **published_index(gallery).evidence["wish"], "recall": 0.9, "k": 5,
        }  # fmt: skip
        assert published_index(gallery).evidence["chosen"]["rows"] >= 1500


def test_an_open_searcher_tunes_the_first_index_behind_the_queries(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 1500, seed=0)
        with Searcher(gallery) as searcher:
            searcher.search(1, 5)
            assert waited(lambda: published_index(gallery) is not None)
            assert searcher.search(1, 5)[0].image_id == 1


def test_bytes_that_changed_inside_an_index_are_found_by_verifying(gallery):
    folder = publish(gallery)
    assert index_damage(gallery) == ""
    content = bytearray((folder / "base.faiss").read_bytes())
    content[len(content) // 2] ^= 255
    (folder / "base.faiss").write_bytes(content)
    assert "base.faiss" in index_damage(gallery)
    assert "the pictures are safe" in index_damage(gallery)


def test_changed_row_numbers_are_refused_at_once(gallery, caplog):
    folder = publish(gallery)
    content = bytearray((folder / "rows.npy").read_bytes())
    content[-3] ^= 255
    (folder / "rows.npy").write_bytes(content)
    assert answers(Searcher(gallery, is_rebuilding=False)) == exact(gallery)
    assert "rows.npy is not as it was written" in caplog.text


def test_an_index_whose_facts_are_lost_is_tuned_anew_not_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 1500, seed=0)
        folder = publish(gallery)
        (folder / "facts.json").write_text("{}")
        assert refresh_index(gallery) is not None
        assert published_index(gallery).evidence["chosen"]["recall"] >= 0.95


def test_a_gallery_that_shrank_and_grew_again_gets_an_index_again(gallery, monkeypatch):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    publish(gallery)
    remove(gallery, list(range(1, 695)))
    assert refresh_index(gallery) is not None
    assert published_index(gallery).config == IndexConfig("exact")
    add(gallery, 1400, seed=4)
    assert refresh_index(gallery) is not None
    assert published_index(gallery).indexed is not None
