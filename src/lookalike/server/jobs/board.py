"""The board: all jobs of a server, and the threads that do them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import Any, TypeVar

from lookalike.errors import GalleryLocked, LookalikeError
from lookalike.gallery.patience import patiently
from lookalike.server.jobs.events import Event, Events
from lookalike.server.jobs.job import Cancelled, Job, JobHandle, now
from lookalike.server.jobs.lines import Line
from lookalike.server.jobs.sharing import Handles, Part, SharedWork, taken

__all__ = ["JobBoard", "facts_of"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Work that writes to a gallery is in line; what only reads has a line of its own.
WRITING = frozenset({"add", "update", "remove", "watch"})

MOST_JOBS = 1000
TELL_SECONDS = 0.1

# What is nearly done when the server is asked to stop is finished.
GRACE_SECONDS = 10.0

Work = Callable[[JobHandle], Mapping[str, Any]]


STOPPING = "The server is about to stop and takes no more changes: try again when it runs again."
STOPPED = "The server stopped before this was done."
KEPT = "The server stopped: the pictures are kept, and added when it runs again."


class JobBoard:
    """Takes work, does it in threads, and tells how far it is. Safe to share between threads.

    Work of one gallery that writes is done one after the other; so is, beside it, work
    that does not. The last 1000 jobs are remembered.

    Attributes:
        events: Told of every change of a job, under ``job:ID`` and ``gallery:NAME``.
    """

    def __init__(self) -> None:
        self.events = Events()
        self._lock = threading.RLock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._told_at: dict[str, float] = {}
        self._lines: dict[tuple[str, str], Line] = {}
        self._sharing: dict[tuple[str, str], deque[Part]] = {}
        self._stopping = threading.Event()
        self._stopped_at = 0.0

    def submit(self, gallery: str, kind: str, work: Work) -> Job:
        """Put work in line.

        Args:
            gallery: The name of the gallery it is about.
            kind: What it is: see ``WRITING`` for those that write.
            work: Gives the job's result; called in a thread.
        """
        job = self._new(gallery, kind)

        def run() -> None:
            self._run(job.job_id, lambda handle: self._with_patience(work, handle))

        self._put(gallery, kind, run)
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
            kind: Parts of one gallery and kind go together.
            value: What the part is about.
            work: Sets the result or error of each part; of all who wait the first's is called.
            weight: How much the part is: a call takes some 256 together.
            result: What can be told from the start.
            on_cancel: Called if the job is cancelled before anything came of it.
        """
        job = self._new(gallery, kind, result=result, total=weight)
        part = Part(self._handle(job.job_id), value, weight, on_cancel)
        with self._lock:
            waiting = self._sharing.setdefault((gallery, kind), deque())
            waiting.append(part)
            is_first = len(waiting) == 1
        if is_first:
            self._put(gallery, kind, lambda: self._run_shared(gallery, kind, work))
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
        job = self._new(gallery, kind, result=result)
        state = "done" if error is None else "failed"
        return self._change(job.job_id, state=state, ended=now(), error=error)

    async def run_now(
        self, gallery: str, kind: str, work: Callable[[], T], *, patience_s: float = 30.0
    ) -> T:
        """Do a small piece of work that writes, before all that waits, and give its result.

        Raises:
            GalleryLocked: It could not begin in time.
        """
        future: Future[T] = Future()
        if not self._put(gallery, kind, lambda: self._run_into(future, work), is_first=True):
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
        told: Callable[[T], Mapping[str, Any]],
    ) -> T:
        """Do a job in line and give what came of it; for threads that have to wait for it.

        Args:
            gallery: The name of the gallery it is about.
            kind: What it is.
            work: Does it.
            told: Makes the job's result of what came of it.

        Raises:
            Cancelled: The server stops, or somebody did not want the job.
        """
        future: Future[T] = Future()

        def done(handle: JobHandle) -> Mapping[str, Any]:
            try:
                found = self._with_patience(work, handle)
            except Exception as error:
                future.set_exception(error)
                raise
            future.set_result(found)
            return told(found)

        job = self._new(gallery, kind)

        def run() -> None:
            self._run(job.job_id, done)
            future.cancel()  # where it was not even begun

        if not self._put(gallery, kind, run):
            self._end(job.job_id, error=Cancelled())
            raise Cancelled
        try:
            return future.result()
        except CancelledError:
            raise Cancelled from None

    def job(self, job_id: str) -> Job | None:
        """Find a job as it is now."""
        with self._lock:
            return self._jobs.get(job_id)

    def jobs(self, *, gallery: str | None = None, state: str | None = None) -> list[Job]:
        """List jobs, the newest first."""
        with self._lock:
            found = list(reversed(self._jobs.values()))
        return [
            job for job in found if gallery in {None, job.gallery} and state in {None, job.state}
        ]

    def counts(self) -> dict[tuple[str, str], int]:
        """Count the jobs by kind and state."""
        with self._lock:
            return dict(Counter((job.kind, job.state) for job in self._jobs.values()))

    def cancel(self, job_id: str) -> Job | None:
        """Ask for a job's end: one that waits ends now, one that runs when it next looks."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.has_ended:
                return job
            if job.state == "running":
                return self._change(job_id, is_unwanted=True)
            parts = self._withdrawn(job_id)
            job = self._change(job_id, state="cancelled", is_unwanted=True, ended=now())
        undo(parts)
        return job

    def _withdrawn(self, job_id: str) -> list[Part]:
        """Take a job's part out of the work that waits to be done together."""
        found = []
        for waiting in self._sharing.values():
            for part in [part for part in waiting if part.handle.job_id == job_id]:
                waiting.remove(part)
                found.append(part)
        return found

    async def wait(self, job_id: str, timeout_s: float) -> Job | None:
        """Wait for a job's end, for so many seconds; gives the job as it then is."""
        deadline = time.monotonic() + timeout_s
        with self.events.subscribe([f"job:{job_id}"]) as subscription:
            while True:
                job, left = self.job(job_id), deadline - time.monotonic()
                if job is None or job.has_ended or left <= 0:
                    return job
                if await subscription.take(left) is None:
                    return self.job(job_id)

    def event_of(self, job: Job) -> Event:
        """Write the event that tells a job's state."""
        return self.events.event("job", f"job:{job.job_id}", job.to_dict(), job.sequence)

    def stop(self) -> None:
        """Ask what runs to end soon, let nothing that waits begin, and end all streams."""
        if not self.is_stopping:
            self._stopped_at = time.monotonic()
            self._stopping.set()
        self.events.end()

    def close(self, *, timeout_s: float = 20.0) -> bool:
        """Stop, and wait for what runs; tells whether all of it has ended in time."""
        self.stop()
        deadline = time.monotonic() + timeout_s
        with self._lock:
            lines = list(self._lines.values())
        for line in lines:
            line.close()
        ended = [line.join(max(0.0, deadline - time.monotonic())) for line in lines]
        return all(ended)

    @property
    def is_stopping(self) -> bool:
        """Whether the server is about to end."""
        return self._stopping.is_set()

    @property
    def is_out_of_time(self) -> bool:
        """Whether it has been about to end for so long that what can end early should."""
        return self.is_stopping and time.monotonic() - self._stopped_at > GRACE_SECONDS

    def _put(
        self, gallery: str, kind: str, work: Callable[[], None], *, is_first: bool = False
    ) -> bool:
        """Put work in the line of its gallery and kind; tells whether it was taken."""
        name = "write" if kind in WRITING else "work"
        with self._lock:
            line = self._lines.get((gallery, name))
            if line is None:
                line = self._lines[gallery, name] = Line(f"{name} {gallery}")
        return line.put(work, is_first=is_first)

    def _new(
        self,
        gallery: str,
        kind: str,
        *,
        result: Mapping[str, Any] | None = None,
        total: int | None = None,
    ) -> Job:
        job = Job(secrets.token_hex(8), gallery, kind, total=total, created=now(), result=result)
        with self._lock:
            self._jobs[job.job_id] = job
            while len(self._jobs) > MOST_JOBS and self._forget_one():
                pass
        return self._change(job.job_id)

    def _forget_one(self) -> bool:
        """Forget the oldest job that has ended."""
        oldest = next((name for name, job in self._jobs.items() if job.has_ended), None)
        if oldest is not None:
            del self._jobs[oldest]
        return oldest is not None

    def _handle(self, job_id: str) -> JobHandle:
        return JobHandle(
            job_id,
            tell=lambda done, total, note: self._tell(job_id, done, total, note),
            is_unwanted=lambda: self._is_unwanted(job_id),
        )

    def _is_unwanted(self, job_id: str) -> bool:
        if self.is_stopping:
            return True
        job = self.job(job_id)
        return job is None or job.is_unwanted

    def _change(self, job_id: str, **facts: Any) -> Job:
        """Replace what a job is, and tell everybody."""
        with self._lock:
            job = replace(self._jobs[job_id], sequence=self.events.next_sequence(), **facts)
            self._jobs[job_id] = job
            if job.has_ended:
                self._told_at.pop(job_id, None)
            # Inside the lock, so that a later state is never overtaken by an earlier one.
            topics = [f"job:{job_id}", f"gallery:{job.gallery}"]
            if any(self.events.has_listeners(topic) for topic in topics):
                self.events.publish(topics, self.event_of(job))
        return job

    def _tell(self, job_id: str, done: int | None, total: int | None, note: str | None) -> None:
        """Note how far a job is; not told more often than anybody can look."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.has_ended:
                return
            moment = time.monotonic()
            has_news = note is not None and note != job.note
            if not has_news and moment - self._told_at.get(job_id, 0.0) < TELL_SECONDS:
                return
            self._told_at[job_id] = moment
            self._change(
                job_id,
                done=job.done if done is None else done,
                total=job.total if total is None else total,
                note=job.note if note is None else note,
            )

    def _begin(self, job_id: str) -> bool:
        """Let a job run; tells whether it still should."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or job.has_ended:
                return False
            self._change(job_id, state="running", started=now())
            return True

    def _run(self, job_id: str, work: Work) -> None:
        """Do one job, and note what came of it."""
        if not self._begin(job_id):
            return
        handle = self._handle(job_id)
        try:
            handle.heed()
            result = work(handle)
        except Exception as error:
            self._end(job_id, error=error)
        else:
            self._end(job_id, result=result)

    def _run_shared(self, gallery: str, kind: str, work: SharedWork) -> None:
        """Do the parts that wait, and put what is too much in line again."""
        with self._lock:
            waiting = self._sharing.get((gallery, kind), deque())
            parts = taken(waiting)
            has_more = bool(waiting)
        parts = [part for part in parts if self._begin(part.handle.job_id)]
        if parts:
            self._do_together(parts, work)
        for part in parts:
            self._end(part.handle.job_id, result=part.result, error=part.error)
        if has_more:
            self._put(gallery, kind, lambda: self._run_shared(gallery, kind, work))

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

    def _with_patience(self, work: Callable[[Any], T], handle: Any) -> T:
        """Do work; wait where another process is writing, and say so."""
        return patiently(
            lambda: work(handle),
            tell=lambda note: handle.progress(note=note),
            heed=handle.heed,
            stopping=self._stopping,
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
        """Note what came of a job."""
        job = self.job(job_id)
        if job is None:
            return
        told = job.result if result is None else result
        if error is None:
            done = job.done if job.total is None else job.total
            self._change(job_id, state="done", ended=now(), note="", result=told, done=done)
        elif isinstance(error, Cancelled):
            note = (KEPT if job.kind == "add" else STOPPED) if self.is_stopping else ""
            self._change(job_id, state="cancelled", ended=now(), note=note, result=told)
        else:
            if isinstance(error, LookalikeError):
                logger.warning("%s of %s failed: %s", job.kind, job.gallery, str(error).rstrip("."))
            self._change(
                job_id, state="failed", ended=now(), note="", result=told, error=facts_of(error)
            )


def undo(parts: Sequence[Part]) -> None:
    """Do away with parts that nobody wants any more."""
    for part in parts:
        if part.on_cancel is not None:
            part.on_cancel()


def facts_of(error: Exception) -> dict[str, Any]:
    """Tell an error as an answer would tell it."""
    from lookalike.server.problems import problem_of  # brings FastAPI, which jobs do not need

    return problem_of(error).to_dict()
