"""What is noted of files that are left out, also in galleries from before there was a column."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from lookalike.errors import GalleryError
from lookalike.gallery import Gallery, Skipped

OLDER = """
DROP TABLE skipped;
CREATE TABLE skipped (
    source_id INTEGER NOT NULL REFERENCES sources (source_id),
    path NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (source_id, path)
) WITHOUT ROWID;
INSERT INTO skipped VALUES (1, 'old.jpg', 5, 6, 'It is damaged.', '2026-01-01T00:00:00Z');
"""
OLD = Skipped(1, "old.jpg", 5, 6, "It is damaged.")
REMOVED = Skipped(1, "removed.jpg", 7, 8, "It was removed.", "hash of it")


@pytest.fixture
def older(filled: Gallery) -> Gallery:
    """A gallery as it was made before what skipped files held had a column."""
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as catalog:
        catalog.executescript(OLDER)
    return filled


def columns_of(gallery: Gallery) -> list[str]:
    with closing(sqlite3.connect(gallery.path / "catalog.sqlite")) as catalog:
        return [name for _, name, *_ in catalog.execute("PRAGMA table_info(skipped)")]


def test_what_a_file_held_is_kept(filled: Gallery) -> None:
    with filled.writer() as writer:
        writer.commit(skipped=[OLD, REMOVED])
        assert writer.skipped(1) == {"old.jpg": OLD, "removed.jpg": REMOVED}

    assert list(filled.skipped(1)) == [OLD, REMOVED]
    assert filled.known_files(1, ["removed.jpg"]).skipped == {"removed.jpg": REMOVED}


def test_a_later_note_forgets_it(filled: Gallery) -> None:
    with filled.writer() as writer:
        writer.commit(skipped=[REMOVED])
        writer.commit(skipped=[Skipped(1, "removed.jpg", 5, 6, "It is damaged.")])

    assert [item.content_hash for item in filled.skipped(1)] == [None]


def test_an_older_gallery_is_read_as_it_is(older: Gallery) -> None:
    assert list(older.skipped(1)) == [OLD]
    assert older.known_files(1, [""]).skipped == {"old.jpg": OLD}
    with older.writer() as writer:
        writer.commit(skipped=[Skipped(1, "other.jpg", 5, 6, "It is damaged.")])
        assert list(writer.skipped(1)) == ["old.jpg", "other.jpg"]

    assert "content_hash" not in columns_of(older)


def test_an_older_gallery_gets_the_column_when_it_needs_it(older: Gallery) -> None:
    with Gallery.open(older.path) as reader:
        assert list(reader.skipped(1)) == [OLD]
        with older.writer() as writer:
            writer.commit(skipped=[REMOVED])
        assert list(reader.skipped(1)) == [OLD, REMOVED]

    assert columns_of(older)[-1] == "content_hash"
    assert older.verify().is_clean


def test_the_column_comes_with_the_whole_change_or_not_at_all(older: Gallery) -> None:
    (image, *_) = older.images()
    with older.writer() as writer, pytest.raises(GalleryError, match="cannot be noted as skipped"):
        writer.commit(skipped=[REMOVED, Skipped(1, image.path, 1, 2, "It is an image.")])

    assert "content_hash" not in columns_of(older)
