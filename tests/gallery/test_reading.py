"""Snapshots and what is read beside them."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import (
    GalleryError,
    GalleryNotFound,
    GalleryUnreadable,
    ImageNotInGallery,
)
from lookalike.gallery import Gallery, StaleSnapshot
from lookalike.vectors import EmbeddingSpace

EAST = [1.0, 0.0, 0.0, 0.0]
UP = [0.0, 0.0, 1.0, 0.0]


def add(gallery: Gallery, image: Any, embedding: list[float]) -> None:
    with gallery.writer() as writer:
        writer.commit(images=[image], embeddings=np.array([embedding], dtype=np.float32))


def test_a_snapshot_maps_blocks_in_order(filled: Gallery, picture: Any) -> None:
    add(filled, picture("up.jpg", 0), UP)
    snapshot = filled.snapshot()
    assert snapshot.generation == 3
    assert [block.shape for block in snapshot.blocks] == [(3, 4), (1, 4)]
    assert all(isinstance(block, np.memmap) for block in snapshot.blocks)
    assert {block.dtype for block in snapshot.blocks} == {np.dtype("float16")}
    assert snapshot.blocks[0][0].tolist() == EAST
    assert snapshot.blocks[1][0].tolist() == UP
    assert snapshot.dead.dtype == np.int64
    assert snapshot.rows == 4


def test_segments_are_plain_numpy_files(filled: Gallery) -> None:
    (file,) = (filled.path / "segments").iterdir()
    rows = np.load(file)
    assert rows.shape == (3, 4)
    assert rows[1].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_dead_rows_are_global_and_sorted(filled: Gallery, picture: Any) -> None:
    add(filled, picture("up.jpg", 0), UP)
    with filled.writer() as writer:
        writer.commit(removed=[4])
        writer.commit(removed=[2])
    assert filled.snapshot().dead.tolist() == [1, 3]


def test_images_stand_behind_global_rows(filled: Gallery, picture: Any) -> None:
    add(filled, picture("up.jpg", 0), UP)
    with filled.writer() as writer:
        writer.commit(removed=[2])
    found = filled.images_at(filled.snapshot(), np.array([3, 1, 0]))  # type: ignore[arg-type]
    assert [[image.path for image in images] for images in found] == [
        ["up.jpg"],
        [],
        ["east.jpg"],
    ]


def test_an_old_snapshot_still_finds_what_is_left(filled: Gallery) -> None:
    old = filled.snapshot()
    with filled.writer() as writer:
        writer.commit(removed=[1])
    assert filled.images_at(old, [0]) == [[]]
    assert [image.image_id for image in filled.images_at(old, [1])[0]] == [2]
    assert old.blocks[0][0].tolist() == EAST


def test_a_snapshot_from_before_a_compaction_is_refused_but_stays_readable(
    filled: Gallery,
) -> None:
    old = filled.snapshot()
    with filled.writer() as writer:
        writer.commit(removed=[1])
        writer.compact()
    with pytest.raises(StaleSnapshot, match="shows generation 2, but the gallery was compacted"):
        filled.images_at(old, [0])
    assert old.blocks[0][0].tolist() == EAST
    assert old.dead.tolist() == []


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_is_refused(filled: Gallery, row: int) -> None:
    with pytest.raises(GalleryError, match="rows 0 to 2"):
        filled.images_at(filled.snapshot(), [row])


def test_embeddings_come_back_in_the_order_asked(filled: Gallery) -> None:
    rows = filled.embeddings([3, 1, 3])
    assert rows.dtype == np.float32
    expected = np.float16([[0.6, 0.8, 0, 0], EAST, [0.6, 0.8, 0, 0]]).astype(np.float32)
    np.testing.assert_array_equal(rows, expected)
    assert filled.embeddings([]).shape == (0, 4)


def test_float32_keeps_every_bit(tmp_path: Path, space: EmbeddingSpace, picture: Any) -> None:
    with Gallery.create(tmp_path / "exact", space, dtype="float32") as gallery:
        with gallery.writer() as writer:
            writer.add_source("folder", str(tmp_path))
        add(gallery, picture("x.jpg", 0), [0.6, 0.8, 0.0, 0.0])
        assert gallery.embedding(1).tolist() == np.float32([0.6, 0.8, 0, 0]).tolist()
        assert gallery.snapshot().blocks[0].dtype == np.float32


def test_an_embedding_of_nobody_is_refused(filled: Gallery) -> None:
    with pytest.raises(ImageNotInGallery, match="no image 9"):
        filled.embedding(9)


def test_images_stream_by_source(filled: Gallery, tmp_path: Path, picture: Any) -> None:
    with filled.writer() as writer:
        other = writer.add_source("folder", str(tmp_path / "other"))
    add(filled, picture("up.jpg", 0, source_id=other.source_id), UP)
    assert [image.image_id for image in filled.images()] == [1, 2, 3, 4]
    assert [image.image_id for image in filled.images(source_id=1)] == [1, 2, 3]
    assert [image.image_id for image in filled.images(source_id=other.source_id)] == [4]


def test_a_stream_sees_one_generation(filled: Gallery) -> None:
    stream = filled.images()
    first = next(stream)
    with filled.writer() as writer:
        writer.commit(removed=[2, 3])
    assert filled.generation == 3
    assert [first.image_id, *(image.image_id for image in stream)] == [1, 2, 3]
    assert [image.image_id for image in filled.images()] == [1]


def test_an_image_is_found_by_its_absolute_path(filled: Gallery, photos: Path) -> None:
    found = filled.image_at_path(str(photos / "sub" / ".." / "north.jpg"))
    assert found is not None
    assert found.image_id == 2
    assert filled.absolute_path(found) == str(photos / "north.jpg")
    assert filled.image_at_path(str(photos / "nothing.jpg")) is None
    assert filled.image_at_path("/elsewhere/north.jpg") is None


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_an_image_is_found_through_a_symbolic_link(
    filled: Gallery, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(photos)
    found = filled.image_at_path(str(tmp_path / "link" / "north.jpg"))
    assert found is not None
    assert found.image_id == 2


def test_info_counts(filled: Gallery, picture: Any) -> None:
    with filled.writer() as writer:
        writer.commit(images=[picture("copy.jpg", content_hash="hash of east.jpg")], removed=[2])
    info = filled.info()
    assert (info.images, info.embeddings, info.tombstones, info.segments) == (3, 2, 1, 1)
    assert (info.generation, info.format_version, info.dtype) == (3, 1, "float16")
    assert [(source.source_id, count) for source, count in info.sources] == [(1, 3)]
    assert info.path == filled.path
    assert info.created <= info.updated
    assert info.size_bytes >= (filled.path / "catalog.sqlite").stat().st_size + 3 * 4 * 2


def test_a_missing_segment_is_told(filled: Gallery) -> None:
    (file,) = (filled.path / "segments").iterdir()
    file.unlink()
    with pytest.raises(GalleryUnreadable, match=f"misses the file .*{file.name}"):
        filled.snapshot()
    with pytest.raises(GalleryUnreadable, match="misses the file"):
        filled.embedding(1)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"nonsense" * 100])
def test_a_damaged_segment_is_told(filled: Gallery, content: bytes) -> None:
    (file,) = (filled.path / "segments").iterdir()
    file.write_bytes(content)
    with pytest.raises(GalleryUnreadable, match=file.name):
        filled.snapshot()


def test_a_segment_of_another_shape_is_told(filled: Gallery) -> None:
    (file,) = (filled.path / "segments").iterdir()
    np.save(file, np.zeros((2, 4), dtype=np.float16))
    with pytest.raises(GalleryUnreadable, match=r"should hold float16 \(3, 4\) but holds"):
        filled.snapshot()


def test_many_threads_read_while_one_writes(filled: Gallery, picture: Any) -> None:
    """Each reader sees whole commits only: rows and images of a generation agree."""
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                snapshot = filled.snapshot()
                try:
                    found = filled.images_at(snapshot, range(snapshot.rows))
                except StaleSnapshot:
                    continue
                empty = [row for row, images in enumerate(found) if not images]
                assert set(snapshot.dead.tolist()) <= set(empty)
                assert len(filled.embeddings([1])) == 1
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with filled.writer() as writer:
        for number in range(30):
            image = picture(f"{number}.jpg", 0)
            writer.commit(images=[image], embeddings=np.array([UP], dtype=np.float32))
            writer.commit(removed=[4 + number])
            if number % 10 == 9:
                writer.compact()
    stop.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert len(filled) == 3


def test_a_gallery_that_is_gone_is_told(filled: Gallery, tmp_path: Path) -> None:
    filled.path.rename(tmp_path / "elsewhere")
    with pytest.raises(GalleryNotFound, match="moved or removed"):
        filled.image(1)
    (tmp_path / "elsewhere").rename(filled.path)
    assert filled.image(1).image_id == 1


def test_another_gallery_in_its_place_is_never_read(
    filled: Gallery, space: EmbeddingSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.path.rename(tmp_path / "elsewhere")
    monkeypatch.setattr("lookalike.gallery.catalog.now_utc", lambda: "2001-01-01T00:00:00Z")
    Gallery.create(filled.path, space).close()
    with pytest.raises(GalleryUnreadable, match="Another gallery has taken the place"):
        filled.image(1)


def test_a_copy_in_its_place_is_the_same_gallery(
    filled: Gallery, picture: Any, tmp_path: Path
) -> None:
    """As rsync leaves it: another file, and the same gallery, with more in it."""
    shutil.copytree(filled.path, tmp_path / "copy")
    with Gallery.open(tmp_path / "copy") as copy:
        add(copy, picture("up.jpg", 0), UP)
    filled.path.rename(tmp_path / "elsewhere")
    (tmp_path / "copy").rename(filled.path)
    assert (len(filled), filled.generation) == (4, 3)
