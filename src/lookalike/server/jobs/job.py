"""One job: what it is about, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from lookalike.ingest import Progress

__all__ = ["ENDED", "STATES", "Cancelled", "Job", "JobHandle", "PutOff", "now"]

STATES = ("waiting", "running", "done", "failed", "cancelled")
ENDED = frozenset({"done", "failed", "cancelled"})


class Cancelled(Exception):
    """Somebody does not want a job any more, or the server stops."""


class PutOff(Exception):
    """Work could not be done just now, and is to be tried again as the same job.

    Attributes:
        job_id: Which job.
    """

    def __init__(self, job_id: str, note: str) -> None:
        super().__init__(note)
        self.job_id = job_id


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was at one moment; the board makes another at each change.

    Attributes:
        job_id: Its name, which is never used again.
        gallery: The name of the gallery that it is about.
        kind: ``"add"``, ``"update"``, ``"watch"``, ``"map"`` and so on.
        state: One of ``STATES``.
        done: How much of it is done.
        total: Of how much; None where nobody knows yet.
        note: What it is doing or waiting for, in a sentence.
        created: When it was asked for, in UTC.
        started: When it began.
        ended: When it ended.
        result: What came of it; jobs that add pictures tell something from the start.
        error: The problem that it failed of, as an answer would tell it.
        is_unwanted: Whether somebody asked for its end.
        sequence: The number of its last change, among all changes of the board.
    """

    job_id: str
    gallery: str
    kind: str
    state: str = "waiting"
    done: int = 0
    total: int | None = None
    note: str = ""
    created: str = ""
    started: str | None = None
    ended: str | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    is_unwanted: bool = False
    sequence: int = 0

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    def to_dict(self) -> dict[str, Any]:
        """Turn into what the API answers."""
        return {
            "job_id": self.job_id,
            "gallery": self.gallery,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "total": self.total,
            "note": self.note,
            "created": self.created,
            "started": self.started,
            "ended": self.ended,
            "is_unwanted": self.is_unwanted,
            "result": None if self.result is None else dict(self.result),
            "error": None if self.error is None else dict(self.error),
        }


class JobHandle:
    """What a job's work gets: tells how far it is, and hears when to stop.

    Args:
        job_id: Which job.
        tell: Takes how much is done, of how much, and a note.
        is_unwanted: Whether the work should stop.
    """

    def __init__(
        self,
        job_id: str,
        *,
        tell: Callable[[int | None, int | None, str | None], None],
        is_unwanted: Callable[[], bool],
    ) -> None:
        self.job_id = job_id
        self._tell = tell
        self._is_unwanted = is_unwanted

    def progress(
        self, done: int | None = None, total: int | None = None, note: str | None = None
    ) -> None:
        """Tell how far the work is; None leaves what was told before."""
        self._tell(done, total, note)

    def heed(self) -> None:
        """Stop here if nobody wants the work any more.

        Raises:
            Cancelled: So it is.
        """
        if self._is_unwanted():
            raise Cancelled

    def listen(self, progress: Progress) -> None:
        """Take the progress of an update, and stop it where it is no longer wanted.

        Raises:
            Cancelled: It is not; what was committed stays.
        """
        self.progress(progress.done, progress.total, note="")  # no longer "It waits"
        self.heed()


def now() -> str:
    """Tell the time as the API writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
