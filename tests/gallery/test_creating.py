"""Making, opening and finding galleries."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lookalike.errors import (
    GalleryError,
    GalleryNotFound,
    GalleryTooNew,
    GalleryUnreadable,
    SpaceMismatch,
    UsageError,
)
from lookalike.gallery import Gallery, find_gallery, is_gallery
from lookalike.vectors import EmbeddingSpace


def change_setting(gallery: Path, key: str, value: object) -> None:
    with closing(sqlite3.connect(gallery / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE settings SET value = ? WHERE key = ?", (value, key))


def test_a_new_gallery_is_empty_and_knows_its_space(tmp_path: Path, space: EmbeddingSpace) -> None:
    with Gallery.create(tmp_path / "new" / "photos.gallery", space, dtype="float32") as gallery:
        assert len(gallery) == 0
        assert gallery.generation == 0
        assert gallery.space == space
        assert gallery.space.encoder == "tests"
        assert gallery.dtype == "float32"
        assert gallery.path == tmp_path / "new" / "photos.gallery"
        assert gallery.snapshot().blocks == ()
        assert gallery.verify().is_clean


def test_a_gallery_reads_the_same_when_opened_again(filled: Gallery) -> None:
    with Gallery.open(filled.path) as again:
        assert again.space == filled.space
        assert list(again.images()) == list(filled.images())
        assert again.generation == 2


def test_the_schema_explains_itself(gallery: Gallery) -> None:
    with closing(sqlite3.connect(gallery.path / "catalog.sqlite")) as catalog:
        schema = "\n".join(
            row[0] for row in catalog.execute("SELECT sql FROM sqlite_master") if row[0]
        )
    assert "-- Rows of segments that no image names any more." in schema


def test_opening_nothing_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound, match="lookalike index FOLDER"):
        Gallery.open(tmp_path / "missing")


def test_opening_an_empty_folder_finds_no_gallery(tmp_path: Path) -> None:
    with pytest.raises(GalleryNotFound):
        Gallery.open(tmp_path)


def test_creating_twice_is_refused(gallery: Gallery, space: EmbeddingSpace) -> None:
    with pytest.raises(GalleryError, match="there is one already"):
        Gallery.create(gallery.path, space)


def test_creating_among_other_files_is_refused(tmp_path: Path, space: EmbeddingSpace) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(GalleryError, match=r"holiday\.jpg"):
        Gallery.create(tmp_path, space)
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_a_log_without_its_catalog_is_not_built_upon(tmp_path: Path, space: EmbeddingSpace) -> None:
    (tmp_path / "catalog.sqlite-wal").write_bytes(b"changes of a lost catalog")
    with pytest.raises(GalleryError, match=r"catalog\.sqlite-wal"):
        Gallery.create(tmp_path, space)


def test_creating_where_a_file_lies_is_refused(tmp_path: Path, space: EmbeddingSpace) -> None:
    (tmp_path / "photos").touch()
    with pytest.raises(GalleryError, match="a file lies there"):
        Gallery.create(tmp_path / "photos", space)


def test_an_unknown_dtype_is_refused(tmp_path: Path, space: EmbeddingSpace) -> None:
    with pytest.raises(UsageError, match="float64"):
        Gallery.create(tmp_path / "g", space, dtype="float64")
    assert not (tmp_path / "g").exists()


def test_open_or_create_makes_then_opens(tmp_path: Path, space: EmbeddingSpace) -> None:
    with Gallery.open_or_create(tmp_path / "g", space) as made:
        created = made.info().created
    with Gallery.open_or_create(tmp_path / "g", space, dtype="float32") as opened:
        assert opened.info().created == created
        assert opened.dtype == "float16"


def test_another_space_is_refused(gallery: Gallery) -> None:
    with pytest.raises(SpaceMismatch, match="make a new gallery"):
        Gallery.open_or_create(gallery.path, EmbeddingSpace("another", 4))


def test_a_newer_format_is_refused(gallery: Gallery) -> None:
    change_setting(gallery.path, "format_version", 2)
    with pytest.raises(GalleryTooNew, match="install the newer Lookalike"):
        Gallery.open(gallery.path)


@pytest.mark.parametrize(("key", "value"), [("dim", "many"), ("dtype", "int8"), ("dim", 0)])
def test_settings_without_sense_are_refused(gallery: Gallery, key: str, value: object) -> None:
    change_setting(gallery.path, key, value)
    with pytest.raises(GalleryUnreadable, match="settings"):
        Gallery.open(gallery.path)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_catalog_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(content)
    with pytest.raises(GalleryUnreadable, match="cannot be read"):
        Gallery.open(tmp_path)


def test_a_missing_table_is_refused(gallery: Gallery) -> None:
    with closing(sqlite3.connect(gallery.path / "catalog.sqlite")) as catalog:
        catalog.execute("DROP TABLE settings")
    with pytest.raises(GalleryUnreadable, match="no such table"):
        Gallery.open(gallery.path)


def test_a_closed_gallery_says_so(gallery: Gallery) -> None:
    gallery.close()
    with pytest.raises(GalleryError, match="is closed"):
        len(gallery)


def test_closing_leaves_a_catalog_without_a_log(filled: Gallery) -> None:
    filled.close()
    names = sorted(os.listdir(filled.path))
    assert names == ["catalog.sqlite", "segments", "writer.lock"]


def test_the_nearest_gallery_above_is_found(tmp_path: Path, space: EmbeddingSpace) -> None:
    inner = tmp_path / "photos" / "2024" / "june"
    inner.mkdir(parents=True)
    (inner / ".lookalike").mkdir()  # a folder of that name is not a gallery yet
    Gallery.create(tmp_path / "photos" / ".lookalike", space).close()
    assert find_gallery(inner) == tmp_path / "photos" / ".lookalike"
    assert find_gallery(tmp_path / "photos") == tmp_path / "photos" / ".lookalike"
    assert find_gallery(tmp_path) is None
    assert is_gallery(tmp_path / "photos" / ".lookalike")
    assert not is_gallery(inner / ".lookalike")


def test_a_gallery_whose_name_is_no_utf8_works(tmp_path: Path, space: EmbeddingSpace) -> None:
    path = os.path.join(tmp_path, os.fsdecode(b"caf\xe9 100%?#.gallery"))
    with Gallery.create(path, space) as gallery, gallery.writer() as writer:
        source = writer.add_source("folder", path)
        assert source.location == path
    with Gallery.open(path) as again:
        assert [found.location for found in again.sources()] == [path]
