"""One evaluation at a time writes to a folder of results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lookalike.errors import GalleryLocked
from lookalike.evaluation.writing import cannot_write

__all__ = ["LOCK", "locked"]

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other evaluations out of a folder, which is made if it is not there.

    Raises:
        GalleryLocked: Another one is writing to it.
        StorageFull: There is no room left.
        UsageError: It cannot be written.
    """
    # Not thread-local: the thread that ends it may be another one.
    lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise GalleryLocked(
            f"Another evaluation is writing its results to {folder}: wait until that ends, or "
            "name another folder."
        ) from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        lock.release()
