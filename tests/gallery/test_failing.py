"""Disks that are full or cannot be written, and calls that fail on the way."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryError, GalleryReadOnly, LookalikeError, StorageFull
from lookalike.gallery import Gallery, GalleryWriter, segments, writing
from lookalike.vectors import EmbeddingSpace

SCRIPT = Path(__file__).with_name("dying_writer.py")
UP = np.array([[0.0, 0.0, 1.0, 0.0]], dtype=np.float32)


def unit_rows(count: int) -> Any:
    rows = np.random.default_rng(1).standard_normal((count, 4)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def writer(filled: Gallery) -> Iterator[GalleryWriter]:
    with filled.writer() as opened:
        yield opened


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EFBIG, StorageFull),
        (errno.EROFS, GalleryReadOnly),
        (errno.EACCES, GalleryReadOnly),
        (errno.EIO, GalleryError),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failing_call_leaves_the_gallery_as_it_was(
    filled: Gallery,
    writer: GalleryWriter,
    picture: Any,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
    expected: type[LookalikeError],
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(segments.os, call, failing(code))
        with pytest.raises(expected, match=r"as it was|cannot be written"):
            writer.commit(images=[picture("up.jpg", 0)], embeddings=UP, removed=[1])
    assert filled.generation == 2
    assert len(filled) == 3
    report = filled.verify()
    assert (report.problems, report.leftovers) == ((), ())
    assert writer.commit(images=[picture("up.jpg", 0)], embeddings=UP, removed=[1]) == 3


def test_a_catalog_that_finds_the_disk_full_is_as_it_was(
    filled: Gallery, writer: GalleryWriter, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(writing, "apply_change", full)
        with pytest.raises(StorageFull, match="free some space"):
            writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)
    assert filled.verify().leftovers == ()
    assert writer.commit(images=[picture("up.jpg", 0)], embeddings=UP) == 3


@pytest.mark.parametrize("moment", ["before", "after"])
def test_ctrl_c_around_the_commit_leaves_whole_changes(
    filled: Gallery,
    writer: GalleryWriter,
    picture: Any,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    commit = writer._commit

    def interrupted() -> int:
        if moment == "after":
            commit()
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)
    assert len(filled) == (4 if moment == "after" else 3)
    report = filled.verify()
    assert (report.problems, report.leftovers) == ((), ())


def test_a_full_disk_takes_nothing_and_loses_nothing(
    mount: Callable[..., Path], space: EmbeddingSpace, picture: Any
) -> None:
    disk = mount("small", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with Gallery.create(disk / "g", space) as gallery:
        added = fill(gallery, picture)
        assert len(gallery) == added
        report = gallery.verify()
        assert (report.problems, report.leftovers) == ((), ())
    with Gallery.open(disk / "g") as again:
        assert len(again) == added


def fill(gallery: Gallery, picture: Any) -> int:
    """Commit until there is no room; says how many images went in."""
    added = 0
    with gallery.writer() as writer:
        writer.add_source("folder", str(gallery.path.parent))
        try:
            while True:
                images = [picture(f"{added + row}.jpg", row) for row in range(50)]
                writer.commit(images=images, embeddings=unit_rows(50))
                added += 50
        except StorageFull:
            return added


def test_a_disk_without_a_byte_left_can_still_be_read(
    mount: Callable[..., Path], space: EmbeddingSpace, picture: Any
) -> None:
    disk = mount("small", "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    with Gallery.create(disk / "g", space) as gallery, gallery.writer() as writer:
        writer.add_source("folder", str(disk))
        writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)
    exhaust(disk / "filler")
    with Gallery.open(disk / "g") as gallery:
        assert gallery.snapshot().blocks[0].tolist() == UP.tolist()
        with pytest.raises(StorageFull), gallery.writer() as writer:
            writer.commit(images=[picture("more.jpg", 0)], embeddings=UP)
        (disk / "filler").unlink()
        with gallery.writer() as writer:
            writer.commit(images=[picture("more.jpg", 0)], embeddings=UP)
        assert len(gallery) == 2
        assert gallery.verify().is_clean


def exhaust(path: Path) -> None:
    with open(path, "wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue


def test_creating_on_a_full_disk_leaves_nothing(
    mount: Callable[..., Path], space: EmbeddingSpace
) -> None:
    disk = mount("small", "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    exhaust(disk / "filler")
    with pytest.raises(StorageFull, match="no room left"):
        Gallery.create(disk / "g", space)
    assert os.listdir(disk) == ["filler"]


def test_a_file_size_limit_is_a_full_disk(
    filled: Gallery, writer: GalleryWriter, picture: Any
) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    catalog_bytes = (filled.path / "catalog.sqlite").stat().st_size
    images = [picture(f"{row}.jpg", row) for row in range(3000)]
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (catalog_bytes + 65536, hard))
        with pytest.raises(StorageFull):  # the segment fits, the log does not
            writer.commit(images=images, embeddings=unit_rows(3000))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        with pytest.raises(StorageFull):  # the segment does not fit
            writer.commit(images=images, embeddings=unit_rows(3000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(filled) == 3
    report = filled.verify()
    assert (report.problems, report.leftovers) == ((), ())
    writer.commit(images=images, embeddings=unit_rows(3000))
    assert len(filled) == 3003


def test_a_read_only_file_system_can_be_read_and_not_written(
    mount: Callable[..., Path], filled: Gallery
) -> None:
    filled.close()
    place = read_only(mount, filled.path)
    with Gallery.open(place) as gallery:
        assert [image.path for image in gallery.images()] == [
            "east.jpg",
            "north.jpg",
            "between.jpg",
        ]
        assert gallery.snapshot().rows == 3
        assert gallery.verify().is_clean
        with pytest.raises(GalleryReadOnly, match="Read-only file system"):
            gallery.writer()
    with pytest.raises(GalleryReadOnly):
        Gallery.create(place / "inner", filled.space)


def read_only(mount: Callable[..., Path], folder: Path) -> Path:
    mount("read-only", "--bind", str(folder))
    return mount("read-only", "-o", "remount,bind,ro")


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_log_on_a_read_only_file_system_is_read_as_well(
    mount: Callable[..., Path],
    filled: Gallery,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled.close()
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    command = [sys.executable, str(SCRIPT), str(filled.path), "leave log"]
    subprocess.run(command, check=False, capture_output=True)
    assert (filled.path / "catalog.sqlite-wal").stat().st_size > 0
    (filled.path / "catalog.sqlite-shm").unlink()
    with Gallery.open(read_only(mount, filled.path)) as gallery:
        assert [image.path for image in gallery.images()][-1] == "late.jpg"
        assert gallery.verify().is_clean
        assert len(os.listdir(scratch)) == 1  # a copy, where SQLite may replay the log
    assert os.listdir(scratch) == []


def test_a_gallery_that_turns_writable_is_read_afresh(
    mount: Callable[..., Path], filled: Gallery
) -> None:
    filled.close()
    place = read_only(mount, filled.path)
    with Gallery.open(place) as reader:
        assert len(reader) == 3
        with Gallery.open(filled.path) as elsewhere, elsewhere.writer() as writer:
            writer.commit(removed=[1])
            assert len(reader) == 2
        assert len(reader) == 2


def test_a_lost_segments_folder_is_made_again(gallery: Gallery, photos: Path, picture: Any) -> None:
    shutil.rmtree(gallery.path / "segments")  # empty, so some tools do not copy it
    with gallery.writer() as writer:
        writer.add_source("folder", str(photos))
        writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)
    assert gallery.verify().is_clean
