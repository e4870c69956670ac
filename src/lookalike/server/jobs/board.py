"""The board: takes the jobs of a server, and has them done."""

from __future__ import annotations

import asyncio
import copy
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from lookalike.errors import GalleryLocked, LookalikeError
from lookalike.gallery.patience import PATIENCE_S, patiently
from lookalike.server.jobs.events import Event, Events
from lookalike.server.jobs.job import Cancelled, Job, JobHandle, PutOff
from lookalike.server.jobs.ledger import Ledger
from lookalike.server.jobs.lines import Lines
from lookalike.server.jobs.sharing import Handles, Part, SharedParts, SharedWork, undo

__all__ = ["JobBoard"]

T = TypeVar("T")

# What is nearly done when the server is asked to stop is finished.
GRACE_S = 10.0

STOPPING = "The server is about to stop and takes no more changes: try again when it runs again."

Work = Callable[[JobHandle], Mapping[str, Any]]


class Stop(threading.Event):
    """Set when the server is about to end; knows since when."""

    since = math.inf

    def set(self) -> None:
        """Say so; what was said before holds."""
        self.since = min(self.since, time.monotonic())
        super().set()


class JobBoard:
    """Takes work, does it in threads, and tells how far it is. Safe to share between threads.

    Work of one gallery that writes is done one after the other; so is, beside it, work
    that does not. The last 1000 jobs are remembered.

    Attributes:
        events: Told of every change of a job, under ``job:ID`` and ``gallery:NAME``.
    """

    def __init__(self) -> None:
        self.events = Events()
        self._ledger = Ledger(self.events)
        self._lines = Lines()
        self._parts = SharedParts()
        self._stopping = Stop()

    def of(self, galleries: Collection[str]) -> JobBoard:
        """Return the same board without what is of other galleries: no such jobs are there."""
        seen = copy.copy(self)
        seen._ledger, seen.events = self._ledger.of(galleries), self.events.of(galleries)
        return seen

    def submit(self, gallery: str, kind: str, work: Work) -> Job:
        """Put work in line.

        Args:
            gallery: The name of the gallery it is about.
            kind: What it is; ``lines.WRITING`` lists those that write.
            work: Gives the job's result; called in a thread.
        """
        job = self._ledger.open(gallery, kind)

        def run() -> None:
            self._run(job.job_id, lambda handle: self._with_patience(work, handle))

        self._lines.put(gallery, kind, run)
        return job

    def submit_shared(
        self,
        gallery: str,
        kind: str,
        value: Any,
        work: SharedWork,
        *,
        weight: int = 1,
        result: Mapping[str, Any] | None = None,
        on_cancel: Callable[[], None] | None = None,
    ) -> Job:
        """Put a part of shared work in line: all parts that wait are done in one call.

        Args:
            gallery: The name of the gallery it is about.
            kind: What it is.
            value: What the part is about.
            work: Sets the result or error of each part; those of one work go together.
            weight: How much the part is: a call takes some 256 together.
            result: What can be told from the start.
            on_cancel: Called if the job is cancelled before anything came of it.
        """
        job = self._ledger.open(gallery, kind, result=result, total=weight)
        part = Part(self._handle(job.job_id), value, weight, on_cancel)
        if self._parts.add(work, part):
            self._lines.put(gallery, kind, lambda: self._run_shared(gallery, kind, work))
        return job

    def ended(
        self,
        gallery: str,
        kind: str,
        result: Mapping[str, Any],
        *,
        error: Mapping[str, Any] | None = None,
    ) -> Job:
        """Note a job that there was nothing to do for, or that was done elsewhere."""
        return self._ledger.note_ended(gallery, kind, result, error=error)

    async def run_now(
        self, gallery: str, kind: str, work: Callable[[], T], *, patience_s: float = 30.0
    ) -> T:
        """Do a small piece of work that writes, before all that waits, and give its result.

        Raises:
            GalleryLocked: It could not begin in time.
        """
        future: Future[T] = Future()
        if not self._lines.put(gallery, kind, lambda: self._run_into(future, work), is_first=True):
            raise GalleryLocked(STOPPING)
        wrapped = asyncio.wrap_future(future)
        done, _ = await asyncio.wait({wrapped}, timeout=patience_s)
        if not done and future.cancel():
            raise GalleryLocked(
                f"The gallery {gallery} is being written to, and has been for {patience_s:g} "
                "seconds: try again when its jobs have ended."
            )
        return await wrapped

    def do(
        self,
        gallery: str,
        kind: str,
        work: Callable[[JobHandle], T],
        *,
        result_of: Callable[[T], Mapping[str, Any]],
        patience_s: float = PATIENCE_S,
        job_id: str | None = None,
    ) -> T:
        """Do a job in line and give what came of it; for threads that have to wait for it.

        Args:
            gallery: The name of the gallery it is about.
            kind: What it is.
            work: Does it.
            result_of: Makes the job's result of what came of it.
            patience_s: How long it waits while another process writes.
            job_id: Of a job that was put off; by default it is a new one.

        Raises:
            Cancelled: The server stops, or somebody did not want the job.
            PutOff: As ``work`` raised it: the job waits.
            GalleryLocked: The other was not done in time.
        """
        future: Future[T] = Future()

        def done(handle: JobHandle) -> Mapping[str, Any]:
            try:
                found = self._with_patience(work, handle, patience_s)
            except Exception as error:
                future.set_exception(error)
                raise
            future.set_result(found)
            return result_of(found)

        name = job_id or self._ledger.open(gallery, kind).job_id

        def run() -> None:
            self._run(name, done)
            future.cancel()  # where it was not even begun

        if not self._lines.put(gallery, kind, run):
            self._end(name, error=Cancelled())
            raise Cancelled
        try:
            return future.result()
        except CancelledError:
            raise Cancelled from None

    def job(self, job_id: str) -> Job | None:
        """Find a job as it is now."""
        return self._ledger.job(job_id)

    def jobs(self, *, gallery: str | None = None, state: str | None = None) -> list[Job]:
        """List jobs, the newest first."""
        return self._ledger.jobs(gallery=gallery, state=state)

    def counts(self) -> dict[tuple[str, str], int]:
        """Count the jobs by kind and state."""
        return self._ledger.counts()

    async def wait(self, job_id: str, timeout_s: float) -> Job | None:
        """Wait for a job's end, for so many seconds; gives the job as it then is."""
        return await self._ledger.wait(job_id, timeout_s)

    def event_of(self, job: Job) -> Event:
        """Write the event that tells a job's state."""
        return self._ledger.event_of(job)

    def cancel(self, job_id: str) -> Job | None:
        """Ask for a job's end: one that waits ends now, one that runs when it next looks."""
        job = self._ledger.cancel(job_id)
        if job is not None and job.has_ended:
            undo(self._parts.withdraw(job_id))  # what was taken meanwhile is undone by who took it
        return job

    def stop(self) -> None:
        """Ask what runs to end soon, let nothing that waits begin, and end all streams."""
        self._stopping.set()
        self.events.end()

    def close(self, *, timeout_s: float = 20.0) -> bool:
        """Stop, and wait for what runs; tells whether all of it has ended in time."""
        self.stop()
        return self._lines.close(timeout_s)

    @property
    def is_stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping.is_set()

    @property
    def is_out_of_time(self) -> bool:
        """Whether it has been about to end for so long that what can end early should."""
        return time.monotonic() - self._stopping.since > GRACE_S

    def _handle(self, job_id: str) -> JobHandle:
        return JobHandle(
            job_id,
            tell=lambda done, total, note: self._ledger.tell(job_id, done, total, note),
            is_unwanted=lambda: self._is_unwanted(job_id),
        )

    def _is_unwanted(self, job_id: str) -> bool:
        if self.is_stopping:
            return True
        job = self.job(job_id)
        return job is None or job.is_unwanted

    def _run(self, job_id: str, work: Work) -> None:
        """Do one job, and note what came of it."""
        if not self._ledger.begin(job_id):
            return
        handle = self._handle(job_id)
        try:
            handle.heed()
            result = work(handle)
        except PutOff as error:
            self._ledger.put_off(job_id, str(error))
        except Exception as error:
            self._end(job_id, error=error)
        else:
            self._end(job_id, result=result)

    def _run_shared(self, gallery: str, kind: str, work: SharedWork) -> None:
        """Do the parts that wait, and put what is too much in line again."""
        taken, has_more = self._parts.take(work)
        parts = []
        for part in taken:
            if self._ledger.begin(part.handle.job_id):
                parts.append(part)
            else:
                undo([part])
        if parts:
            self._do_together(parts, work)
        for part in parts:
            self._end(part.handle.job_id, result=part.result, error=part.error)
        if has_more:
            self._lines.put(gallery, kind, lambda: self._run_shared(gallery, kind, work))

    def _do_together(self, parts: Sequence[Part], work: SharedWork) -> None:
        """Do parts in one go; where that fails of what nobody foresaw, each by itself."""
        handles = Handles(parts)
        try:
            handles.heed()
            self._with_patience(lambda _: work(parts), handles)
        except Exception as error:
            if len(parts) > 1 and not isinstance(error, (Cancelled, LookalikeError)):
                for part in parts:
                    self._do_together([part], work)
                return
            if isinstance(error, Cancelled) and not self.is_stopping:
                undo(parts)
            for part in parts:
                part.error = part.error or error

    def _with_patience(
        self, work: Callable[[Any], T], handle: Any, patience_s: float = PATIENCE_S
    ) -> T:
        """Do work; wait where another process is writing, and say so."""
        return patiently(
            lambda: work(handle),
            tell=lambda note: handle.progress(note=note),
            heed=handle.heed,
            stopping=self._stopping,
            patience_s=patience_s,
        )

    def _run_into(self, future: Future[T], work: Callable[[], T]) -> None:
        """Do work for somebody who waits for its result."""
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = patiently(work, stopping=self._stopping)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _end(
        self,
        job_id: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Exception | None = None,
    ) -> None:
        self._ledger.end(job_id, result=result, error=error, is_stopping=self.is_stopping)
