"""Failures of the operating system and of SQLite, told as Lookalike's errors."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.errors import (
    GalleryError,
    GalleryLocked,
    GalleryReadOnly,
    GalleryUnreadable,
    LookalikeError,
    StorageFull,
)
from lookalike.gallery.strangers import refuse_links

__all__ = ["reading", "require_writable", "writing"]

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}

# SQLite reports a quota, a file size limit or a full disk under its shared
# memory file with these words, as it does a dying disk.
VAGUE = ("disk I/O error", "unable to open database file")

PROBE_BYTES = 1 << 16


@contextmanager
def reading(gallery: Path) -> Iterator[None]:
    """Tell failures of a block that reads the gallery.

    Raises:
        GalleryUnreadable: SQLite or the operating system cannot read a file.
        GalleryLocked: The catalog stayed locked.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if "database is locked" in str(error):
            raise _locked(gallery) from error
        raise GalleryUnreadable(
            f"The gallery {gallery} cannot be read ({error}): check the permissions of its "
            f"files; if they are damaged, index the pictures into a new gallery."
        ) from error


@contextmanager
def writing(gallery: Path) -> Iterator[None]:
    """Let a block write to the gallery, where no link leads it elsewhere; tell its failures.

    Raises:
        StorageFull: The disk, a quota or a file size limit is full.
        GalleryReadOnly: The folder or a file in it cannot be written, or is a link.
        GalleryLocked: The catalog stayed locked.
        GalleryUnreadable: The catalog is damaged.
        GalleryError: Any other failure of the operating system.
    """
    refuse_links(gallery)
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(gallery, error) from error
    except OSError as error:
        raise _of_system(gallery, error) from error


def require_writable(gallery: Path, *, size_bytes: int = 0) -> None:
    """Find out by trying: a file is made in the gallery's folder and deleted again.

    Args:
        gallery: The folder.
        size_bytes: How large the file must be able to grow.

    Raises:
        OSError: It could not be written.
    """
    probe = gallery / f"probe-{secrets.token_hex(4)}.tmp"
    try:
        with open(probe, "xb") as file:
            if size_bytes:
                file.truncate(size_bytes)
                file.write(os.urandom(PROBE_BYTES))
    finally:
        with suppress(OSError):
            probe.unlink()


def _of_sqlite(gallery: Path, error: sqlite3.Error) -> LookalikeError:
    message = str(error)
    if "database or disk is full" in message:
        return _full(gallery, message)
    if "readonly database" in message:
        return _read_only(gallery, message)
    if "database is locked" in message:
        return _locked(gallery)
    if isinstance(
        error, (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    ):
        return GalleryError(f"The gallery {gallery} refused a change ({message}): it is as it was.")
    if any(words in message for words in VAGUE):
        return _after_probing(gallery, error)
    return GalleryUnreadable(
        f"The catalog of the gallery {gallery} cannot be used ({message}): "
        f"see what is damaged with 'lookalike verify'."
    )


def _after_probing(gallery: Path, error: sqlite3.Error) -> LookalikeError:
    """Learn the cause SQLite did not name by writing a file of the catalog's size."""
    sizes = [PROBE_BYTES]
    for path in gallery.glob("catalog.sqlite*"):
        with suppress(OSError):
            sizes.append(path.stat().st_size + PROBE_BYTES)
    try:
        require_writable(gallery, size_bytes=max(sizes))
    except OSError as cause:
        return _of_system(gallery, cause)
    return GalleryError(
        f"The gallery {gallery} could not be written ({error}): check the disk, then try again."
    )


def _of_system(gallery: Path, error: OSError) -> LookalikeError:
    reason = error.strerror or str(error)
    if error.errno in FULL:
        return _full(gallery, reason)
    if error.errno in READ_ONLY:
        return _read_only(gallery, reason)
    return GalleryError(f"The gallery {gallery} could not be written ({error}): it is as it was.")


def _full(gallery: Path, reason: str) -> StorageFull:
    return StorageFull(
        f"There is no room left to write to the gallery {gallery} ({reason}): "
        f"it is as it was; free some space and run the same command again."
    )


def _read_only(gallery: Path, reason: str) -> GalleryReadOnly:
    return GalleryReadOnly(
        f"The gallery {gallery} cannot be written ({reason}): "
        f"change the permissions of its folder, or use a gallery elsewhere."
    )


def _locked(gallery: Path) -> GalleryLocked:
    return GalleryLocked(
        f"The catalog of the gallery {gallery} stayed locked by another process: "
        f"wait until it ends, then try again."
    )
