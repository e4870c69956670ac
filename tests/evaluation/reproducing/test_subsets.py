"""Parts of image sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lookalike.evaluation.datasets import open_set
from lookalike.evaluation.reproducing.subsets import fewer_pictures, hold_out, of_classes


@pytest.fixture
def colours(data):
    """The set of colours."""
    return open_set(str(data / "tiny-imagenet-200"))


def test_queries_that_are_held_out_are_not_searched(colours):
    held = hold_out(colours, 20, seed=3)
    assert (len(held.images), len(held.queries)) == (100, 20)
    assert not set(held.images) & set(held.queries)
    assert sorted([*held.images, *held.queries]) == list(colours.images)
    assert [path.partition("/")[0] for path in held.images] == list(held.labels)
    assert [path.partition("/")[0] for path in held.queries] == list(
        held.judgements["labels"].groups
    )
    assert held.fingerprint != colours.fingerprint


def test_no_more_than_a_fifth_is_held_out(colours):
    assert len(hold_out(colours, None, seed=0).queries) == 24
    assert len(hold_out(colours, 100, seed=0).queries) == 24
    assert hold_out(colours, 9, seed=1).queries == hold_out(colours, 9, seed=1).queries


def test_of_queries_of_its_own_a_set_is_asked_some(colours):
    parted = hold_out(colours, None, seed=0)
    assert hold_out(parted, None, seed=0) is parted
    fewer = hold_out(parted, 5, seed=0)
    assert fewer.images == parted.images
    assert len(fewer.queries) == 5
    assert set(fewer.queries) < set(parted.queries)


def test_pictures_with_captions_are_held_out_like_any(colours):
    captioned = replace(colours, labels=None, judgements={}, captions=colours.images)
    held = hold_out(captioned, 20, seed=3)
    assert (len(held.images), len(held.queries), held.judgements) == (100, 20, {})
    assert not set(held.images) & set(held.queries)
    assert held.captions is None


def test_some_classes_are_kept_whole(colours):
    few = of_classes(colours, 3, seed=0)
    assert len(set(few.labels)) == 3
    assert len(few.images) == 36
    assert few.is_leave_one_out


def test_some_pictures_are_kept_and_asked(colours):
    few = fewer_pictures(colours, 30, seed=0)
    assert len(few.images) == 30
    assert few.is_leave_one_out
    assert few.images == fewer_pictures(colours, 30, seed=0).images
    assert [path.partition("/")[0] for path in few.images] == list(few.labels)
