"""The watcher: hears of files, waits until they are complete, and brings the gallery up to date."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lookalike.encoders import Encoder
from lookalike.errors import (
    GalleryLocked,
    LookalikeError,
    NoImagesFound,
    SourceError,
    SourceNotFound,
    StorageFull,
    UsageError,
)
from lookalike.gallery import Gallery, SourceRecord
from lookalike.images.sources import KINDS
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.report import UpdateReport
from lookalike.ingest.source_update import ProgressListener
from lookalike.ingest.timing import Progress
from lookalike.ingest.updating import update_places
from lookalike.ingest.watching.notices import Notices, NoticesExhausted, require_watchfiles
from lookalike.ingest.watching.settling import Settled, Settling
from lookalike.ingest.watching.watched import WatchedSource
from lookalike.vectors import require_same_space

__all__ = ["Watcher"]

logger = logging.getLogger(__name__)

# So many files are taken at a time: what comes meanwhile does not wait for all of a flood.
MOST_AT_A_TIME = 2048
# How often sources are looked for, and how soon a wish to stop is heard.
TICK_S = 0.5
# Every so many rescans look at each file, not at the dates of folders only.
THOROUGH_EVERY = 10
# A look at everything may take at most this share of the time.
MOST_LOOKING = 0.1
LOCKED_AGAIN_S = 1.0
FULL_AGAIN_S = 30.0
# Failures in a row after which the rest of a batch is left for the next rescan.
MOST_FAILURES = 8

LEFT_ALONE = "Nothing of it is forgotten, and it is watched again when it can be."

Work = Callable[[], UpdateReport]


class Stopping(KeyboardInterrupt):
    """The watcher was told to stop while files were being embedded.

    As after Ctrl-C, an update commits what it has.
    """


class Watcher:
    """Keeps a gallery up to date with its sources while their files come and go.

    Files are taken when they are complete: when their size and time have not changed
    between two looks. What the system does not tell is found by looking, every
    ``rescan_s`` seconds.

    Args:
        gallery: Which one; sources that are added to it later are watched as well.
        encoder: Has to be of the gallery's space.
        metadata: Columns to keep with the pictures.
        on_report: Called after each update that changed something, or found files
            that cannot be used.
        on_progress: Called while files are embedded.
        on_problem: Called with a sentence for what does not stop the watching: a
            source that went away, a disk that is full. By default it is logged as a
            warning.
        settle_s: Seconds between the two looks.
        rescan_s: Seconds between two looks for what nobody told.
        polls: Whether to do without the system's notices: they do not come from
            network drives.
        write: Runs each update, and returns what it returns; for a caller who has a
            thread of its own for writing.
        watches: Which sources are watched; all by default.
        decode_threads: Files read and decoded at a time.

    Raises:
        SpaceMismatch: The gallery was made with another encoder.
        MissingExtra: ``lookalike[watch]`` is not installed, and ``polls`` is not set.
        UsageError: A number of seconds is not above zero.
    """

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        *,
        metadata: MetadataTable | None = None,
        on_report: Callable[[UpdateReport], object] | None = None,
        on_progress: ProgressListener | None = None,
        on_problem: Callable[[str], object] | None = None,
        settle_s: float = 0.5,
        rescan_s: float = 60.0,
        polls: bool = False,
        write: Callable[[Work], UpdateReport] | None = None,
        watches: Callable[[SourceRecord], bool] | None = None,
        decode_threads: int | None = None,
    ) -> None:
        require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
        for name, seconds in (("settle_s", settle_s), ("rescan_s", rescan_s)):
            if not seconds > 0:
                raise UsageError(f"{name} has to be above zero, not {seconds}.")
        if not polls:
            require_watchfiles()
        self._gallery = gallery
        self._encoder = encoder
        self._metadata = metadata
        self._on_report = on_report
        self._on_progress = on_progress
        self._on_problem = on_problem or warn
        self._settle_s = settle_s
        self._rescan_s = rescan_s
        self._polls = polls
        self._write = write or (lambda work: work())
        self._watches = watches or (lambda record: True)
        self._decode_threads = decode_threads
        self._settling = Settling(settle_s)
        self._notices = Notices()
        self._sources: dict[int, WatchedSource] = {}
        self._generation = -1
        self._rescans = 0
        self._rescan_at = 0.0
        self._compare_at: dict[int, float] = {}
        self._pause_s = 0.0
        self._write_at = 0.0
        self._tick_at = 0.0
        self._problems: dict[str, str] = {}
        self._told_skipped: set[tuple[str, str]] = set()
        self._stop = threading.Event()

    def run(self, stop_event: threading.Event | None = None) -> None:
        """Watch until the event is set; first brings the gallery up to date.

        Files that are being embedded when the event is set are left for the next run;
        what is done is committed.

        Raises:
            GalleryError: The gallery cannot be read any more.
        """
        self._stop = stop_event or threading.Event()
        self._rescan_at = time.monotonic() + self._rescan_s
        try:
            while not self._stop.is_set():
                self._tick()
                self._hear()
                self._look()
                self._take()
        except Stopping:
            logger.debug("stopped in the middle of an update; the rest comes next time")
        finally:
            self._notices.close()

    def _tick(self) -> None:
        """See which sources there are, and which came back or went away."""
        now = time.monotonic()
        if now < self._tick_at:
            return
        self._tick_at = now + TICK_S
        if self._gallery.generation != self._generation:
            self._generation = self._gallery.generation
            self._meet(self._gallery.sources())
        for source_id, watched in self._sources.items():
            if not watched.is_there and source_id not in self._compare_at:
                self._compare_at[source_id] = now

    def _meet(self, records: Iterable[SourceRecord]) -> None:
        """Take up new sources, and drop those that are no longer the gallery's."""
        wanted = {
            record.source_id: record
            for record in records
            if record.kind in KINDS and self._watches(record)
        }
        for source_id, watched in list(self._sources.items()):
            if wanted.get(source_id) != watched.record:
                del self._sources[source_id]
                self._settling.drop(source_id)
                self._compare_at.pop(source_id, None)
        for source_id, record in wanted.items():
            if source_id not in self._sources:
                self._sources[source_id] = WatchedSource(self._gallery, record)
                self._compare_at[source_id] = 0.0

    def _hear(self) -> None:
        """Wait for notices, at most until something else is due."""
        now = time.monotonic()
        dues = [self._tick_at, self._rescan_at, *self._compare_at.values()]
        dues += [source.next_look or self._rescan_at for source in self._sources.values()]
        if (looked := self._settling.next_look) is not None:
            dues.append(max(looked + self._settle_s, self._write_at))
        if len(self._settling) and looked is None:
            dues.append(max(now + self._settle_s / 2, self._write_at))
        paths, is_lost = self._notices.next(min(dues) - now)
        if is_lost:
            self._begin_anew()
        if paths:
            self._sort(paths)

    def _sort(self, paths: Sequence[str]) -> None:
        """Find out what the notices are about."""
        are_folders = False
        for watched in self._sources.values():
            if watched.source.location in paths and watched.record.kind == "list":
                self._compare_at[watched.record.source_id] = time.monotonic() + self._settle_s
            for path in sorted(watched.names(paths)):  # folders before what lies in them
                if path:
                    are_folders |= self._heard_of(watched, path)
        if are_folders:
            self._sync_notices()

    def _heard_of(self, watched: WatchedSource, path: str) -> bool:
        """Note what a notice is about; tells whether it is about a folder."""
        location = watched.source.absolute(path)
        was_folder = watched.is_folder(path)
        if was_folder:
            # Perhaps it went and came again: then the system watches it no longer.
            self._note(watched, watched.gone(path))
            self._notices.remove_below(location)
        if watched.record.kind in {"folder", "glob"} and os.path.isdir(location):
            self._note(watched, watched.enter(path))
            return True
        if watched.wants(path):
            self._note(watched, [path])
        return was_folder

    def _note(self, watched: WatchedSource, paths: Iterable[str]) -> None:
        now = time.monotonic()
        for path in paths:
            location = watched.source.absolute(path)
            self._settling.note(watched.record.source_id, path, location, now)

    def _look(self) -> None:
        """Look for what nobody told, where that is due."""
        now = time.monotonic()
        for watched in self._sources.values():
            if (due := watched.next_look) is not None and due <= now:
                self._note(watched, watched.new_folders(now))
                self._sync_notices()
        if now >= self._rescan_at:
            self._rescan(now)
        for source_id in [key for key, due in self._compare_at.items() if due <= now]:
            self._compare(self._sources[source_id])

    def _rescan(self, now: float) -> None:
        self._rescans += 1
        self._rescan_at = now + self._rescan_s
        for source_id, watched in self._sources.items():
            if self._polls or self._rescans % THOROUGH_EVERY == 0 or not watched.is_there:
                self._compare_at.setdefault(source_id, now)
            else:
                self._note(watched, watched.changed_folders())
        self._sync_notices()

    def _compare(self, watched: WatchedSource) -> None:
        """Look at all of a source; what differs from the gallery has to settle."""
        source_id = watched.record.source_id
        started = time.monotonic()
        self._compare_at.pop(source_id, None)
        try:
            if not watched.is_there:
                # What was watched was another folder of that name.
                self._notices.remove(watched.leave())
                if not self._polls:
                    # Only what is watched before it is compared is missed by neither.
                    watched.compare()
                    self._sync_notices()
            paths = watched.compare()
        except SourceError as error:
            self._settling.drop(source_id)
            sentence = str(error)
            if isinstance(error, SourceNotFound):
                watched.leave()
                self._compare_at[source_id] = started + min(self._rescan_s, 2.0)
                sentence = f"{watched.why_gone(error)} {LEFT_ALONE}"
            self._trouble(f"source {source_id}", sentence)
        else:
            self._over(f"source {source_id}", f"{watched.record.location} is there again.")
            self._note(watched, paths)
        took = time.monotonic() - started
        logger.debug("looked at %s in %.2f s", watched.record.location, took)
        self._pause_s = took / MOST_LOOKING
        self._rescan_at = max(self._rescan_at, time.monotonic() + self._pause_s)
        self._sync_notices()

    def _begin_anew(self) -> None:
        """Watch all folders again after notices were lost, and look at everything."""
        self._notices.close()
        self._sync_notices()
        soon = time.monotonic() + max(2 * self._settle_s, self._pause_s)
        for source_id in self._sources:
            self._compare_at.setdefault(source_id, soon)

    def _sync_notices(self) -> None:
        """Let the system tell of the folders that there are now."""
        if self._polls:
            return
        folders = {folder for watched in self._sources.values() for folder in watched.folders}
        self._notices.remove(set(self._notices.folders) - folders)
        try:
            self._notices.add(folders)
        except NoticesExhausted as error:
            logger.debug("watchfiles: %s", error)
            self._notices.close()
            self._polls = True
            self._trouble(
                "notices",
                f"The system watches no more folders for this user: the sources are looked at "
                f"every {self._rescan_s:g} s instead; raise fs.inotify.max_user_watches to "
                "hear of changes at once.",
            )

    def _take(self) -> None:
        """Bring the gallery up to date with what has settled."""
        now = time.monotonic()
        if now < self._write_at:
            return
        settled = self._settling.take(MOST_AT_A_TIME, now)
        differing = self._differing(settled)
        if differing:
            self._update(differing)

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
            except (GalleryLocked, StorageFull) as error:
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
                )
            except Stopping:  # on a thread of somebody else, perhaps
                is_stopped.set()
                return UpdateReport()
            failures.extend(failed)
            return done

        report = self._write(work)
        if is_stopped.is_set():
            raise Stopping
        self._write_at = 0.0
        self._over("gallery", "The gallery can be written again.")
        for failure in failures:
            if not isinstance(failure, SourceNotFound):  # the next look at its root will tell
                self._trouble(str(failure), str(failure))
        self._report(report)

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
        if isinstance(error, StorageFull):
            self._write_at = now + FULL_AGAIN_S
            self._trouble("gallery", f"{error} It is tried again every {FULL_AGAIN_S:g} s.")
        else:
            self._write_at = now + LOCKED_AGAIN_S
            logger.info("%s It is tried again.", error)

    def _tell_failure(self, item: Settled, error: Exception) -> None:
        watched = self._sources.get(item.source_id)
        location = item.path if watched is None else watched.source.absolute(item.path)
        if not isinstance(error, LookalikeError):
            logger.debug("where it came from:", exc_info=error)
        self._on_problem(f"{location} was left out: {error}")

    def _trouble(self, what: str, sentence: str) -> None:
        """Say something once, until it is over."""
        if self._problems.get(what) != sentence:
            self._problems[what] = sentence
            self._on_problem(sentence)

    def _over(self, what: str, sentence: str) -> None:
        if self._problems.pop(what, None) is not None:
            self._on_problem(sentence)


def warn(sentence: str) -> None:
    """Log a sentence as the log has them, without its full stop."""
    logger.warning("%s", sentence.rstrip("."))


def parents(path: str) -> list[str]:
    """List a path's folders."""
    found = []
    while "/" in path:
        path = path.rpartition("/")[0]
        found.append(path)
    return found
