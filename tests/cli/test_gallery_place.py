"""A gallery is named as an argument, with --gallery, or not at all: the answer is the same."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("command", ["info", "verify", "compact"])
def test_the_gallery_may_be_named_in_every_way(lookalike, indexed, monkeypatch, command):
    expected = lookalike(command, "--gallery", indexed)
    assert expected.code == 0
    inside = indexed / ".lookalike"
    assert lookalike(command, indexed) == expected
    assert lookalike(command, inside) == expected
    assert lookalike(command, indexed, "--gallery", inside) == expected
    monkeypatch.chdir(indexed)
    assert lookalike(command) == expected


@pytest.mark.parametrize("command", ["info", "verify", "compact", "tune", "map"])
def test_two_galleries_are_refused_in_one_sentence(lookalike, indexed, command):
    done = lookalike(command, indexed, "--gallery", "other")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"lookalike: Two galleries are named, {indexed} and --gallery other: leave one of them "
        "out.\n"
    )


def test_tuning_takes_a_gallery_by_its_folder(lookalike, indexed):
    named = lookalike("tune", indexed, "--dry-run")
    assert named == lookalike("tune", "--gallery", indexed, "--dry-run")
    assert "there are 4 rows" in named.err, "too few to tune for, which only the gallery tells"


def test_a_folder_without_a_gallery_is_told_by_its_name(lookalike, photos):
    done = lookalike("info", photos)
    assert done.code == 1
    assert str(photos) in done.err
