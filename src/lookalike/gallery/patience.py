"""Waiting for another process that writes to the same gallery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lookalike.errors import GalleryLocked

__all__ = ["PATIENCE_S", "patiently"]

T = TypeVar("T")

PATIENCE_S = 60.0
PAUSE_S = 0.25


def patiently(
    work: Callable[[], T],
    *,
    tell: Callable[[str], object] | None = None,
    heed: Callable[[], object] | None = None,
    stopping: threading.Event | None = None,
    patience_s: float = PATIENCE_S,
) -> T:
    """Do work that begins by becoming the gallery's writer, as soon as that is possible.

    Args:
        work: Does nothing before it is the writer, so that it can be tried again.
        tell: Told in a sentence what is being waited for.
        heed: Called while waiting; raises where the work is no longer wanted.
        stopping: Set when it is time to end: then it is not waited any longer.
        patience_s: For how long.

    Raises:
        GalleryLocked: The other was not done in time.
    """
    deadline = time.monotonic() + patience_s
    stop = threading.Event() if stopping is None else stopping
    while True:
        try:
            return work()
        except GalleryLocked as error:
            if time.monotonic() >= deadline or stop.is_set():
                raise
            if tell is not None:
                tell(f"It waits: {error}")
        stop.wait(PAUSE_S)
        if heed is not None:
            heed()
