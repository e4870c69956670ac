"""Lines: work that waits for one thread, which does one piece after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from lookalike.server.pools import step_back

__all__ = ["Line", "Lines"]

logger = logging.getLogger(__name__)

# Work that writes to a gallery is in line; what only reads has a line of its own.
WRITING = frozenset({"add", "update", "remove", "watch"})


class Lines:
    """Two lines for each gallery, made when they are needed: work that writes, and other work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[tuple[str, str], Line] = {}

    def put(
        self, gallery: str, kind: str, work: Callable[[], None], *, is_first: bool = False
    ) -> bool:
        """Put work in the line of its gallery and kind.

        Returns:
            Whether it was taken: see ``Line.put``.
        """
        name = "write" if kind in WRITING else "work"
        with self._lock:
            line = self._lines.get((gallery, name))
            if line is None:
                line = self._lines[gallery, name] = Line(f"{name} {gallery}")
        return line.put(work, is_first=is_first)

    def close(self, timeout_s: float) -> bool:
        """Take no more work, and wait for what is in line; tells whether it ended in time."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            lines = list(self._lines.values())
        for line in lines:
            line.close()
        ended = [line.join(max(0.0, deadline - time.monotonic())) for line in lines]
        return all(ended)


class Line:
    """Work in line for a thread of its own, which is started with the first of it.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def put(self, work: Callable[[], None], *, is_first: bool = False) -> bool:
        """Put work at the end of the line, or before all that waits.

        Returns:
            Whether it was taken: a closed line takes nothing more.
        """
        with self._changed:
            if self._is_closed:
                return False
            (self._waiting.appendleft if is_first else self._waiting.append)(work)
            if self._thread is None:
                # A daemon: a second Ctrl-C has to end the process, whatever is written.
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify()
            return True

    def close(self) -> None:
        """Take no more work; what is in line already is still done."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def join(self, timeout_s: float) -> bool:
        """Wait until all of it is done; tells whether it is."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        step_back()
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                work = self._waiting.popleft()
            try:
                work()
            except Exception:
                # Work tells its failures itself: this one is a slip of ours, and the line goes on.
                logger.exception("work in line %s failed", self._name)
