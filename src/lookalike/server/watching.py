"""Watching: the sources of served galleries, while the server runs."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lookalike.errors import GalleryLocked, GalleryReadOnly, LookalikeError, StorageFull
from lookalike.gallery import SourceRecord
from lookalike.gallery.uploads import uploads_folder
from lookalike.ingest import Progress, UpdateReport
from lookalike.ingest.watching import Watcher
from lookalike.ingest.watching.notices import require_watchfiles
from lookalike.ingest.watching.rounds import Stopping, Work
from lookalike.ingest.watching.troubles import Troubles
from lookalike.server.describing import is_writable
from lookalike.server.hosting import Hosted
from lookalike.server.jobs import Cancelled, JobHandle, PutOff

if TYPE_CHECKING:
    from lookalike.server.state import Server

__all__ = ["Watching"]

logger = logging.getLogger(__name__)

KIND = "watch"

# A gallery that cannot be watched, since its encoder is missing for example, is tried again.
AGAIN_S = 30.0

# Of so many files a job tells what became of them.
MOST_CHANGES = 100


class Watching:
    """Watches all galleries of a server, each in a thread of its own.

    Args:
        server: Whose.

    Raises:
        MissingExtra: ``lookalike[watch]`` is not installed.
    """

    def __init__(self, server: Server) -> None:
        require_watchfiles()
        self._stop = threading.Event()
        self._server = server
        self._watches = {name: Watch(name, server, self._stop) for name in server.galleries}
        self._threads = [
            threading.Thread(target=watch.run, name=f"watch {name}", daemon=True)
            for name, watch in self._watches.items()
        ]

    def start(self) -> None:
        """Begin; a gallery that cannot be written is told now, not at its first change."""
        for hosted in self._server.galleries.values():
            if not is_writable(hosted.gallery):
                logger.warning(
                    "%s cannot be written: what changes in its folders is not taken up until "
                    "the permissions of %s allow it",
                    hosted.name,
                    hosted.gallery.path,
                )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask all watchers to end."""
        self._stop.set()
        for name in self._watches:
            self.begin_anew(name)

    def begin_anew(self, name: str) -> None:
        """Watch what the server has under a name now."""
        self._watches[name].leave()

    def close(self, *, timeout_s: float) -> bool:
        """Stop, and wait; tells whether all watchers have ended in time."""
        self.stop()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class Watch:
    """One gallery's watcher: it hears by itself, and writes in the gallery's line of work.

    Args:
        name: Of the gallery; the server may come to have another one under it.
        server: Has the line of work, tells what is done as jobs, and counts it.
        stop: Set when it is time to end.
    """

    def __init__(self, name: str, server: Server, stop: threading.Event) -> None:
        self.name = name
        self._server = server
        self._board = server.jobs
        self._measures = server.measures
        self._rescan_s = server.settings.rescan_s
        self._stop = stop
        self._left = threading.Event()
        self._troubles = Troubles()
        self._handle: JobHandle | None = None
        self._put_off: str | None = None
        self._uploads = ""

    def run(self) -> None:
        """Watch until it is time to end; what goes wrong is logged, and tried again."""
        while not self._stop.is_set():
            self._left.clear()
            if self._stop.is_set():
                return  # it was asked to leave in between
            try:
                watcher = self._watcher()
                self._troubles.end("watching", f"{self.name} is watched again.")
                self._measures.is_watched(self.name, is_so=True)
                watcher.run(self._left)
            except LookalikeError as error:
                sentence = f"{self.name} is not watched just now: {error}"
                self._troubles.begin("watching", sentence)
            except Exception:
                logger.exception("watching %s failed, and begins anew", self.name)
            self._measures.is_watched(self.name, is_so=False)
            self._left.wait(AGAIN_S)
            if self._left.is_set() and self._put_off is not None:
                self._board.cancel(self._put_off)  # what waited was of the former gallery
                self._put_off = None

    def leave(self) -> None:
        """End what is watched: after that the server ends, or has another gallery."""
        self._left.set()

    def _watcher(self) -> Watcher:
        """Make a watcher, once the encoder is loaded."""
        hosted: Hosted = self._server.galleries[self.name]
        _ = hosted.gallery.generation  # one that is gone is none that is watched again
        self._uploads = os.path.realpath(uploads_folder(hosted.gallery))
        return Watcher(
            hosted.gallery,
            hosted.encoder,
            on_progress=self._tell,
            on_problem=self._warn,
            rescan_s=self._rescan_s,
            write=self._write,
            watches=self._is_watched,
        )

    def _is_watched(self, record: SourceRecord) -> bool:
        """Leave out the uploads: whoever takes them in adds them, and knows of copies."""
        return os.path.realpath(record.location) != self._uploads

    def _warn(self, sentence: str) -> None:
        logger.warning("%s: %s", self.name, sentence.rstrip("."))

    def _tell(self, progress: Progress) -> None:
        if self._handle is not None:
            self._handle.progress(progress.done, progress.total, note="")  # no longer "It waits"

    def _write(self, work: Work) -> UpdateReport:
        """Do an update of the watcher in line, as one job however often it has to be tried.

        Raises:
            Stopping: The server is about to end.
            GalleryReadOnly, StorageFull: The gallery takes nothing just now: the job waits.
            GalleryLocked: Somebody did not want the job: the watcher will try again.
        """

        def done(handle: JobHandle) -> UpdateReport:
            self._handle = handle
            try:
                return work()
            except Stopping:
                raise Cancelled from None
            except (GalleryReadOnly, StorageFull) as error:
                raise PutOff(handle.job_id, f"It waits: {error}") from error
            finally:
                self._handle = None

        job_id, self._put_off = self._put_off, None
        try:
            report = self._board.do(
                self.name,
                KIND,
                done,
                result_of=facts_of_changes,
                patience_s=math.inf,
                job_id=job_id,
            )
        except PutOff as put_off:
            self._put_off = put_off.job_id
            raise put_off.__cause__ or put_off from None
        except Cancelled:
            if self._board.is_stopping or self._left.is_set():
                raise Stopping from None
            raise GalleryLocked("The update was cancelled.") from None
        self._measures.watched(self.name)
        return report


def facts_of_changes(report: UpdateReport) -> dict[str, Any]:
    """Tell what an update of single files did; of the first hundred, which ones."""
    counts = ("added", "changed", "renamed", "forgotten", "embedded", "copies")
    return {
        **{name: getattr(report, name) for name in counts},
        "skipped": len(report.skipped),
        "skipped_files": [asdict(item) for item in report.skipped[:MOST_CHANGES]],
        "changes": [asdict(item) for item in report.changes[:MOST_CHANGES]],
    }
