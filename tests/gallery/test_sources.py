"""Where sources are, also after folders moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryError
from lookalike.gallery import Gallery, Skipped, SourceRecord
from lookalike.vectors import EmbeddingSpace

EAST = np.array([[1.0, 0.0, 0.0, 0.0]], dtype=np.float32)


def with_source(path: Path, space: EmbeddingSpace, kind: str, location: Path) -> None:
    with Gallery.create(path, space) as gallery, gallery.writer() as writer:
        writer.add_source(kind, str(location))


def locations(path: Path) -> list[str]:
    with Gallery.open(path) as gallery:
        return [source.location for source in gallery.sources()]


def test_a_source_is_added_once(gallery: Gallery, photos: Path) -> None:
    with gallery.writer() as writer:
        first = writer.add_source("folder", str(photos))
        again = writer.add_source("folder", f"{photos}{os.sep}")
    assert first == again == SourceRecord(1, "folder", str(photos))
    assert gallery.sources() == (first,)
    assert gallery.generation == 1


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_link_to_a_source_is_the_same_source(
    gallery: Gallery, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(photos)
    with gallery.writer() as writer:
        first = writer.add_source("folder", str(photos))
        assert writer.add_source("folder", str(tmp_path / "link")) == first


def test_a_relative_location_is_refused(gallery: Gallery) -> None:
    with gallery.writer() as writer, pytest.raises(GalleryError, match="absolute location"):
        writer.add_source("folder", "photos")


def test_a_gallery_inside_its_source_moves_with_it(photos: Path, space: EmbeddingSpace) -> None:
    with_source(photos / ".lookalike", space, "folder", photos)
    moved = photos.rename(photos.parent / "moved")
    photos.mkdir()  # what lies at the old place now is not the source
    assert locations(moved / ".lookalike") == [str(moved)]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_location_is_spelled_as_the_gallery_is(
    photos: Path, tmp_path: Path, space: EmbeddingSpace
) -> None:
    link = tmp_path / "link"
    link.symlink_to(photos)
    with_source(link / ".lookalike", space, "folder", link)
    assert locations(link / ".lookalike") == [str(link)]
    assert locations(photos / ".lookalike") == [str(photos)]


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_a_gallery_linked_into_its_source_is_not_inside(
    photos: Path, tmp_path: Path, space: EmbeddingSpace
) -> None:
    Gallery.create(tmp_path / "far" / "g", space).close()
    (photos / ".lookalike").symlink_to(tmp_path / "far" / "g")
    with Gallery.open(photos / ".lookalike") as gallery, gallery.writer() as writer:
        writer.add_source("folder", str(photos))
    assert locations(photos / ".lookalike") == [str(photos)]
    assert locations(tmp_path / "far" / "g") == [str(photos)]


def test_a_gallery_beside_its_source_may_move_alone(
    photos: Path, tmp_path: Path, space: EmbeddingSpace
) -> None:
    with_source(tmp_path / "g", space, "folder", photos)
    (tmp_path / "deep").mkdir()
    (tmp_path / "g").rename(tmp_path / "deep" / "g")
    assert locations(tmp_path / "deep" / "g") == [str(photos)]


def test_gallery_and_source_may_move_together(tmp_path: Path, space: EmbeddingSpace) -> None:
    (tmp_path / "old" / "photos").mkdir(parents=True)
    with_source(tmp_path / "old" / "g", space, "folder", tmp_path / "old" / "photos")
    (tmp_path / "old").rename(tmp_path / "new")
    assert locations(tmp_path / "new" / "g") == [str(tmp_path / "new" / "photos")]


def test_a_source_that_is_gone_keeps_its_absolute_location(
    photos: Path, tmp_path: Path, space: EmbeddingSpace
) -> None:
    with_source(tmp_path / "g", space, "folder", photos)
    photos.rmdir()
    assert locations(tmp_path / "g") == [str(photos)]


def test_a_pattern_moves_with_its_folder(tmp_path: Path, space: EmbeddingSpace) -> None:
    (tmp_path / "old" / "photos").mkdir(parents=True)
    pattern = tmp_path / "old" / "photos" / "20*" / "*.jpg"
    with_source(tmp_path / "old" / "g", space, "glob", pattern)
    assert locations(tmp_path / "old" / "g") == [str(pattern)]
    (tmp_path / "old").rename(tmp_path / "new")
    assert locations(tmp_path / "new" / "g") == [str(tmp_path / "new" / "photos/20*/*.jpg")]


@pytest.mark.parametrize(
    ("kind", "location", "path"),
    [
        ("folder", "photos", "photos/2024/a.jpg"),
        ("glob", "photos/20*/*.jpg", "photos/2024/a.jpg"),
        ("list", "photos/list.txt", "photos/2024/a.jpg"),
    ],
)
def test_paths_are_relative_to_the_folder_of_the_source(
    gallery: Gallery, tmp_path: Path, picture: Any, kind: str, location: str, path: str
) -> None:
    with gallery.writer() as writer:
        writer.add_source(kind, str(tmp_path / location))
        writer.commit(images=[picture("2024/a.jpg", 0)], embeddings=EAST)
    found = gallery.image_at_path(str(tmp_path / path))
    assert found == gallery.image(1)
    assert gallery.absolute_path(gallery.image(1)) == str(tmp_path / path)


def test_a_list_may_name_absolute_paths(gallery: Gallery, tmp_path: Path, picture: Any) -> None:
    elsewhere = str(tmp_path / "elsewhere" / "a.jpg")
    with gallery.writer() as writer:
        writer.add_source("list", str(tmp_path / "lists" / "list.txt"))
        writer.commit(images=[picture(elsewhere.replace(os.sep, "/"), 0)], embeddings=EAST)
    assert gallery.image_at_path(elsewhere) == gallery.image(1)
    assert gallery.absolute_path(gallery.image(1)) == elsewhere


def test_a_removed_source_takes_its_images_along(
    filled: Gallery, tmp_path: Path, picture: Any
) -> None:
    with filled.writer() as writer:
        other = writer.add_source("folder", str(tmp_path / "other"))
        copy = picture("copy.jpg", source_id=other.source_id, content_hash="hash of east.jpg")
        writer.commit(images=[copy], skipped=[Skipped(1, "broken.jpg", 1, 1, "it is empty")])
        assert writer.remove_source(1) == 3
        assert writer.skipped(1) == {}
    assert [image.image_id for image in filled.images()] == [4]
    assert filled.sources() == (other,)
    assert filled.snapshot().dead.tolist() == [1, 2]
    assert filled.embedding(4).tolist() == EAST[0].tolist()
    assert filled.verify().is_clean


def test_removing_an_unknown_source_is_refused(filled: Gallery) -> None:
    with filled.writer() as writer, pytest.raises(GalleryError, match="no source 9"):
        writer.remove_source(9)


def test_a_source_is_elsewhere_from_one_commit_on(filled: Gallery, tmp_path: Path) -> None:
    before, generation = list(filled.images()), filled.generation
    with filled.writer() as writer:
        with pytest.raises(GalleryError, match="no source 9"):
            writer.move_source(9, str(tmp_path / "new"))
        with pytest.raises(GalleryError, match="absolute location"):
            writer.move_source(1, "new")
        moved = writer.move_source(1, f"{tmp_path / 'new'}{os.sep}")
    assert moved == SourceRecord(1, "folder", str(tmp_path / "new"))
    assert filled.sources() == (moved,)
    assert list(filled.images()) == before
    assert filled.absolute_path(before[0]) == str(tmp_path / "new" / before[0].path)
    assert filled.generation == generation + 1
    assert filled.verify().is_clean
