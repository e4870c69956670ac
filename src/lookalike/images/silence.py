"""Keeping Pillow's warnings and log records off the user's screen.

Pillow warns about odd metadata with ``warnings.warn`` and logs damaged TIFFs.
In a run over a million files both are noise: what matters becomes an error
with a reason. ``warnings.catch_warnings`` swaps state of the whole process, so
it cannot be used in many threads at once. Instead one warning filter and a log
filter stay installed that only ever match inside :func:`silenced`, in the
thread that entered it: what the user's own code does with Pillow warns as ever.

libtiff, below Pillow, writes to the process's stderr by itself and knows no
threads. Its two message handlers are switched off for good when the first TIFF
is opened; errors reach Python as exceptions all the same.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

__all__ = ["silence_libtiff", "silenced"]

# Loggers do not pass their filters on to their children: each is named.
LOGGERS = (
    "PIL.Image",
    "PIL.ImageFile",
    "PIL.PngImagePlugin",
    "PIL.TiffImagePlugin",
    "pillow_heif",
)


class ThreadState(threading.local):
    """How many :func:`silenced` blocks this thread is in."""

    depth = 0


state = ThreadState()


class WhileSilenced:
    """Stands where a warning filter has its compiled pattern for the module name."""

    def match(self, module: str) -> bool:
        """Match Pillow's modules, while this thread is silenced."""
        return state.depth > 0 and module.startswith(("PIL.", "pillow_heif"))


def is_wanted(record: logging.LogRecord) -> bool:
    """Let log records pass, unless this thread is silenced."""
    return state.depth == 0


FILTER = ("ignore", None, Warning, WhileSilenced(), 0)
installing = threading.Lock()

for name in LOGGERS:
    logging.getLogger(name).addFilter(is_wanted)


def install_filter() -> None:
    """Put the filter first: the user may have set others, or started afresh, since."""
    filters = cast("list[Any]", warnings.filters)
    if filters and filters[0] is FILTER:
        return
    with installing:
        filters.insert(0, FILTER)
        for place in range(len(filters) - 1, 0, -1):
            if filters[place] is FILTER:
                del filters[place]


@contextmanager
def silenced() -> Iterator[None]:
    """Ignore Pillow's warnings and log records in this thread for a while."""
    install_filter()
    state.depth += 1
    try:
        yield
    finally:
        state.depth -= 1


@cache
def silence_libtiff() -> None:
    """Switch off the messages of the libtiff that Pillow is linked with.

    Where its functions cannot be found (on Windows it is linked in without
    names) the messages stay.
    """
    extension = importlib.util.find_spec("PIL._imaging")
    if extension is None or extension.origin is None:
        return
    try:
        library = ctypes.CDLL(extension.origin)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            function = library[name]
            function.argtypes = [ctypes.c_void_p]
            function.restype = ctypes.c_void_p
            function(None)
    except (AttributeError, OSError):
        return
