"""Waiting for another process that writes to the same gallery."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from lookalike.cli.output import note
from lookalike.gallery.patience import patiently

__all__ = ["when_free"]

Done = TypeVar("Done")

# A watcher writes for moments, again and again.
PATIENCE_S = 10.0
TOLD_AFTER_S = 1.0


def when_free(work: Callable[[], Done]) -> Done:
    """Do what begins by becoming the gallery's writer, as soon as nobody else is.

    Raises:
        GalleryLocked: Somebody else was for too long.
    """
    began = time.monotonic()
    is_told = False

    def tell(sentence: str) -> None:
        nonlocal is_told
        if not is_told and time.monotonic() - began >= TOLD_AFTER_S:
            is_told = True
            note(
                "lookalike: Another process writes to the gallery: it is waited for, "
                f"{PATIENCE_S:g} seconds at most."
            )

    return patiently(work, tell=tell, patience_s=PATIENCE_S)
