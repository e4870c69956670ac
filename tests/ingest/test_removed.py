"""What was removed by hand stays out until it is asked for, or is another picture."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import permutations

import pytest

from lookalike.gallery import Gallery, Skipped
from lookalike.ingest import add_images, merge_galleries, remove_images, update_images, update_paths
from lookalike.ingest.removed import REMOVED_BY_HAND


@pytest.fixture
def without_a(photos, gallery, update):
    """Three pictures, of which the first was removed by hand."""
    for number, path in enumerate(("a.png", "b.png", "c.png"), start=1):
        photos.add(path, number)
    update()
    remove_images(gallery, [gallery.image(1)])
    return gallery


def paths_of(gallery):
    return {image.path for image in gallery.images()}


def noted(gallery):
    return {item.path for item in gallery.skipped(1)}


def test_a_touched_file_stays_out(photos, without_a, update):
    for _ in range(2):
        photos.touch("a.png")
        assert update() == {"unchanged": 2, "skipped": 1}
    assert update() == {"unchanged": 2, "skipped": 1}


def test_a_renamed_file_stays_out(photos, without_a, update):
    photos.rename("a.png", "deep/d.png")
    assert update() == {"unchanged": 2, "skipped": 1}
    assert noted(without_a) == {"deep/d.png"}
    photos.touch("deep/d.png")
    assert update() == {"unchanged": 2, "skipped": 1}


def test_a_renamed_file_stays_out_of_an_update_of_paths(photos, without_a, encoder):
    photos.rename("a.png", "d.png")
    for paths in (["d.png"], ["a.png"], ["d.png"]):
        update_paths(without_a, encoder, photos.folder, paths)
        assert paths_of(without_a) == {"b.png", "c.png"}
    assert noted(without_a) == {"d.png"}


def test_a_renamed_file_stays_out_though_another_has_its_name(photos, without_a, update):
    photos.rename("a.png", "d.png")
    photos.add("a.png", 9)
    assert update() == {"added": 1, "unchanged": 2, "skipped": 1}
    assert noted(without_a) == {"d.png"}
    assert update() == {"unchanged": 3, "skipped": 1}


@pytest.mark.parametrize("paths", [["a.png", "d.png"], ["d.png"]])
def test_nor_does_it_come_with_an_update_of_paths(photos, without_a, encoder, paths):
    photos.rename("a.png", "d.png")
    photos.add("a.png", 9)
    for looked_at in (paths, ["a.png"]):
        update_paths(without_a, encoder, photos.folder, looked_at)
    assert paths_of(without_a) == {"a.png", "b.png", "c.png"}
    assert noted(without_a) == {"d.png"}


def test_removed_files_that_swap_their_names_stay_out(photos, without_a, update):
    remove_images(without_a, [without_a.image(2)])
    photos.swap("a.png", "b.png")
    for _ in range(2):
        assert update() == {"unchanged": 1, "skipped": 2}
        photos.touch("a.png")
    assert noted(without_a) == {"a.png", "b.png"}


@pytest.mark.parametrize("order", [*permutations(["a.png", "b.png", "c.png"])])
@pytest.mark.parametrize("at_once", [1, 2])
def test_removed_files_that_swap_their_names_stay_out_whichever_is_looked_at_first(
    photos, without_a, encoder, order, at_once
):
    photos.add("d.png", 4)
    remove_images(without_a, [without_a.image(2), without_a.image(3)])
    photos.swap("a.png", "b.png")
    photos.swap("b.png", "c.png")
    for paths in (order[:at_once], order[at_once:2], order[2:], ["d.png"]):
        update_paths(without_a, encoder, photos.folder, paths)
    assert paths_of(without_a) == {"d.png"}
    assert noted(without_a) == {"a.png", "b.png", "c.png"}


def test_another_picture_where_a_removed_one_was_before_its_name_was_taken(
    photos, without_a, encoder
):
    remove_images(without_a, [without_a.image(2)])
    photos.rename("b.png", "a.png")
    photos.add("b.png", 9)
    for path in ("a.png", "b.png"):
        update_paths(without_a, encoder, photos.folder, [path])
    assert paths_of(without_a) == {"b.png", "c.png"}
    assert noted(without_a) == {"a.png"}


def test_what_cannot_be_looked_into_is_not_taken_for_renamed(
    photos, without_a, encoder, monkeypatch
):
    photos.add("copy.png", 1)
    for look in (os.stat, os.lstat):

        def refusing(path, look=look, **given):
            if str(path).endswith("a.png"):
                raise PermissionError(13, "Permission denied")
            return look(path, **given)

        monkeypatch.setattr(os, look.__name__, refusing)
    update_paths(without_a, encoder, photos.folder, ["copy.png"])
    assert paths_of(without_a) == {"b.png", "c.png", "copy.png"}
    assert noted(without_a) == {"a.png"}


def test_another_picture_at_the_path_comes_in(photos, without_a, update):
    photos.add("a.png", 9)
    assert update() == {"added": 1, "unchanged": 2}
    assert noted(without_a) == set()


def test_a_copy_beside_a_removed_file_comes_in(photos, without_a, update):
    photos.add("copy.png", 1)
    photos.touch("a.png")
    assert update() == {"added": 1, "unchanged": 2, "skipped": 1}
    assert paths_of(without_a) == {"b.png", "c.png", "copy.png"}


def test_a_touched_file_is_not_taken_for_its_renamed_copy(photos, without_a, update):
    photos.add("x/copy.png", 1)
    update()
    photos.rename("x/copy.png", "y/copy.png")
    photos.touch("a.png")
    assert update() == {"renamed": 1, "unchanged": 2, "skipped": 1}
    assert noted(without_a) == {"a.png"}


def test_a_removed_file_moved_over_another_stays_out(photos, without_a, update, encoder):
    photos.rename("a.png", "b.png")
    assert update() == {"forgotten": 1, "unchanged": 1, "skipped": 1}
    (item,) = add_images(without_a, photos.folder, encoder).skipped
    assert (item.path, item.reason) == (str(photos.folder / "b.png"), REMOVED_BY_HAND)
    assert noted(without_a) == {"b.png"}
    assert update(restore=[str(photos.folder / "b.png")]) == {"added": 1, "unchanged": 1}


def test_nor_does_it_come_with_an_update_of_the_path_it_was_moved_over(photos, without_a, encoder):
    photos.rename("a.png", "b.png")
    report = update_paths(without_a, encoder, photos.folder, ["b.png"])
    assert [(change.what, change.image_id) for change in report.changes] == [("removed", 2)]
    assert [item.reason for item in report.skipped] == [REMOVED_BY_HAND]
    assert paths_of(without_a) == {"c.png"}
    assert noted(without_a) == {"b.png"}


def test_a_removed_file_that_swaps_its_name_with_another_stays_out(photos, without_a, update):
    photos.swap("a.png", "b.png")
    assert update() == {"added": 1, "copies": 1, "forgotten": 1, "unchanged": 1, "skipped": 1}
    assert paths_of(without_a) == {"a.png", "c.png"}
    assert noted(without_a) == {"b.png"}
    assert without_a.verify().is_clean


def test_a_copy_of_a_removed_file_over_another_comes_in(photos, without_a, update):
    photos.add("b.png", 1)
    assert update() == {"changed": 1, "unchanged": 1, "skipped": 1}
    assert noted(without_a) == {"a.png"}


@pytest.mark.parametrize("paths", [None, ["b.png"], ["b.png", "d.png"]])
def test_a_known_copy_of_a_removed_file_moved_over_another_replaces_it(
    photos, gallery, update, encoder, paths
):
    for path, number in (("a.png", 1), ("b.png", 2), ("d.png", 1)):
        photos.add(path, number)
    update()
    remove_images(gallery, [gallery.image(1)])
    content = gallery.image(3).content_hash
    photos.rename("d.png", "b.png")
    photos.delete("a.png")
    if paths is None:
        update()
    else:
        update_paths(gallery, encoder, photos.folder, paths)
    (image,) = gallery.images()
    assert (image.image_id, image.path, image.content_hash) == (2, "b.png", content)


def test_a_renaming_is_noted_once_however_many_copies_there_are(photos, without_a, update):
    photos.rename("a.png", "d.png")
    photos.add("e.png", 1)
    assert update() == {"added": 1, "unchanged": 2, "skipped": 1}


def test_the_reason_is_told_without_the_content(photos, without_a, encoder):
    photos.touch("a.png")
    (item,) = add_images(without_a, photos.folder, encoder).skipped
    assert item.reason == REMOVED_BY_HAND


def test_what_an_older_lookalike_noted_counts_by_size_and_date(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    image = gallery.image(1)
    note = Skipped(1, "a.png", image.size_bytes, image.mtime_ns, REMOVED_BY_HAND)
    with gallery.writer() as writer:
        writer.commit(removed=[1], skipped=[note])
    assert update() == {"unchanged": 1, "skipped": 1}
    photos.touch("a.png")
    assert update() == {"unchanged": 1, "added": 1}


def test_what_was_noted_in_a_sentence_counts_by_content(photos, without_a, update):
    """There was no column for it at first."""
    (note,) = without_a.skipped(1)
    older = f"{REMOVED_BY_HAND} Its content: {note.content_hash}"
    with without_a.writer() as writer:
        writer.commit(skipped=[replace(note, reason=older, content_hash=None)])
    photos.rename("a.png", "d.png")
    photos.touch("d.png")
    assert update() == {"unchanged": 2, "skipped": 1}
    assert list(without_a.skipped(1)) == [
        replace(note, path="d.png", mtime_ns=os.stat(photos.folder / "d.png").st_mtime_ns)
    ]


@pytest.mark.parametrize("place", ["a.png", ".", "../photos"])
def test_a_removed_picture_comes_back_where_it_is_asked_for(photos, without_a, update, place):
    whole = os.path.join(photos.folder, place)
    assert update(restore=[os.path.join(photos.folder, "b.png")]) == {"unchanged": 2, "skipped": 1}
    assert update(restore=[whole]) == {"added": 1, "unchanged": 2}
    assert noted(without_a) == set()


def test_only_what_lies_below_a_folder_comes_back(photos, gallery, update, encoder):
    for number, path in enumerate(("a.png", "x/b.png", "xy/c.png"), start=1):
        photos.add(path, number)
    photos.write("x/broken.png", b"no picture")
    update()
    remove_images(gallery, [gallery.image(2), gallery.image(3)])
    done = update_images(gallery, encoder, restore=[str(photos.folder / "x")])
    assert (done.added, len(done.skipped)) == (1, 2)
    assert paths_of(gallery) == {"a.png", "x/b.png"}


def test_a_merge_takes_over_what_was_removed(photos, without_a, encoder, tmp_path):
    with Gallery.create(tmp_path / "merged", encoder.space) as merged:
        merge_galleries([without_a], merged)
        photos.touch("a.png")
        add_images(merged, photos.folder, encoder)
        assert paths_of(merged) == {"b.png", "c.png"}
