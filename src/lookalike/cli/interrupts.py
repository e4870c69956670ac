"""Ctrl-C, and the signal by which systems end a process, with something to say."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

from lookalike.cli.output import counted

if TYPE_CHECKING:
    from lookalike.gallery import Gallery

__all__ = ["Interrupted", "exit_code", "heed_sigterm", "is_broken_import", "safe_so_far"]

EXIT_INTERRUPTED = 130
# As a shell reports a process that SIGTERM ended.
EXIT_TERMINATED = 143

was_terminated = threading.Event()


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says what is safe and how to go on."""


def safe_so_far(gallery: Gallery) -> Interrupted:
    """Say how many pictures the gallery holds already, and how to go on."""
    return Interrupted(
        f"Interrupted with {counted(len(gallery), 'picture')} safe in the gallery "
        f"{gallery.path}: the same command goes on from there."
    )


def heed_sigterm() -> None:
    """Treat SIGTERM as Ctrl-C: what is done is made safe before the process ends.

    Batch systems and service managers send it some seconds before they kill.
    A handler that somebody else set stays.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, on_sigterm)


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """Interrupt the main thread, and remember why."""
    was_terminated.set()
    raise KeyboardInterrupt


def is_broken_import(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is why a library could not be loaded: some say only that they cannot."""
    is_import = False
    while error is not None and not isinstance(error, KeyboardInterrupt):
        is_import |= isinstance(error, ImportError)
        error = error.__cause__ or error.__context__
    return is_import and error is not None


def exit_code() -> int:
    """Return what the process ends with after an interruption."""
    return EXIT_TERMINATED if was_terminated.is_set() else EXIT_INTERRUPTED
