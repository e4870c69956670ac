"""Galleries that came from strangers: nothing outside of them is changed or deleted."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryReadOnly, GalleryUnreadable
from lookalike.gallery import Gallery
from lookalike.gallery.strangers import WRITTEN
from lookalike.search.published import build_lock

UP = np.array([[0.0, 0.0, 1.0, 0.0]], dtype=np.float32)

# What begins and ends a rollback journal, and the pages of a catalog (sqlite.org/fileformat).
MAGIC = bytes([0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7])
SECTOR, PAGE, LOCK_PAGE = 512, 4096, 0x40000000 // 4096 + 1


def lead_elsewhere(place: Path, elsewhere: Path) -> None:
    """Put a link in the place of a file or a folder, to a copy of it or to nothing."""
    if place.exists():
        shutil.move(place, elsewhere)
    place.symlink_to(elsewhere)


def contents(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def journal_that_deletes(file: Path, catalog: Path) -> bytes:
    """Make a journal without pages that belongs to a larger change, which ``file`` tells of."""
    pages = catalog.stat().st_size // PAGE
    head = MAGIC + struct.pack(">IIIII", 0, 0, pages, SECTOR, PAGE)
    name = os.fsencode(file)
    end = struct.pack(">II", len(name), sum(name)) + MAGIC
    return head.ljust(SECTOR, b"\0") + struct.pack(">I", LOCK_PAGE) + name + end


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of the user, with what a careless writer would sweep."""
    folder = tmp_path / "mine"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_written_through_a_link(
    filled: Gallery, mine: Path, picture: Any, name: str
) -> None:
    filled.close()
    lead_elsewhere(filled.path / name, mine / "theirs")
    if name == "segments":
        (mine / "theirs" / "00000009-aaaaaaaa.npy").write_text("swept by a writer")
    before = contents(mine)

    with Gallery.open(filled.path) as gallery:
        for write in (gallery.writer, build_lock(gallery).__enter__):
            with pytest.raises(GalleryReadOnly, match=rf"since {name} in it is a link"):
                write()

    assert contents(mine) == before


def test_a_link_that_comes_while_a_writer_is_at_work_is_not_followed(
    filled: Gallery, mine: Path, picture: Any
) -> None:
    with filled.writer() as writer:
        lead_elsewhere(filled.path / "segments", mine / "theirs")
        before = contents(mine)
        with pytest.raises(GalleryReadOnly):
            writer.commit(images=[picture("new.jpg", 0)], embeddings=UP)
        assert contents(mine) == before


def test_a_gallery_is_not_made_around_a_link(tmp_path: Path, mine: Path, space: Any) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "segments").symlink_to(mine)
    with pytest.raises(GalleryReadOnly, match="segments in it is a link"):
        Gallery.create(tmp_path / "g", space)


def test_a_gallery_with_a_link_can_be_read(filled: Gallery, mine: Path) -> None:
    lead_elsewhere(filled.path / "segments", mine / "theirs")
    with Gallery.open(filled.path) as gallery:
        assert gallery.embedding(1).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_folder_that_a_link_leads_to_is_written(
    filled: Gallery, tmp_path: Path, picture: Any
) -> None:
    (tmp_path / "link").symlink_to(filled.path)
    with Gallery.open(tmp_path / "link") as gallery, gallery.writer() as writer:
        writer.commit(images=[picture("new.jpg", 0)], embeddings=UP)
    assert len(filled) == 4


@pytest.mark.parametrize("is_linked", [False, True])
def test_sqlite_deletes_nothing_that_a_journal_names(
    filled: Gallery, mine: Path, is_linked: bool
) -> None:
    """Even who only reads would undo the journal, and delete what it says it is part of."""
    filled.close()
    precious = mine / "precious.txt"
    precious.write_text("of years")
    catalog = filled.path / "catalog.sqlite"
    if is_linked:
        lead_elsewhere(catalog, filled.path / "theirs.sqlite")
        catalog = filled.path / "theirs.sqlite"
    journal = Path(f"{catalog}-journal")
    journal.write_bytes(journal_that_deletes(precious, catalog))

    with pytest.raises(GalleryUnreadable, match="-journal: no Lookalike leaves one"):
        Gallery.open(filled.path)

    assert precious.read_text() == "of years"


def test_a_writer_does_not_heed_a_journal_either(filled: Gallery, mine: Path) -> None:
    precious = mine / "precious.txt"
    precious.write_text("of years")
    catalog = filled.path / "catalog.sqlite"
    assert len(filled) == 3  # opened before the journal came
    filled.writer().close()
    Path(f"{catalog}-journal").write_bytes(journal_that_deletes(precious, catalog))

    with pytest.raises(GalleryUnreadable):
        filled.writer()

    assert precious.read_text() == "of years"


@pytest.mark.parametrize("end", ["-wal", "-shm"])
def test_a_reader_leaves_alone_what_a_linked_log_leads_to(
    filled: Gallery, mine: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """SQLite before 3.39 follows the link, and empties the file when a reader leaves."""
    filled.close()
    precious = mine / "precious.txt"
    precious.write_text("of years")
    (filled.path / f"catalog.sqlite{end}").symlink_to(precious)
    opened: list[str] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda place, **given: opened.append(place) or connect(place, **given)
    )

    with Gallery.open(filled.path) as gallery:
        assert len(gallery) == 3

    beside = [uri for uri in opened if filled.path.name in uri]
    assert all(uri.endswith("immutable=1") for uri in beside)
    assert precious.read_text() == "of years"


def test_functions_that_reach_beyond_a_catalog_are_not_for_its_views(filled: Gallery) -> None:
    with filled._pool.transaction() as connection:
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    with filled.writer() as writer:
        assert writer._connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("file", "/dev/zero"),
        ("file", "../../mine.npy"),
        ("file", b"00000002-00000000.npy\xff"),
        ("rows", "many"),
        ("rows", -3),
        ("size_bytes", "much"),
    ],
)
def test_a_catalog_that_names_no_segment_is_refused(
    filled: Gallery, column: str, value: object
) -> None:
    filled.close()
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as connection, connection:
        connection.execute(f"UPDATE segments SET {column} = ?", (value,))

    with Gallery.open(filled.path) as gallery:
        with pytest.raises(GalleryUnreadable, match="is no segment"):
            gallery.snapshot()
        assert "is no segment" in "".join(gallery.verify().problems)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_among_the_segments_is_not_waited_for(filled: Gallery) -> None:
    (segment,) = (filled.path / "segments").iterdir()
    segment.unlink()
    os.mkfifo(segment)
    filled.close()
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE segments SET size_bytes = 0")

    with Gallery.open(filled.path) as gallery:
        with pytest.raises(GalleryUnreadable, match="no regular file"):
            gallery.snapshot()
        assert "no regular file" in "".join(gallery.verify().problems)
