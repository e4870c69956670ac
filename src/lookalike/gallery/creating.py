"""Making a gallery so that it is there whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from lookalike.errors import GalleryError, UsageError
from lookalike.gallery import failures
from lookalike.gallery.catalog import DTYPES, SCHEMA, write_settings
from lookalike.gallery.finding import CATALOG, is_gallery
from lookalike.gallery.locking import LOCK, PID, WriterLock
from lookalike.gallery.segments import SEGMENTS, flush_folder
from lookalike.vectors import EmbeddingSpace

__all__ = ["create_folder"]

UNFINISHED = f"{CATALOG}.new"

# Another process may be making the same gallery: that takes milliseconds.
CREATE_TIMEOUT_S = 10.0


def create_folder(gallery: Path, space: EmbeddingSpace, *, dtype: str, exist_ok: bool) -> None:
    """Make an empty gallery.

    The catalog is written under another name and renamed when it is whole, so
    a kill leaves either a gallery or a folder where one can be made.

    Raises:
        UsageError: The dtype is unknown.
        GalleryError: There is one already (unless ``exist_ok``), or other files.
        GalleryReadOnly, StorageFull: The folder cannot be written.
    """
    if dtype not in DTYPES:
        raise UsageError(f"A gallery stores dtype 'float16' or 'float32', not {dtype!r}.")
    is_new = not os.path.lexists(gallery)
    try:
        with failures.writing(gallery):
            _refuse_other_files(gallery)
            (gallery / SEGMENTS).mkdir(parents=True, exist_ok=True)
            _create_locked(gallery, space, dtype=dtype, exist_ok=exist_ok)
    except BaseException:
        if is_new and not is_gallery(gallery):
            _remove_remains(gallery)
        raise


def _create_locked(gallery: Path, space: EmbeddingSpace, *, dtype: str, exist_ok: bool) -> None:
    lock = WriterLock(gallery, timeout_s=CREATE_TIMEOUT_S)
    try:
        if is_gallery(gallery):
            if exist_ok:
                return
            raise GalleryError(
                f"A gallery cannot be made at {gallery}, since there is one already: "
                f"open it, or name another folder."
            )
        _write_catalog(gallery, space, dtype)
    finally:
        lock.release()


def _write_catalog(gallery: Path, space: EmbeddingSpace, dtype: str) -> None:
    _remove_unfinished(gallery)
    unfinished = gallery / UNFINISHED
    with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN;{SCHEMA}")
        write_settings(connection, space, dtype)
        connection.execute("COMMIT")
    with open(unfinished, "rb+") as file:  # Windows flushes only what is open for writing
        os.fsync(file.fileno())
    os.rename(unfinished, gallery / CATALOG)
    flush_folder(gallery)
    with suppress(PermissionError):  # the folder above may be closed to listing
        flush_folder(gallery.parent)


def _refuse_other_files(gallery: Path) -> None:
    """Keep out of folders that hold something else, and of half a gallery."""
    if is_gallery(gallery) or not os.path.lexists(gallery):
        return
    if not gallery.is_dir():
        raise GalleryError(
            f"A gallery cannot be made at {gallery}, since a file lies there: name a folder."
        )
    ours = {SEGMENTS, LOCK, PID}
    foreign = sorted(
        entry.name
        for entry in os.scandir(gallery)
        if entry.name not in ours and not entry.name.startswith(UNFINISHED)
    )
    foreign += [f"{SEGMENTS}/{name}" for name in _listed(gallery / SEGMENTS)[:1]]
    if foreign:
        raise GalleryError(
            f"A gallery cannot be made at {gallery}, since the folder holds other files "
            f"({foreign[0]!r}): name a new or empty folder."
        )


def _listed(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def _remove_unfinished(gallery: Path) -> None:
    for path in gallery.glob(f"{UNFINISHED}*"):
        path.unlink()


def _remove_remains(gallery: Path) -> None:
    with suppress(OSError):
        _remove_unfinished(gallery)
        (gallery / SEGMENTS).rmdir()
        (gallery / LOCK).unlink(missing_ok=True)
        gallery.rmdir()
