"""The writer's lock: held by the kernel, so that it dies with its process."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import GalleryLocked

__all__ = ["LOCK", "PID", "WriterLock"]

LOCK = "writer.lock"

# Beside the lock, since older filelocks empty the lock file when they try it.
PID = "writer.pid"


class WriterLock:
    """One writer at a time, among all processes and threads."""

    def __init__(self, gallery: Path, *, timeout_s: float = 0.0) -> None:
        """Take the lock.

        Raises:
            GalleryLocked: Another writer holds it.
            OSError: The lock file cannot be made.
        """
        self._pid_file = gallery / PID
        # Not thread-local: the thread that closes may be another one.
        self._lock = FileLock(gallery / LOCK, timeout=timeout_s, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise GalleryLocked(
                f"The gallery {gallery} cannot be changed while another process"
                f"{self._holder()} writes to it: try again later, or end it if it is a "
                "'lookalike watch' or 'lookalike serve'."
            ) from error
        with suppress(OSError):  # the number is a courtesy only
            self._pid_file.unlink(missing_ok=True)  # a link would lead the writing elsewhere
            self._pid_file.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Let the next writer in."""
        with suppress(OSError):
            self._pid_file.unlink()
        self._lock.release()

    def _holder(self) -> str:
        try:
            return f" (pid {int(self._pid_file.read_text())})"
        except (OSError, ValueError):
            return ""
