"""Merging leaves out what was removed by hand, wherever that was, until it is asked for."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery, NewImage, Skipped
from lookalike.ingest import MergeReport, add_images, merge_galleries, merging, remove_images
from lookalike.ingest.removed import REMOVED_BY_HAND, is_removed
from lookalike.vectors import EmbeddingSpace

SPACE = EmbeddingSpace("fingerprint-of-the-tests", 4, encoder="tests")
EAST = np.eye(4, dtype=np.float32)[:1]


@pytest.fixture
def galleries(tmp_path):
    """Make galleries of one source; their pictures by path, with their content."""

    def make(name, pictures=(), *, source="/photos"):
        gallery = Gallery.create(tmp_path / name, SPACE)
        with gallery.writer() as writer:
            source_id = writer.add_source("folder", source).source_id
            for path, content in dict(pictures).items():
                image = NewImage(source_id, path, content, 1, 2, 3, 4, "PNG", embedding_row=0)
                writer.commit(images=[image], embeddings=EAST)
        return gallery

    return make


def remove(gallery, *paths):
    remove_images(gallery, [image for image in gallery.images() if image.path in paths])


def fail_to_read(gallery, path):
    with gallery.writer() as writer:
        writer.commit(skipped=[Skipped(1, path, 5, 6, "It is damaged.")])


def paths_of(gallery):
    return [image.path for image in gallery.images()]


def removed_from(gallery):
    return [item.path for item in gallery.skipped(1) if is_removed(item)]


def test_what_was_removed_from_the_target_is_not_brought_back(galleries):
    one = galleries("one", {"a.jpg": "A", "b.jpg": "B"})
    target = galleries("target")
    merge_galleries([one], target)
    remove(target, "a.jpg")

    report = merge_galleries([one], target)

    assert report == MergeReport(already=1, kept_out=1)
    assert paths_of(target) == ["b.jpg"]
    assert removed_from(target) == ["a.jpg"]
    assert target.verify().is_clean


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_was_removed_from_one_input_does_not_come_from_another(galleries, order):
    inputs = galleries("one", {"a.jpg": "A", "b.jpg": "B"}), galleries("two", {"a.jpg": "A"})
    remove(inputs[0], "a.jpg")
    target = galleries("target")

    report = merge_galleries([inputs[number] for number in order], target)

    assert (report.added, report.kept_out) == (1, 1)
    assert paths_of(target) == ["b.jpg"]
    assert removed_from(target) == ["a.jpg"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_it_is_taken_in_where_it_is_asked_for(galleries, order):
    inputs = galleries("one", {"a.jpg": "A", "b.jpg": "B"}), galleries("two", {"a.jpg": "A"})
    remove(inputs[0], "a.jpg")
    target = galleries("target")
    inputs_in_order = [inputs[number] for number in order]
    merge_galleries(inputs_in_order, target)

    report = merge_galleries(inputs_in_order, target, restore=[os.path.abspath("/photos/a.jpg")])

    assert report == MergeReport(added=1, already=1)
    assert sorted(paths_of(target)) == ["a.jpg", "b.jpg"]
    assert removed_from(target) == []


def test_only_what_lies_below_a_folder_is_taken_in(galleries):
    one = galleries("one", {"x/a.jpg": "A", "xy/b.jpg": "B"})
    target = galleries("target")
    merge_galleries([one], target)
    remove(target, "x/a.jpg", "xy/b.jpg")

    report = merge_galleries([one], target, restore=[os.path.abspath("/photos/x")])

    assert report == MergeReport(added=1, kept_out=1)
    assert paths_of(target) == ["x/a.jpg"]


def test_a_path_at_which_nothing_was_removed_is_refused(galleries):
    one, target = galleries("one", {"a.jpg": "A"}), galleries("target")
    generation = target.generation

    with pytest.raises(UsageError, match=r"Nothing at .*a\.jpg was removed by hand"):
        merge_galleries([one], target, restore=[os.path.abspath("/photos/a.jpg")])

    assert target.generation == generation


def test_another_picture_at_the_path_comes_in(galleries):
    old, new = galleries("old", {"a.jpg": "A"}), galleries("new", {"a.jpg": "edited"})
    remove(old, "a.jpg")
    target = galleries("target")

    assert merge_galleries([old, new], target) == MergeReport(added=1, skipped=1)
    assert [image.content_hash for image in target.images()] == ["edited"]
    assert removed_from(target) == []


def test_equal_paths_of_two_sources_are_two_pictures(galleries):
    one, two = galleries("one", {"a.jpg": "A"}), galleries("two", {"a.jpg": "A"}, source="/other")
    remove(one, "a.jpg")
    target = galleries("target")

    assert merge_galleries([one, two], target).kept_out == 0
    assert paths_of(target) == ["a.jpg"]


def test_what_an_older_lookalike_noted_counts_by_size_and_date(galleries):
    one, target = galleries("one", {"a.jpg": "A", "b.jpg": "B"}), galleries("target")
    with target.writer() as writer:
        notes = [("a.jpg", 1, 2), ("b.jpg", 1, 3)]
        writer.commit(skipped=[Skipped(1, *note, REMOVED_BY_HAND) for note in notes])

    assert merge_galleries([one], target) == MergeReport(added=1, kept_out=1)
    assert paths_of(target) == ["b.jpg"]


def test_what_the_target_holds_stays(galleries):
    one, target = galleries("one", {"a.jpg": "A"}), galleries("target", {"a.jpg": "A"})
    remove(one, "a.jpg")

    assert merge_galleries([one], target) == MergeReport()
    assert paths_of(target) == ["a.jpg"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_file_that_could_not_be_read_elsewhere_stays_removed(galleries, order):
    """Its file may be readable by now: what is noted of it decides whether it comes back."""
    inputs = galleries("one", {"a.jpg": "A"}), galleries("two")
    remove(inputs[0], "a.jpg")
    fail_to_read(inputs[1], "a.jpg")
    target = galleries("target")

    merge_galleries([inputs[number] for number in order], target)

    assert removed_from(target) == ["a.jpg"]


def test_the_note_of_the_target_goes_before_that_of_an_input(galleries):
    one, target = galleries("one", {"a.jpg": "older"}), galleries("target", {"a.jpg": "A"})
    remove(one, "a.jpg")
    remove(target, "a.jpg")
    before = list(target.skipped(1))

    merge_galleries([one], target)

    assert list(target.skipped(1)) == before


def test_progress_counts_what_is_left_out(galleries, monkeypatch):
    monkeypatch.setattr(merging, "rows_at_once", lambda dim: 1)
    one, target = galleries("one", {"a.jpg": "A", "b.jpg": "B"}), galleries("target")
    merge_galleries([one], target)
    remove(target, "a.jpg")

    told_of = []
    merge_galleries([one], target, on_progress=lambda *now: told_of.append(now))

    assert told_of == [(1, 2), (2, 2)]


def test_a_merged_gallery_does_not_bring_it_back_when_it_is_updated(photos, encoder, tmp_path):
    for number, path in enumerate(("a.png", "b.png"), start=1):
        photos.add(path, number)
    one, two, target = (Gallery.create(tmp_path / name, encoder.space) for name in "12t")
    for gallery in (one, two):
        add_images(gallery, photos.folder, encoder)
    remove(one, "a.png", "b.png")
    remove(two, "b.png")
    merge_galleries([one, two], target)
    photos.touch("a.png")

    report = add_images(target, photos.folder, encoder)

    assert (report.added, [item.reason for item in report.skipped]) == (0, [REMOVED_BY_HAND] * 2)
