"""When a file counts as complete, on a clock that the test turns."""

from __future__ import annotations

import os

import pytest

from lookalike.ingest.watching.settling import Settled, Settling

SETTLE_S = 1.0


@pytest.fixture
def settling():
    return Settling(SETTLE_S)


@pytest.fixture
def file(tmp_path):
    """Write a file, or more to it."""

    def write(name, text="x"):
        with open(tmp_path / name, "a", encoding="ascii") as out:
            out.write(text)
        return str(tmp_path / name)

    return write


def paths(items):
    return [item.path for item in items]


def test_a_file_that_looks_the_same_twice_is_taken(settling, file):
    place = file("a")
    settling.note(1, "a", place, 0.0)
    assert settling.take(10, 0.9) == []
    (item,) = settling.take(10, 1.0)
    assert item == Settled(1, "a", 1, os.stat(place).st_mtime_ns)
    assert len(settling) == 0


def test_a_growing_file_waits_until_it_does_not_grow(settling, file):
    settling.note(1, "a", file("a"), 0.0)
    for now in (1.0, 2.0, 3.0):
        settling.note(1, "a", file("a"), now)
        assert settling.take(10, now) == []
    assert paths(settling.take(10, 3.9)) == []
    assert paths(settling.take(10, 4.0)) == ["a"]


def test_a_growing_file_keeps_nobody_waiting(settling, file):
    settling.note(1, "growing", file("growing"), 0.0)
    settling.note(1, "done", file("done"), 0.0)
    file("growing")
    assert paths(settling.take(10, 1.0)) == ["done"]


def test_the_oldest_come_first_and_none_is_left_behind(settling, file):
    for number in range(5):
        settling.note(1, f"{number}", file(f"{number}"), float(number))
    assert paths(settling.take(2, 10.0)) == ["0", "1"]
    settling.note(1, "late", file("late"), 10.0)
    assert paths(settling.take(2, 11.0)) == ["2", "3"]
    assert paths(settling.take(2, 11.0)) == ["4", "late"]


def test_a_deletion_comes_with_the_file_that_appeared(settling, file, tmp_path):
    settling.note(1, "old", str(tmp_path / "old"), 0.0)
    settling.note(1, "new", file("new"), 0.3)
    assert settling.take(10, 1.0) == []
    assert [(item.path, item.size_bytes) for item in settling.take(10, 1.3)] == [
        ("new", 1),
        ("old", None),
    ]


def test_deletions_come_after_all_files_of_their_time(settling, file, tmp_path):
    settling.note(1, "old", str(tmp_path / "old"), 0.0)
    for number in range(4):
        settling.note(1, f"{number}", file(f"{number}"), 0.1)
    assert paths(settling.take(2, 2.0)) == ["0", "1"]
    assert paths(settling.take(2, 2.0)) == ["2", "3"]
    assert paths(settling.take(2, 2.0)) == ["old"]


def test_a_deletion_waits_five_seconds_for_a_file_that_keeps_growing(settling, file, tmp_path):
    settling.note(1, "old", str(tmp_path / "old"), 0.0)
    settling.note(1, "new", file("new"), 0.0)
    for now in (1.0, 2.0, 3.0, 4.0):
        file("new")
        assert settling.take(10, now) == []
    file("new")
    assert paths(settling.take(10, 5.0)) == ["old"]


def test_later_files_do_not_hold_a_deletion_up(settling, file, tmp_path):
    settling.note(1, "old", str(tmp_path / "old"), 0.0)
    settling.note(1, "new", file("new"), 3.0)
    assert paths(settling.take(10, 3.0)) == ["old"]


def test_what_comes_back_is_no_deletion(settling, file, tmp_path):
    settling.note(1, "a", str(tmp_path / "a"), 0.0)
    file("a")
    assert settling.take(10, 1.0) == []
    assert [item.size_bytes for item in settling.take(10, 2.0)] == [1]


def test_what_changes_while_it_is_ready_waits_again(settling, file):
    settling.note(1, "a", file("a"), 0.0)
    settling.note(1, "b", file("b"), 0.0)
    assert paths(settling.take(1, 1.0)) == ["a"]
    settling.note(1, "b", file("b"), 1.0)
    assert settling.take(1, 1.5) == []
    assert [(item.path, item.size_bytes) for item in settling.take(1, 2.0)] == [("b", 2)]


def test_what_was_put_back_is_handed_out_again(settling, file):
    settling.note(1, "a", file("a"), 0.0)
    taken = settling.take(10, 1.0)
    settling.put_back(taken, 1.0)
    assert settling.take(10, 1.0) == taken


def test_a_source_that_went_away_is_dropped(settling, file):
    settling.note(1, "a", file("a"), 0.0)
    settling.note(2, "b", file("b"), 0.0)
    settling.drop(1)
    assert paths(settling.take(10, 1.0)) == ["b"]
