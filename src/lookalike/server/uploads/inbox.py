"""The inbox: where uploads arrive, and from where they go into the uploads' folder whole."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import chain, count
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import GalleryReadOnly
from lookalike.gallery import Gallery
from lookalike.gallery.failures import writing
from lookalike.gallery.segments import flush_folder
from lookalike.gallery.uploads import is_own, uploads_folder
from lookalike.server.pictures.names import numbered

__all__ = ["Inbox"]

logger = logging.getLogger(__name__)

# Hidden, so that no listing of the uploads looks into it.
PREFIX = ".incoming-"
LOCK = "lock"


class Inbox:
    """Files that are being received, in a folder of this process alone.

    The folder is held by a lock that dies with the process, so that whoever comes next
    knows which ones nobody fills any more.

    Args:
        gallery: Whose uploads.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._uploads = uploads_folder(gallery)
        self._folder = self._uploads / f"{PREFIX}{secrets.token_hex(6)}"
        self._lock: FileLock | None = None
        self._opening = threading.Lock()

    def new_file(self) -> Path:
        """Name a file to receive into; its folder is there.

        Raises:
            GalleryReadOnly, StorageFull: It cannot be made.
        """
        self._require_own(self._uploads)
        with self._opening, writing(self._gallery.path):
            if not self._folder.is_dir():
                self._open()
        return self._folder / secrets.token_hex(8)

    def _open(self) -> None:
        """Make the folder, and the uploads' with the first of all."""
        is_new = not self._uploads.is_dir()
        self._uploads.mkdir(exist_ok=True)  # and no more: a gallery that is gone stays so
        self._folder.mkdir()
        if is_new:
            flush_folder(self._gallery.path)
        self._lock = FileLock(self._folder / LOCK, thread_local=False)
        self._lock.acquire()

    def keep(
        self, received: Path, name: str, folders: set[Path], *, claim: Callable[[Path], bool]
    ) -> Path:
        """Put a whole file among the uploads of today, under its name or one like it.

        Args:
            received: In the inbox, flushed to disk.
            name: A safe one.
            folders: Told which folder is to be flushed before anybody may rely on it.
            claim: Asked before a file appears, so that nobody takes it for one that was
                left; false where somebody has the name already.

        Raises:
            GalleryReadOnly: A link is in the way.
            OSError: It cannot be written; nothing of it is left.
        """
        today = self._uploads / datetime.now(timezone.utc).strftime("%Y-%m-%d")
        self._require_own(today)
        if not today.is_dir():
            today.mkdir(exist_ok=True)
            folders.add(self._uploads)
        folders.add(today)
        names = chain([name], (numbered(name, number) for number in count(2)))
        spelled = (today / spelling for spelling in names)
        return next(target for target in spelled if claim(target) and placed(received, target))

    def close(self) -> None:
        """Delete what was being received, and the folder."""
        with self._opening:
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._lock is not None:
                self._lock.release()

    def sweep(self) -> int:
        """Delete what processes left that were killed while they received.

        Returns:
            How many folders of theirs there were.
        """
        swept = 0
        for folder in sorted(self._uploads.glob(f"{PREFIX}*")):
            is_ours = is_own(self._gallery, folder)
            if is_ours and folder != self._folder and is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)
                swept += 1
        if swept:
            logger.info("removed half-received uploads of %d servers that were killed", swept)
        return swept

    def _require_own(self, folder: Path) -> None:
        """Refuse to follow a link: what lies behind it is not the gallery's, nor deleted by it."""
        if not is_own(self._gallery, folder):
            raise GalleryReadOnly(
                f"The gallery {self._gallery.path} takes no pictures, since {folder} is a link "
                "that leads out of it: put a folder in its place."
            )


def is_abandoned(folder: Path) -> bool:
    """Tell whether the process has ended that received into a folder."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return False
    except OSError:
        return not folder.is_dir()
    lock.release()
    return True


def placed(received: Path, target: Path) -> bool:
    """Move a file to a place where none is; tells whether there was none."""
    try:
        os.link(received, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        return placed_without_links(received, target)
    received.unlink()
    return True


def placed_without_links(received: Path, target: Path) -> bool:
    """Move a file as ``placed`` does: an empty one keeps its place until it comes."""
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        return False
    try:
        os.replace(received, target)
    except OSError:
        target.unlink()
        raise
    return True
