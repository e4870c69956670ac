"""What the system tells of changed files, through watchfiles."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lookalike.errors import MissingExtra

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

__all__ = ["Notices", "NoticesExhausted", "require_watchfiles"]

logger = logging.getLogger(__name__)

# Changes are handed on when there were none for STEP_MS, at the latest after GATHER_MS.
STEP_MS = 50
GATHER_MS = 200
# How long a thread waits at most before it looks whether it should end.
WAIT_MS = 1000
# Each set of folders costs a thread and one of the 128 instances that a user may have.
MOST_SETS = 8
TRIES = 3

# Linux watches each folder by itself, and watchfiles would follow links out of the source
# and into hidden folders: so it gets each folder by name. Elsewhere trees are watched.
WATCHES_TREES = sys.platform in {"darwin", "win32"}


class NoticesExhausted(Exception):
    """The system gives no more watches."""


def require_watchfiles() -> None:
    """Find out whether watchfiles is there, without importing it.

    Raises:
        MissingExtra: It is not.
    """
    from importlib.util import find_spec

    if find_spec("watchfiles") is None:
        raise MissingExtra("watch", "Watching folders")


class Notices:
    """The paths that something happened to, gathered by threads.

    Whatever is missed (files made at once in a new folder, a queue that ran over) has
    to be found by looking.
    """

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._sets: list[WatchedSet] = []
        self._folders: dict[str, None] = {}

    @property
    def folders(self) -> Sequence[str]:
        """What is watched."""
        return tuple(self._folders)

    def add(self, folders: Iterable[str]) -> None:
        """Watch further folders; those that are gone, closed or oddly named are left out.

        Raises:
            NoticesExhausted: The system's limit is reached.
            MissingExtra: watchfiles is not installed.
        """
        new = [folder for folder in folders if folder not in self._folders and self._is_new(folder)]
        if not new:
            return
        self._folders |= dict.fromkeys(new)
        if len(self._sets) < MOST_SETS:
            self._sets.append(WatchedSet(new, self._told))
            return
        # The new set is there before the old ones end: nothing is missed in between.
        self._folders = {folder: None for folder in self._folders if os.path.isdir(folder)}
        whole = WatchedSet(list(self._folders), self._told)
        self.close_sets()
        self._sets.append(whole)

    def remove(self, folders: Iterable[str]) -> None:
        """Stop to count folders among those watched, so that they can be added again."""
        for folder in folders:
            self._folders.pop(folder, None)

    def remove_below(self, folder: str) -> None:
        """Do as ``remove`` with a folder and all that lie in it."""
        below = folder + os.sep
        self.remove([at for at in self._folders if at == folder or at.startswith(below)])

    def next(self, timeout_s: float) -> tuple[list[str], bool]:
        """Wait for paths.

        Returns:
            Absolute paths, each once, and whether some may have been lost.
        """
        paths: dict[str, None] = {}
        is_lost = False
        try:
            told = self._told.get(timeout=max(0.0, timeout_s))
            while True:
                if told is None:
                    is_lost = True
                else:
                    paths |= dict.fromkeys(told)
                told = self._told.get_nowait()
        except queue.Empty:
            return list(paths), is_lost

    def close_sets(self) -> None:
        """End all threads."""
        for watched in self._sets:
            watched.stop()
        self._sets = []

    def close(self) -> None:
        """Watch nothing any more."""
        self.close_sets()
        self._folders = {}

    def _is_new(self, folder: str) -> bool:
        if not WATCHES_TREES:
            return True
        return not any(folder.startswith(above + os.sep) for above in self._folders)


class WatchedSet:
    """Some folders, and the thread that hears of them."""

    def __init__(self, folders: Sequence[str], told: queue.SimpleQueue[list[str] | None]) -> None:
        self._told = told
        self._stop = threading.Event()
        self._notify = started(folders)
        # A daemon: nobody waits for it when the program ends.
        self._thread = threading.Thread(target=self._hear, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what it heard is kept."""
        self._stop.set()
        self._thread.join()

    def _hear(self) -> None:
        try:
            while not self._stop.is_set():
                heard = self._notify.watch(GATHER_MS, STEP_MS, WAIT_MS, self._stop)
                if isinstance(heard, set):
                    self._told.put([path for _, path in heard])
                elif heard != "timeout":
                    return
        except Exception as error:  # a name that is not UTF-8, for example: it stays broken
            logger.debug("watching has to begin anew: %s", error)
            self._told.put(None)
        finally:
            self._notify.close()


def started(folders: Sequence[str]) -> RustNotify:
    """Let watchfiles watch what can be watched.

    Raises:
        NoticesExhausted: The system's limit is reached.
        MissingExtra: watchfiles is not installed.
    """
    try:
        from watchfiles._rust_notify import RustNotify
    except ImportError as error:
        raise MissingExtra("watch", "Watching folders") from error
    watched = [folder for folder in folders if is_utf8(folder)]
    for attempt in range(TRIES + 1):
        try:
            # Its last argument hides failures of every kind: at the end only, then.
            return RustNotify(watched, False, False, 0, WATCHES_TREES, attempt == TRIES)
        except (FileNotFoundError, PermissionError):
            watched = [folder for folder in watched if os.access(folder, os.R_OK | os.X_OK)]
        except (OSError, RuntimeError) as error:
            raise NoticesExhausted(str(error)) from error
    raise NoticesExhausted("no folder can be watched")


def is_utf8(path: str) -> bool:
    """Tell whether watchfiles can be told of a path."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
