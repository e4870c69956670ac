"""Shared work: the parts of several jobs that wait to be done, and are done, in one go."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lookalike.errors import LookalikeError
from lookalike.server.jobs.job import Cancelled, JobHandle

__all__ = ["Handles", "Part", "SharedParts", "SharedWork", "undo"]

logger = logging.getLogger(__name__)

# How much is taken at a time: the end of the server waits for it.
MOST_WEIGHT = 256


@dataclass(slots=True)
class Part:
    """One job's part of work that is done together with that of others.

    Attributes:
        handle: Of the job.
        value: What it is about.
        weight: How much it is.
        on_cancel: Called where nobody wants it any more, before it was done.
        result: What came of it; set by the work.
        error: Why nothing came of it; set by the work.
    """

    handle: JobHandle
    value: Any
    weight: int = 1
    on_cancel: Callable[[], None] | None = None
    result: Mapping[str, Any] | None = None
    error: Exception | None = None


SharedWork = Callable[[Sequence[Part]], None]


class SharedParts:
    """The parts that wait, by the work that does them. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[SharedWork, deque[Part]] = {}

    def add(self, work: SharedWork, part: Part) -> bool:
        """Let a part wait; tells whether it is the first, so that somebody has to come for it."""
        with self._lock:
            waiting = self._waiting.setdefault(work, deque())
            waiting.append(part)
            return len(waiting) == 1

    def take(self, work: SharedWork) -> tuple[list[Part], bool]:
        """Take parts until they are enough, the first in any case; tells whether more wait."""
        parts: list[Part] = []
        weight = 0
        with self._lock:
            waiting = self._waiting.get(work, deque())
            while waiting and (not parts or weight + waiting[0].weight <= MOST_WEIGHT):
                parts.append(waiting.popleft())
                weight += parts[-1].weight
            if not waiting:
                self._waiting.pop(work, None)  # it may be of a gallery that is gone
            return parts, bool(waiting)

    def withdraw(self, job_id: str) -> list[Part]:
        """Take a job's part out, if it still waits."""
        found = []
        with self._lock:
            for waiting in self._waiting.values():
                for part in [part for part in waiting if part.handle.job_id == job_id]:
                    waiting.remove(part)
                    found.append(part)
        return found


class Handles:
    """The handles of jobs whose work is done together, as one.

    One that is not wanted any more does not stop the others.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def progress(
        self, done: int | None = None, total: int | None = None, note: str | None = None
    ) -> None:
        """Tell all of them a note; how far they are they tell themselves."""
        for part in self._parts:
            part.handle.progress(note=note)

    def heed(self) -> None:
        """Stop if nobody wants the work any more.

        Raises:
            Cancelled: So it is.
        """
        for part in self._parts:
            try:
                part.handle.heed()
            except Cancelled:
                continue
            return
        raise Cancelled


def undo(parts: Sequence[Part]) -> None:
    """Do away with parts that nobody wants any more; their jobs end, even if that fails."""
    for part in parts:
        if part.on_cancel is not None:
            try:
                part.on_cancel()
            except (LookalikeError, OSError) as error:
                job_id, told = part.handle.job_id, str(error).rstrip(".")
                logger.warning("files of the cancelled job %s stay: %s", job_id, told)
