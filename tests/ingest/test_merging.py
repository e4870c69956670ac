"""Merging: ten shards are one build, and nothing is ever merged by half."""

from __future__ import annotations

import os

import numpy as np
import pytest

from lookalike.errors import GalleryError, SpaceMismatch, UsageError
from lookalike.gallery import Gallery, NewImage, Skipped
from lookalike.ingest import (
    MergeReport,
    MetadataTable,
    add_images,
    common_space,
    merge_galleries,
    merging,
    remove_images,
)
from lookalike.search import Searcher
from lookalike.vectors import EmbeddingSpace

SPACE = EmbeddingSpace("fingerprint-of-the-tests", 4, encoder="tests")
EAST, NORTH, UP = np.eye(4, dtype=np.float32)[:3]


def filled(folder, rows, *, source="/photos", space=SPACE, dtype="float16"):
    """A gallery of one source; rows by path."""
    gallery = Gallery.create(folder, space, dtype=dtype)
    with gallery.writer() as writer:
        source_id = writer.add_source("folder", source).source_id
        writer.commit(
            images=[
                NewImage(source_id, path, f"hash of {path}", 1, 2, 3, 4, "PNG", embedding_row=row)
                for row, path in enumerate(rows)
            ],
            embeddings=np.array(list(rows.values())),
        )
    return gallery


def told(gallery):
    """All that is known of each image, and its embedding's bits."""
    by_id = {source.source_id: source.location for source in gallery.sources()}
    return {
        (by_id[image.source_id], image.path): (
            *(image.content_hash, image.size_bytes, image.mtime_ns, image.width, image.height),
            *(image.format, image.indexed_at, image.taken, image.camera),
            *(image.latitude, image.longitude, image.metadata),
            gallery.embedding(image.image_id).tobytes(),
        )
        for image in gallery.images()
    }


def test_ten_shards_are_one_build(photos, encoder, tmp_path):
    for number in range(1, 61):
        photos.add(f"{number % 4}/{number}.png", number % 50 + 1)  # ten copies
    photos.write("broken.png", b"no picture")
    table = MetadataTable({f"{number}.png": {"label": number} for number in range(1, 61)})
    whole = Gallery.create(tmp_path / "whole", encoder.space)
    add_images(whole, photos.folder, encoder, metadata=table)
    shards = []
    for number in range(1, 11):
        shards.append(Gallery.create(tmp_path / f"shard{number}", encoder.space))
        with shards[-1].writer() as writer:
            writer.keep_to_shard(f"{number}/10")
        add_images(shards[-1], photos.folder, encoder, metadata=table)
    photos.rename("", tmp_path / "away")  # the pictures need not be there
    merged = Gallery.create(tmp_path / "merged", encoder.space)

    report = merge_galleries(shards, merged)

    assert (report.added, report.already, report.skipped) == (60, 0, 1)
    one, other = told(whole), told(merged)
    assert {key: value[:6] + value[7:] for key, value in one.items()} == {
        key: value[:6] + value[7:] for key, value in other.items()
    }
    assert merged.info().embeddings == whole.info().embeddings == 50
    assert merged.info().skipped == 1
    assert merged.verify().is_clean
    for image in list(whole.images())[::7]:
        query = whole.embedding(image.image_id)
        found = [
            sorted((-hit.score, hit.path) for hit in Searcher(gallery).search(query, k=60))
            for gallery in (whole, merged)
        ]
        assert found[0] == found[1]


def test_everything_known_of_an_image_travels(tmp_path):
    one = Gallery.create(tmp_path / "one", SPACE)
    with one.writer() as writer:
        source_id = writer.add_source("folder", "/photos").source_id
        image = NewImage(
            *(source_id, "\udcff.jpg", "hash", 1, 2, 3, 4, "JPEG"),
            *("2020-01-01T00:00:00", "Camera", 1.5, -2.5, {"a": [1]}, 0, "2019-01-01T00:00:00Z"),
        )
        writer.commit(
            images=[image],
            embeddings=np.array([[0.6, 0.8, 0, 0]], dtype=np.float16),
            skipped=[Skipped(source_id, "bad.jpg", 5, 6, "It is damaged.")],
        )
    merged = Gallery.create(tmp_path / "merged", SPACE)

    merge_galleries([one], merged)

    assert told(merged) == told(one)
    assert [(item.path, item.reason) for item in merged.skipped(1)] == [
        ("bad.jpg", "It is damaged.")
    ]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_embeddings_keep_their_bits(tmp_path, dtype):
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((20, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    one = filled(tmp_path / "one", {f"{n}.jpg": row for n, row in enumerate(rows)}, dtype=dtype)
    merged = Gallery.create(tmp_path / "merged", SPACE, dtype=common_space([one])[1])

    merge_galleries([one], merged)

    assert merged.dtype == dtype
    assert told(merged) == told(one)


def test_half_and_whole_precision_are_kept_in_whole(tmp_path):
    half = filled(tmp_path / "half", {"a.jpg": EAST})
    whole = filled(tmp_path / "whole", {"b.jpg": NORTH}, dtype="float32")

    assert common_space([half, whole]) == (SPACE, "float32")


def test_foreign_spaces_are_refused_before_anything_is_written(tmp_path):
    one = filled(tmp_path / "one", {"a.jpg": EAST})
    foreign = filled(
        tmp_path / "two", {"b.jpg": NORTH}, space=EmbeddingSpace("another", 4, encoder="x")
    )
    target = Gallery.create(tmp_path / "target", SPACE)

    with pytest.raises(SpaceMismatch):
        merge_galleries([one, foreign], target)
    with pytest.raises(SpaceMismatch):
        merge_galleries([foreign], target)

    assert target.generation == 0


def test_a_picture_that_two_inputs_hold_is_refused_by_name(tmp_path):
    inputs = [
        filled(tmp_path / "one", {"a.jpg": EAST, "b.jpg": NORTH}),
        filled(tmp_path / "two", {"0.jpg": UP, "b.jpg": NORTH}),
    ]
    target = Gallery.create(tmp_path / "target", SPACE)

    with pytest.raises(GalleryError, match=r"'b\.jpg' is in the gallery .*one, and in .*two"):
        merge_galleries(inputs, target)

    assert target.generation == 0


def test_equal_paths_of_two_sources_are_two_pictures(tmp_path):
    inputs = [
        filled(tmp_path / "one", {"a.jpg": EAST}, source="/one"),
        filled(tmp_path / "two", {"a.jpg": NORTH}, source="/two"),
    ]
    target = Gallery.create(tmp_path / "target", SPACE)

    assert merge_galleries(inputs, target).added == 2
    assert {target.absolute_path(image) for image in target.images()} == {
        os.path.abspath("/one/a.jpg"),
        os.path.abspath("/two/a.jpg"),
    }


def test_other_content_in_the_target_is_refused_and_kept(tmp_path):
    one = filled(tmp_path / "one", {"a.jpg": EAST, "b.jpg": NORTH})
    target = filled(tmp_path / "target", {"b.jpg": UP})
    with target.writer() as writer:
        writer.commit(
            images=[NewImage(1, "b.jpg", "older hash", 1, 2, 3, 4, "PNG", embedding_row=0)],
            embeddings=np.array([UP]),
        )
    before = told(target)

    with pytest.raises(GalleryError, match=r"'b\.jpg' .* with other content"):
        merge_galleries([one], target)

    assert told(target) == before


def test_a_second_merge_finds_everything_there(tmp_path):
    one = filled(tmp_path / "one", {"a.jpg": EAST, "b.jpg": NORTH})
    target = Gallery.create(tmp_path / "target", SPACE)
    merge_galleries([one], target)

    assert merge_galleries([one], target) == MergeReport(already=2)


def test_an_interrupted_merge_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "rows_at_once", lambda dim: 2)
    rows = {f"{number}.jpg": (EAST, NORTH, UP)[number % 3] for number in range(7)}
    one, two = filled(tmp_path / "one", rows), filled(tmp_path / "two", {"x.jpg": UP})
    target = Gallery.create(tmp_path / "target", SPACE)

    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge_galleries([one, two], target, on_progress=interrupt)
    assert len(target) == 4

    told_of = []
    report = merge_galleries([one, two], target, on_progress=lambda *now: told_of.append(now))

    assert (report.already, report.added) == (4, 4)
    assert told_of == [(2, 8), (4, 8), (6, 8), (7, 8), (8, 8)]
    assert told(target) == {**told(one), **told(two)}
    assert target.verify().is_clean


def test_memory_is_asked_for_slice_by_slice(tmp_path, monkeypatch):
    monkeypatch.setattr(merging, "rows_at_once", lambda dim: 3)
    one = filled(tmp_path / "one", {f"{number}.jpg": EAST for number in range(10)})
    target = Gallery.create(tmp_path / "target", SPACE)

    merge_galleries([one], target)

    assert [len(block) for block in target.snapshot().blocks] == [3, 3, 3, 1]


def test_a_gallery_is_not_merged_into_itself(tmp_path):
    one = filled(tmp_path / "one", {"a.jpg": EAST})
    os.symlink(tmp_path / "one", tmp_path / "link")

    with pytest.raises(UsageError, match="into itself"):
        merge_galleries([one], Gallery.open(tmp_path / "link"))
    with pytest.raises(UsageError, match="named twice"):
        merge_galleries(
            [one, Gallery.open(tmp_path / "link")], Gallery.create(tmp_path / "t", SPACE)
        )


def test_a_shard_takes_nothing_in(tmp_path):
    target = Gallery.create(tmp_path / "target", SPACE)
    with target.writer() as writer:
        writer.keep_to_shard("1/2")

    with pytest.raises(UsageError, match="is shard 1/2"):
        merge_galleries([filled(tmp_path / "one", {"a.jpg": EAST})], target)


def test_what_one_input_could_not_read_and_another_could_is_a_picture(tmp_path):
    one, two = filled(tmp_path / "one", {"a.jpg": EAST}), filled(tmp_path / "two", {"b.jpg": UP})
    for gallery, bad in ((one, "b.jpg"), (two, "a.jpg")):
        with gallery.writer() as writer:
            writer.commit(skipped=[Skipped(1, bad, 1, 2, "out of memory")])
    target = Gallery.create(tmp_path / "target", SPACE)

    merge_galleries([one, two], target)

    assert sorted(image.path for image in target.images()) == ["a.jpg", "b.jpg"]
    assert list(target.skipped(1)) == []
    assert target.verify().is_clean


def test_a_merged_gallery_is_updated_as_if_built_whole(photos, encoder, tmp_path):
    photos.add("a.png", 1)
    one = Gallery.create(tmp_path / "one", encoder.space)
    add_images(one, photos.folder, encoder)
    target = Gallery.create(tmp_path / "target", encoder.space)
    merge_galleries([one], target)
    photos.add("b.png", 2)

    report = add_images(target, photos.folder, encoder)

    assert (report.unchanged, report.added, report.embedded) == (1, 1, 1)
    remove_images(target, list(target.images()))
