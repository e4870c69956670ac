"""Rounds of writing: what has settled is brought into the gallery, a portion at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lookalike.encoders import Encoder
from lookalike.errors import (
    GalleryLocked,
    GalleryReadOnly,
    LookalikeError,
    NoImagesFound,
    SourceNotFound,
    StorageFull,
)
from lookalike.gallery import Gallery
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.report import UpdateReport
from lookalike.ingest.source_update import ProgressListener
from lookalike.ingest.timing import Progress
from lookalike.ingest.updating import update_places
from lookalike.ingest.watching.settling import Settled, Settling
from lookalike.ingest.watching.sparing import Sparing
from lookalike.ingest.watching.troubles import Troubles
from lookalike.ingest.watching.watched import WatchedSource

__all__ = ["Rounds", "Stopping", "Work"]

logger = logging.getLogger(__name__)

# So many files are taken at a time: what comes meanwhile does not wait for all of a flood.
MOST_AT_A_TIME = 2048
LOCKED_AGAIN_S = 1.0
# Most updates of another process are over sooner than this.
LOCKED_TOLD_S = 10.0
# A disk that is full, or a gallery that may not be written: each time twice as long.
REFUSED_AGAIN_S = 30.0
REFUSED_MOST_S = 600.0
# Failures in a row after which the rest of a batch is left for the next rescan.
MOST_FAILURES = 8

Work = Callable[[], UpdateReport]


class Stopping(KeyboardInterrupt):
    """The watcher was told to stop while files were being embedded.

    As after Ctrl-C, an update commits what it has.
    """


class Rounds:
    """Updates a gallery with what has settled.

    Args:
        gallery: Which one.
        encoder: Of its space.
        sources: What is watched just now.
        settling: Gives what has settled, and takes back what has to wait.
        troubles: Told of files that were left out, and of a gallery that takes none.
        metadata: This and what follows is as ``Watcher`` takes it.

    Attributes:
        not_before: When the gallery can be written again, on the monotonic clock.
    """

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        sources: Mapping[int, WatchedSource],
        settling: Settling,
        troubles: Troubles,
        *,
        metadata: MetadataTable | None,
        on_report: Callable[[UpdateReport], object] | None,
        on_progress: ProgressListener | None,
        write: Callable[[Work], UpdateReport] | None,
        decode_threads: int | None,
    ) -> None:
        self._gallery = gallery
        self._encoder = encoder
        self._sources = sources
        self._settling = settling
        self._troubles = troubles
        self._metadata = metadata
        self._on_report = on_report
        self._on_progress = on_progress
        self._write = write or (lambda work: work())
        self._decode_threads = decode_threads
        self._told_skipped: set[tuple[str, str]] = set()
        self._stop = threading.Event()
        self._sparing = Sparing()
        self._locked_since: float | None = None
        self._refused: type[LookalikeError] | None = None
        self._refused_s = 0.0
        self.not_before = 0.0

    def take(self, stop: threading.Event) -> None:
        """Bring the gallery up to date with what has settled.

        Raises:
            Stopping: The event was set in the middle.
        """
        self._stop = stop
        now = time.monotonic()
        if now < self.not_before:
            return
        for source_id, path in self._sparing.take_due(now):
            if (watched := self._sources.get(source_id)) is not None:
                self._settling.note(source_id, path, watched.source.absolute(path), now)
        settled = self._settling.take(MOST_AT_A_TIME, now)
        differing = self._differing(settled)
        if differing:
            self._update(differing)
        elif not len(self._settling):
            self._end_waiting()

    def _end_waiting(self) -> None:
        """Note that what had to wait is done by another process, or undone, if anything had to."""
        if self._refused is not None:
            with suppress(GalleryLocked):
                self._write(UpdateReport)  # whoever it is may still have it in line
        if self._refused is not None or self._locked_since is not None:
            self._forget_waiting()
            self._troubles.end("gallery", "The gallery is up to date again.")

    def _forget_waiting(self) -> None:
        self.not_before = 0.0
        self._locked_since = None
        self._refused = None
        self._refused_s = 0.0

    def _differing(self, settled: Sequence[Settled]) -> list[Settled]:
        """Leave out what the gallery knows already, as after a commit of somebody else."""
        by_source: defaultdict[int, list[Settled]] = defaultdict(list)
        for item in settled:
            by_source[item.source_id].append(item)
        differing = []
        for source_id, items in by_source.items():
            watched = self._sources.get(source_id)
            if watched is not None and watched.record.kind == "list":
                differing += items  # what it names no longer goes, though the file is there
                continue
            known = self._gallery.known_files(source_id, [item.path for item in items])
            below = {above for path in (*known.images, *known.skipped) for above in parents(path)}
            for item in items:
                seen = known.images.get(item.path) or known.skipped.get(item.path)
                facts = (item.size_bytes, item.mtime_ns)
                if seen is None and item.size_bytes is None:
                    differs = item.path in below
                else:
                    differs = seen is None or facts != (seen.size_bytes, seen.mtime_ns)
                if differs:
                    differing.append(item)
        return differing

    def _update(self, settled: Sequence[Settled]) -> None:
        """Update, and decide what becomes of the files where that fails."""
        left = [list(settled)]
        failures = 0
        while left and failures < MOST_FAILURES:
            part = left.pop()
            try:
                self._run(part)
                failures = 0
            except (GalleryLocked, GalleryReadOnly, StorageFull) as error:
                waits = [item for items in [part, *left] for item in items]
                self._wait(waits, error)
                return
            except Exception as error:  # whatever an encoder may raise: the others go on
                if len(part) > 1:
                    middle = len(part) // 2
                    left += [part[middle:], part[:middle]]
                    continue
                failures += 1
                self._tell_failure(part[0], error)

    def _run(self, settled: Sequence[Settled]) -> None:
        places: defaultdict[int, list[str]] = defaultdict(list)
        for item in settled:
            places[item.source_id].append(item.path)
        wanted = [
            (self._sources[source_id].record, paths)
            for source_id, paths in places.items()
            if source_id in self._sources
        ]
        failures: list[NoImagesFound | SourceNotFound] = []
        is_stopped = threading.Event()

        def work() -> UpdateReport:
            try:
                done, failed = update_places(
                    self._gallery,
                    self._encoder,
                    wanted,
                    metadata=self._metadata,
                    on_progress=self._heed,
                    decode_threads=self._decode_threads,
                    spares=self._sparing.spares,
                )
            except Stopping:  # on a thread of somebody else, perhaps
                is_stopped.set()
                return UpdateReport()
            except GalleryLocked:
                self._note_locked()
                raise
            failures.extend(failed)
            return done

        report = self._write(work)
        if is_stopped.is_set():
            raise Stopping
        self._forget_waiting()
        self._troubles.end("gallery", "The gallery can be written again.")
        for failure in failures:
            if not isinstance(failure, SourceNotFound):  # the next look at its root will tell
                self._troubles.begin(str(failure), str(failure))
        self._report(report)

    def _note_locked(self) -> None:
        """Say that another process writes, once it has for long; whoever ``write`` is may retry."""
        now = time.monotonic()
        if self._locked_since is None:
            self._locked_since = now
        elif now - self._locked_since >= LOCKED_TOLD_S:
            self._troubles.begin(
                "gallery",
                f"Another process has been writing to {self._gallery.path} for "
                f"{LOCKED_TOLD_S:g} s: changes are taken up when it lets others write.",
            )

    def _heed(self, progress: Progress) -> None:
        """Tell the progress, unless it is time to stop."""
        if self._stop.is_set() and progress.done < progress.total:
            raise Stopping
        if self._on_progress is not None:
            self._on_progress(progress)

    def _report(self, report: UpdateReport) -> None:
        told = {(item.path, item.reason) for item in report.skipped}
        skipped = tuple(
            item for item in report.skipped if (item.path, item.reason) not in self._told_skipped
        )
        self._told_skipped |= told
        report = replace(report, skipped=skipped)
        if self._on_report is not None and (report.changes or skipped):
            self._on_report(report)

    def _wait(self, settled: Sequence[Settled], error: LookalikeError) -> None:
        """Keep files for later."""
        now = time.monotonic()
        self._settling.put_back(settled, now)
        if isinstance(error, GalleryLocked):
            self.not_before = now + LOCKED_AGAIN_S
            logger.info("%s It is tried again.", error)
        else:
            self._refused_s = min(2 * self._refused_s or REFUSED_AGAIN_S, REFUSED_MOST_S)
            self.not_before = now + self._refused_s
            if type(error) is not self._refused:  # the same may be told of another file
                self._refused = type(error)
                most = f"{REFUSED_MOST_S / 60:g} minutes"
                self._troubles.begin(
                    "gallery", f"{error} It is tried again, at least every {most}."
                )

    def _tell_failure(self, item: Settled, error: Exception) -> None:
        watched = self._sources.get(item.source_id)
        location = item.path if watched is None else watched.source.absolute(item.path)
        if not isinstance(error, LookalikeError):
            logger.debug("where it came from:", exc_info=error)
        self._troubles.say(f"{location} was left out: {error}")


def parents(path: str) -> list[str]:
    """List a path's folders."""
    found = []
    while "/" in path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found
