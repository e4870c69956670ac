"""Shards: disjoint, complete, the same everywhere, and galleries like any other."""

from __future__ import annotations

import hashlib

import pytest

from lookalike.errors import GalleryError, NoImagesFound, SourceNotFound, UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import Shard, add_images, update_images


def shard_gallery(folder, encoder, shard):
    gallery = Gallery.create(folder, encoder.space)
    with gallery.writer() as writer:
        writer.keep_to_shard(shard)
    return gallery


def paths(gallery):
    return {image.path for image in gallery.images()}


@pytest.mark.parametrize("text", ["1/10", "10/10", " 3/7 "])
def test_shards_are_counted_from_one(text):
    assert str(Shard.parse(text)) == text.strip()


@pytest.mark.parametrize("text", ["0/10", "11/10", "1/0", "3", "a/b", "-1/4", "1/2/3", "¹/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="makes no sense"):
        Shard.parse(text)


def test_every_path_is_in_exactly_one_shard():
    shards = [Shard(number, 7) for number in range(1, 8)]

    counts = [0] * 7
    for name in range(7000):
        holders = [shard.number for shard in shards if shard.holds(f"folder/{name}.jpg")]
        assert len(holders) == 1
        counts[holders[0] - 1] += 1

    # A fair share is 1000; four standard deviations are 117.
    assert all(883 <= count <= 1117 for count in counts)


def test_the_shard_of_a_path_never_changes():
    digest = hashlib.blake2b(b"a/\xc3\xa4.jpg", digest_size=8).hexdigest()

    assert Shard(int(digest, 16) % 10 + 1, 10).holds("a/ä.jpg")
    assert sum(Shard(number, 3).holds("\udcff.jpg") for number in (1, 2, 3)) == 1


def test_shards_together_hold_the_source(photos, encoder, tmp_path):
    for number in range(1, 31):
        photos.add(f"{number % 3}/{number}.png", number)

    held = []
    for number in (3, 1, 2):
        with shard_gallery(tmp_path / str(number), encoder, f"{number}/3") as gallery:
            add_images(gallery, photos.folder, encoder)
            held.append(paths(gallery))

    assert sum(map(len, held)) == 30
    assert len(set.union(*held)) == 30


def test_a_shard_stays_a_shard_when_it_is_updated(photos, encoder, tmp_path):
    for number in range(1, 21):
        photos.add(f"{number}.png", number)
    with shard_gallery(tmp_path / "shard", encoder, "1/2") as gallery:
        add_images(gallery, photos.folder, encoder)
        before = paths(gallery)
        for number in range(21, 41):
            photos.add(f"{number}.png", number)

        report = update_images(gallery, encoder)

        assert report.unchanged == len(before)
        assert all(Shard(1, 2).holds(path) for path in paths(gallery))
        assert report.added == len(paths(gallery)) - len(before) > 0


def test_a_shard_without_pictures_is_no_failure(photos, encoder, tmp_path):
    photos.add("only.png", 1)
    empty = next(number for number in (1, 2) if not Shard(number, 2).holds("only.png"))
    with shard_gallery(tmp_path / "shard", encoder, f"{empty}/2") as gallery:
        report = add_images(gallery, photos.folder, encoder)

        assert report.added == 0
        assert len(gallery) == 0


def test_a_shard_of_an_empty_or_missing_source_is_a_failure(photos, encoder, tmp_path):
    with shard_gallery(tmp_path / "shard", encoder, "1/2") as gallery:
        with pytest.raises(NoImagesFound):
            add_images(gallery, photos.folder, encoder)
        with pytest.raises(SourceNotFound):
            add_images(gallery, photos.folder / "missing", encoder)


def test_another_shard_in_the_same_folder_is_refused(encoder, tmp_path):
    with (
        shard_gallery(tmp_path / "shard", encoder, "1/2") as gallery,
        gallery.writer() as writer,
    ):
        writer.keep_to_shard("1/2")
        with pytest.raises(GalleryError, match=r"Shard 2/2 was asked for, but .* holds shard 1/2"):
            writer.keep_to_shard("2/2")
        assert gallery.shard == "1/2"


def test_a_gallery_of_whole_sources_becomes_no_shard(gallery, photos, encoder):
    photos.add("a.png", 1)
    add_images(gallery, photos.folder, encoder)
    with gallery.writer() as writer, pytest.raises(GalleryError, match="holds whole sources"):
        writer.keep_to_shard("1/2")
    assert gallery.shard is None
