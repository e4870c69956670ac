"""Waiting until files are complete: half of a picture is none."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Place", "Settled", "Settling"]

# A deletion waits for files that appeared at its time, which may be the same picture under
# another name; but for those that are still growing no longer than this.
PATIENCE_S = 5.0

# Size, time of change and number of a file; None where none is.
Facts = tuple[int, int, int] | None
# A source_id, and a path as that source names it.
Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Settled:
    """A path that looked the same twice.

    Attributes:
        source_id: Of the source that it belongs to.
        path: As the source names it.
        size_bytes: Of the file; None where there is none any more.
        mtime_ns: When it was changed last.
    """

    source_id: int
    path: str
    size_bytes: int | None
    mtime_ns: int = 0


@dataclass(slots=True)
class Sighting:
    """What was seen at a path so far.

    Attributes:
        location: Absolute.
        facts: What the last look saw.
        since: When that was first seen, on the clock that ``Settling`` is told.
        noted: When the path came.
    """

    location: str
    facts: Facts
    since: float
    noted: float


class Settling:
    """Paths that something happened to, until two looks at them see the same.

    Args:
        settle_s: Seconds between the two looks.
    """

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._waiting: dict[Place, Sighting] = {}
        self._ready: dict[Place, Sighting] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._ready)

    def note(self, source_id: int, path: str, location: str, now: float) -> None:
        """Begin to look at a path; one that waits already keeps its place."""
        place = (source_id, path)
        before = self._ready.pop(place, None)
        if place not in self._waiting:
            noted = now if before is None else before.noted
            self._waiting[place] = Sighting(location, facts_of(location), now, noted)

    def drop(self, source_id: int) -> None:
        """Forget the paths of one source."""
        for places in (self._waiting, self._ready):
            for place in [place for place in places if place[0] == source_id]:
                del places[place]

    def next_take(self, now: float) -> float | None:
        """Tell when something may have settled; None where nothing waits."""
        if self._waiting:
            return min(item.since for item in self._waiting.values()) + self._settle_s
        return now + self._settle_s / 2 if self._ready else None

    def take(self, most: int, now: float) -> list[Settled]:
        """Look again at what is due, and hand over what settled, oldest first.

        Files come before deletions, so that a picture that moved is found under its
        new name before its old one is given up.

        Args:
            most: How many at most; a deletion takes a place, too.
            now: The time.
        """
        self._look_again(now)
        there = [place for place, item in self._ready.items() if item.facts is not None]
        taken = there[:most]
        if len(taken) < most:
            held_since = self._oldest_file(now, there[most:])
            gone = (
                place
                for place, item in self._ready.items()
                if item.facts is None and item.noted + 2 * self._settle_s < held_since
            )
            taken += [place for place, _ in zip(gone, range(most - len(taken)), strict=False)]
        return [settled(place, self._ready.pop(place).facts) for place in taken]

    def put_back(self, items: Iterable[Settled], now: float) -> None:
        """Keep what could not be used just now."""
        for item in items:
            facts = None if item.size_bytes is None else (item.size_bytes, item.mtime_ns, 0)
            self._ready[item.source_id, item.path] = Sighting("", facts, now, now)

    def _look_again(self, now: float) -> None:
        due = [
            (place, item)
            for place, item in self._waiting.items()
            if item.since + self._settle_s <= now
        ]
        for place, item in due:
            facts = facts_of(item.location)
            if facts == item.facts:
                self._ready[place] = self._waiting.pop(place)
            else:
                item.facts, item.since = facts, now

    def _oldest_file(self, now: float, left: Iterable[Place]) -> float:
        """Tell when the oldest file came that a deletion has to wait for."""
        noted = [self._ready[place].noted for place in left]
        noted += [
            item.noted
            for item in self._waiting.values()
            if item.facts is not None and now - item.noted < PATIENCE_S
        ]
        return min(noted, default=float("inf"))


def facts_of(location: str) -> Facts:
    """Look at a file; a folder has a fixed look, since its own date says nothing here."""
    try:
        found = os.stat(location)
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return 0, 0, found.st_ino
    return found.st_size, found.st_mtime_ns, found.st_ino


def settled(place: Place, facts: Facts) -> Settled:
    """Make what is handed over of what was seen."""
    return Settled(*place, None) if facts is None else Settled(*place, facts[0], facts[1])
