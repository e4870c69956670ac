"""The lookout: hears of files, looks for what nobody told, and lets all of it settle."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from lookalike.errors import SourceError, SourceNotFound
from lookalike.gallery import Gallery, SourceRecord
from lookalike.images.sources import KINDS
from lookalike.ingest.watching.notices import Notices, NoticesExhausted
from lookalike.ingest.watching.settling import Settling
from lookalike.ingest.watching.troubles import Troubles
from lookalike.ingest.watching.watched import WatchedSource

__all__ = ["Lookout"]

logger = logging.getLogger(__name__)

# How often sources are looked for, and how soon a wish to stop is heard.
TICK_S = 0.5
# Every so many rescans look at each file, not at the dates of folders only.
THOROUGH_EVERY = 10
# A look at everything may take at most this share of the time.
MOST_LOOKING = 0.1
# How soon a source that went away is looked for again, at the latest.
GONE_AGAIN_S = 2.0

LEFT_ALONE = "Nothing of it is forgotten, and it is watched again when it can be."


class Lookout:
    """Finds the paths that something may have happened to, and gives them to ``settling``.

    Args:
        gallery: Whose sources.
        settling: Takes the paths.
        troubles: Told of sources that went away.
        settle_s: Seconds between two looks at a file.
        rescan_s: Seconds between two looks for what nobody told.
        polls: Whether to do without the system's notices.
        watches: Which sources are watched.
    """

    def __init__(
        self,
        gallery: Gallery,
        settling: Settling,
        troubles: Troubles,
        *,
        settle_s: float,
        rescan_s: float,
        polls: bool,
        watches: Callable[[SourceRecord], bool],
    ) -> None:
        self._gallery = gallery
        self._settling = settling
        self._troubles = troubles
        self._settle_s = settle_s
        self._rescan_s = rescan_s
        self._polls = polls
        self._watches = watches
        self._notices = Notices()
        self._sources: dict[int, WatchedSource] = {}
        self._generation = -1
        self._tick_at = 0.0
        self._rescans = 0
        self._rescan_at = time.monotonic() + rescan_s
        self._compare_at: dict[int, float] = {}
        self._pause_s = 0.0

    @property
    def sources(self) -> Mapping[int, WatchedSource]:
        """What is watched, by source_id."""
        return self._sources

    def close(self) -> None:
        """Hear nothing any more."""
        self._notices.close()

    def tick(self) -> None:
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

    def hear(self, write_at: float) -> None:
        """Wait for notices, at most until something else is due.

        Args:
            write_at: Before this moment nothing that settled is taken.
        """
        now = time.monotonic()
        dues = [self._tick_at, self._rescan_at, *self._compare_at.values()]
        dues += [source.next_look or self._rescan_at for source in self._sources.values()]
        if (settles := self._settling.next_take(now)) is not None:
            dues.append(max(settles, write_at))
        paths, is_lost = self._notices.next(min(dues) - now)
        if is_lost:
            self._begin_anew()
        if paths:
            self._sort(paths)

    def look(self) -> None:
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
                self._compare_at[source_id] = started + min(self._rescan_s, GONE_AGAIN_S)
                sentence = f"{watched.why_gone(error)} {LEFT_ALONE}"
            self._troubles.begin(f"source {source_id}", sentence)
        else:
            self._troubles.end(f"source {source_id}", f"{watched.record.location} is there again.")
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
            self._troubles.begin(
                "notices",
                f"The system watches no more folders for this user: the sources are looked at "
                f"every {self._rescan_s:g} s instead; raise fs.inotify.max_user_watches to "
                "hear of changes at once.",
            )
