"""The ledger: all jobs of a server as they are now, told to listeners at each change."""

from __future__ import annotations

import copy
import logging
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from lookalike.errors import LookalikeError
from lookalike.server.jobs.events import Event, Events
from lookalike.server.jobs.job import Cancelled, Job, now

__all__ = ["MOST_JOBS", "Ledger"]

logger = logging.getLogger(__name__)

MOST_JOBS = 1000
TELL_S = 0.1

STOPPED = "The server stopped before this was done."
KEPT = "The server stopped: the pictures are kept, and added when it runs again."


class Ledger:
    """Holds the last 1000 jobs, and takes each from state to state. Safe to share between threads.

    Args:
        events: Told of every change of a job, under ``job:ID`` and ``gallery:NAME``.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._lock = threading.RLock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._told_at: dict[str, float] = {}
        self._galleries: Collection[str] | None = None

    def of(self, galleries: Collection[str]) -> Ledger:
        """Return the same ledger without the jobs of other galleries."""
        seen = copy.copy(self)
        seen._galleries = galleries
        return seen

    def open(
        self,
        gallery: str,
        kind: str,
        *,
        result: Mapping[str, Any] | None = None,
        total: int | None = None,
    ) -> Job:
        """Note a job that waits from now on; the oldest that has ended makes room for it."""
        job = Job(secrets.token_hex(8), gallery, kind, total=total, created=now(), result=result)
        with self._lock:
            self._jobs[job.job_id] = job
            while len(self._jobs) > MOST_JOBS and self._forget_one():
                pass
        return self._change(job.job_id)

    def begin(self, job_id: str) -> bool:
        """Let a job run; tells whether it still should."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.has_ended:
                return False
            self._change(job_id, state="running", started=now())
            return True

    def put_off(self, job_id: str, note: str) -> None:
        """Let a job that runs wait once more; if nobody wants it any more, it ends."""
        with self._lock:
            self._change(job_id, state="waiting", note=note, started=None)
            if self._jobs[job_id].is_unwanted:
                self.cancel(job_id)

    def tell(self, job_id: str, done: int | None, total: int | None, note: str | None) -> None:
        """Note how far a job is; not told more often than anybody can look."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.has_ended:
                return
            moment = time.monotonic()
            has_news = note is not None and note != job.note
            if not has_news and moment - self._told_at.get(job_id, 0.0) < TELL_S:
                return
            self._told_at[job_id] = moment
            self._change(
                job_id,
                done=job.done if done is None else done,
                total=job.total if total is None else total,
                note=job.note if note is None else note,
            )

    def cancel(self, job_id: str) -> Job | None:
        """End a job that waits; of one that runs, note that nobody wants it any more."""
        with self._lock:
            job = self.job(job_id)
            if job is None or job.has_ended:
                return job
            if job.state == "running":
                return self._change(job_id, is_unwanted=True)
            return self._change(job_id, state="cancelled", is_unwanted=True, ended=now())

    def end(
        self,
        job_id: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Exception | None = None,
        is_stopping: bool = False,
    ) -> None:
        """Note what came of a job.

        Args:
            job_id: Which job.
            result: None leaves what was told at first.
            error: Why it was not done; ``Cancelled`` where nobody wanted it.
            is_stopping: Whether that is because the server stops.
        """
        job = self.job(job_id)
        if job is None:
            return
        told = job.result if result is None else result
        if error is None:
            done = job.done if job.total is None else job.total
            self._change(job_id, state="done", ended=now(), note="", result=told, done=done)
        elif isinstance(error, Cancelled):
            note = (KEPT if job.kind == "add" else STOPPED) if is_stopping else ""
            self._change(job_id, state="cancelled", ended=now(), note=note, result=told)
        else:
            if isinstance(error, LookalikeError):
                logger.warning("%s of %s failed: %s", job.kind, job.gallery, str(error).rstrip("."))
            facts = told_as_problem(error)
            self._change(job_id, state="failed", ended=now(), note="", result=told, error=facts)

    def note_ended(
        self,
        gallery: str,
        kind: str,
        result: Mapping[str, Any],
        *,
        error: Mapping[str, Any] | None = None,
    ) -> Job:
        """Note a job that there was nothing to do for, or that was done elsewhere."""
        job = self.open(gallery, kind, result=result)
        state = "done" if error is None else "failed"
        return self._change(job.job_id, state=state, ended=now(), error=error)

    def job(self, job_id: str) -> Job | None:
        """Find a job as it is now."""
        with self._lock:
            job = self._jobs.get(job_id)
        return job if job is not None and self._is_shown(job) else None

    def jobs(self, *, gallery: str | None = None, state: str | None = None) -> list[Job]:
        """List jobs, the newest first."""
        with self._lock:
            found = [job for job in reversed(self._jobs.values()) if self._is_shown(job)]
        return [
            job for job in found if gallery in {None, job.gallery} and state in {None, job.state}
        ]

    def counts(self) -> dict[tuple[str, str], int]:
        """Count the jobs by kind and state."""
        return dict(Counter((job.kind, job.state) for job in self.jobs()))

    async def wait(self, job_id: str, timeout_s: float) -> Job | None:
        """Wait for a job's end, for so many seconds; gives the job as it then is."""
        deadline = time.monotonic() + timeout_s
        with self._events.subscribe([f"job:{job_id}"]) as subscription:
            while True:
                job, left = self.job(job_id), deadline - time.monotonic()
                if job is None or job.has_ended or left <= 0:
                    return job
                if await subscription.take(left) is None:
                    return self.job(job_id)

    def event_of(self, job: Job) -> Event:
        """Write the event that tells a job's state."""
        return self._events.event("job", f"job:{job.job_id}", job.to_dict(), job.sequence)

    def _is_shown(self, job: Job) -> bool:
        return self._galleries is None or job.gallery in self._galleries

    def _forget_one(self) -> bool:
        """Forget the oldest job that has ended."""
        oldest = next((name for name, job in self._jobs.items() if job.has_ended), None)
        if oldest is not None:
            del self._jobs[oldest]
        return oldest is not None

    def _change(self, job_id: str, **facts: Any) -> Job:
        """Replace what a job is, and tell everybody."""
        with self._lock:
            job = replace(self._jobs[job_id], sequence=self._events.next_sequence(), **facts)
            self._jobs[job_id] = job
            if job.has_ended:
                self._told_at.pop(job_id, None)
            # Inside the lock, so that a later state is never overtaken by an earlier one.
            topics = [f"job:{job_id}", f"gallery:{job.gallery}"]
            if any(self._events.has_listeners(topic) for topic in topics):
                self._events.publish(topics, self.event_of(job))
        return job


def told_as_problem(error: Exception) -> dict[str, Any]:
    """Tell an error as an answer would tell it."""
    from lookalike.server.problems import facts_of  # brings FastAPI, which jobs do not need

    return facts_of(error)
