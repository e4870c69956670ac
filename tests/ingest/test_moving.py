"""A folder that was moved is the source that it was: noticed, and followed if that is said."""

from __future__ import annotations

import os
import shutil

import pytest

from lookalike.errors import SourceNotFound, UsageError
from lookalike.gallery import Gallery, GalleryWriter
from lookalike.images import Source, open_source
from lookalike.ingest import add_images, remove_source, update_images
from lookalike.ingest.moving import follow_source, looks_moved


@pytest.fixture
def followed(photos, gallery, update):
    """A gallery beside a folder of twenty pictures."""
    for number in range(1, 21):
        photos.add(f"{number % 3}/{number}.png", number)
    update()
    return gallery


@pytest.fixture
def moved(photos, followed, tmp_path):
    """The folder at its new place."""
    photos.folder.rename(tmp_path / "elsewhere")
    return open_source(tmp_path / "elsewhere")


def facts(gallery):
    return [(image.image_id, image.path, image.content_hash) for image in gallery.images()]


def test_a_moved_folder_keeps_its_pictures(followed, moved, encoder, aligned):
    before = facts(followed)
    assert looks_moved(followed, moved) == followed.sources()[0]
    record = follow_source(followed, followed.sources()[0].location, moved)
    assert (record.source_id, record.location) == (1, moved.location)
    done = update_images(followed, encoder)
    assert (done.unchanged, done.added, done.embedded) == (20, 0, 0)
    assert facts(followed) == before
    assert looks_moved(followed, moved) is None
    aligned(followed, encoder)


def test_a_copy_of_a_folder_that_is_there_is_a_source_of_its_own(photos, followed, tmp_path):
    shutil.copytree(photos.folder, tmp_path / "copy")
    assert looks_moved(followed, open_source(tmp_path / "copy")) is None


def test_dates_do_not_matter_and_half_of_the_pictures_are_enough(photos, followed, tmp_path):
    shutil.copytree(photos.folder, tmp_path / "copy", copy_function=shutil.copyfile)
    shutil.rmtree(photos.folder)
    for number in range(1, 10):
        (tmp_path / "copy" / f"{number % 3}" / f"{number}.png").unlink()
    assert looks_moved(followed, open_source(tmp_path / "copy")) is not None
    for number in range(10, 12):
        (tmp_path / "copy" / f"{number % 3}" / f"{number}.png").unlink()
    assert looks_moved(followed, open_source(tmp_path / "copy")) is None


def test_other_pictures_of_the_same_names_are_another_source(photos, followed, moved):
    for number in range(1, 21):
        with open(os.path.join(moved.location, f"{number % 3}/{number}.png"), "ab") as file:
            file.write(b" ")
    assert looks_moved(followed, moved) is None


def test_an_emptied_mount_point_is_gone_too(photos, followed, moved):
    photos.folder.mkdir()
    assert looks_moved(followed, moved) is not None


def test_following_again_changes_nothing(followed, moved):
    old = followed.sources()[0].location
    follow_source(followed, old, moved)
    generation = followed.generation
    assert follow_source(followed, old, moved).location == moved.location
    assert follow_source(followed, moved.location, moved).location == moved.location
    assert followed.generation == generation


def test_a_folder_may_move_into_what_it_was(photos, followed, encoder, tmp_path):
    photos.folder.rename(tmp_path / "parked")
    photos.folder.mkdir()
    inner = (tmp_path / "parked").rename(photos.folder / "inner")
    follow_source(followed, photos.folder, open_source(inner))
    assert update_images(followed, encoder).unchanged == 20


def test_a_gallery_that_moves_into_its_source_finds_it(photos, followed, tmp_path, encoder):
    followed.close()
    inside = photos.folder / ".lookalike"
    (tmp_path / "photos.gallery").rename(inside)
    photos.folder.rename(tmp_path / "new")
    with Gallery.open(tmp_path / "new" / ".lookalike") as gallery:
        follow_source(gallery, photos.folder, open_source(tmp_path / "new"))
        assert update_images(gallery, encoder).unchanged == 20
    (tmp_path / "new").rename(tmp_path / "newer")
    with Gallery.open(tmp_path / "newer" / ".lookalike") as gallery:
        assert gallery.sources()[0].location == str(tmp_path / "newer")


def test_what_cannot_have_been_moved_is_refused(photos, followed, moved, encoder, tmp_path):
    old = str(photos.folder)
    with pytest.raises(SourceNotFound, match=f"no source /nowhere.*it has: {old}"):
        follow_source(followed, "/nowhere", moved)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has none of the pictures"):
        follow_source(followed, old, Source("folder", str(tmp_path / "empty")))
    with pytest.raises(UsageError, match=r"is a folder and .* a glob"):
        follow_source(followed, old, Source("glob", f"{moved.location}/**/*.png"))
    add_images(followed, moved.location, encoder)
    with pytest.raises(UsageError, match=r"is a source of this gallery already.*--source"):
        follow_source(followed, old, moved)
    assert [source.location for source in followed.sources()] == [old, moved.location]


def test_an_interrupted_move_leaves_the_source_where_it_was(followed, moved, monkeypatch):
    old = followed.sources()

    def interrupted(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(GalleryWriter, "_commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            follow_source(followed, old[0].location, moved)
    assert followed.sources() == old
    assert follow_source(followed, old[0].location, moved).location == moved.location


def test_a_source_is_known_by_a_link_to_it(photos, followed, tmp_path, encoder):
    (tmp_path / "link").symlink_to(photos.folder)
    (tmp_path / "new").symlink_to(photos.folder)
    moved = Source("folder", str(tmp_path / "new"))
    assert follow_source(followed, tmp_path / "link", moved).source_id == 1
    assert remove_source(followed, str(tmp_path / "link")).images == 20
    assert followed.sources() == ()


def test_of_two_names_of_one_place_the_one_that_is_listed_counts(photos, followed, tmp_path):
    """Who moves a folder may leave a link where it was, and index it at its new place."""
    photos.folder.rename(tmp_path / "new")
    with followed.writer() as writer:
        new = writer.add_source("folder", str(tmp_path / "new"))
    photos.folder.symlink_to(tmp_path / "new")
    assert remove_source(followed, new.location).images == 0
    assert [source.location for source in followed.sources()] == [str(photos.folder)]
