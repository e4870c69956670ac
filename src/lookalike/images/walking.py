"""Walking through a tree of folders, once each, whatever links say."""

from __future__ import annotations

import fnmatch
import logging
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, TypeAlias

__all__ = [
    "EVERYTHING",
    "GALLERY_MARKS",
    "GlobPattern",
    "Identity",
    "Names",
    "Progress",
    "identity_of",
    "walk",
]

logger = logging.getLogger(__name__)

# A folder that holds both of these is a gallery.
GALLERY_MARKS = frozenset({"catalog.sqlite", "segments"})

# Device and number of a folder: the same through every link that leads to it.
Identity: TypeAlias = tuple[int, int]

# How much of a glob the names so far have matched: see GlobPattern.
Progress: TypeAlias = frozenset[int]


class Names(Protocol):
    """Which names below the root are wanted."""

    def start(self) -> Progress:
        """Tell the progress at the root."""
        ...

    def step(self, progress: Progress, name: str) -> Progress:
        """Tell the progress after one more name; empty where nothing can follow."""
        ...

    def is_complete(self, progress: Progress) -> bool:
        """Tell whether a file may end here."""
        ...


class Everything:
    """Wants every name that is not hidden."""

    def start(self) -> Progress:
        """Begin."""
        return frozenset({0})

    def step(self, progress: Progress, name: str) -> Progress:
        """Go on, unless the name is hidden."""
        return frozenset() if name.startswith(".") else progress

    def is_complete(self, progress: Progress) -> bool:
        """Accept every file."""
        return True


EVERYTHING = Everything()


class GlobPattern:
    """Wants the names that a glob's parts match; ``**`` stands for any folders.

    Progress is the set of parts that may come next, as in a non-deterministic
    automaton: folders that cannot lead to a match are never opened. A leading
    dot is matched by a leading dot only, as in a shell.
    """

    def __init__(self, parts: Sequence[str]) -> None:
        self._parts = list(parts)
        self._patterns = [re.compile(fnmatch.translate(os.path.normcase(part))) for part in parts]

    def start(self) -> Progress:
        """Begin at the first part."""
        return self._with_skips({0})

    def step(self, progress: Progress, name: str) -> Progress:
        """Match one more name."""
        following: set[int] = set()
        for place in progress:
            if place == len(self._parts):
                continue
            if self._parts[place] == "**":
                if not name.startswith("."):
                    following.add(place)
            elif self._matches(place, name):
                following.add(place + 1)
        return self._with_skips(following)

    def is_complete(self, progress: Progress) -> bool:
        """Accept a file once every part is matched."""
        return len(self._parts) in progress

    def _matches(self, place: int, name: str) -> bool:
        if name.startswith(".") and not self._parts[place].startswith("."):
            return False
        return self._patterns[place].match(os.path.normcase(name)) is not None

    def _with_skips(self, places: set[int]) -> Progress:
        """Add the places behind each ``**``, which may stand for no folder at all."""
        reached = set(places)
        for place, part in enumerate(self._parts):
            if place in reached and part == "**":
                reached.add(place + 1)
        return frozenset(reached)


def identity_of(folder: str) -> Identity | None:
    """Tell which folder a path leads to; None where it leads to none."""
    try:
        facts = os.stat(folder)
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino


def walk(
    root: str,
    names: Names,
    *,
    barred: Collection[Identity] = (),
    on_unreadable: Callable[[str], object] | None = None,
    on_folder: Callable[[str, os.stat_result], object] | None = None,
    start: tuple[str, Progress] | None = None,
    is_elsewhere: Callable[[str], bool] | None = None,
) -> Iterator[tuple[str, os.stat_result]]:
    """Walk depth first, names sorted in each folder; linked folders after all others.

    Args:
        root: Absolute folder; always entered.
        names: Which names are wanted.
        barred: Folders not to enter.
        on_unreadable: Called with what cannot be looked into just now, as a path
            below the root: folders that refuse to be listed, entries that refuse
            to be looked at, links that lead nowhere (to an unplugged drive, say).
        on_folder: Called with each folder that is walked through, ``""`` for the root,
            and its facts from just before it was listed.
        start: The folder below the root to begin in, ending with a slash, and the
            progress there; the root by default.
        is_elsewhere: Asked of each linked folder whether a walk from the root
            finds what it leads to by another way: then it is left out.

    Yields:
        Path below the root, '/'-separated, and facts of each regular file.
    """
    visited: set[Identity] = set(barred)
    # An explicit stack: folders nest deeper than Python's calls may.
    stack: list[tuple[str, Progress]] = [start or ("", names.start())]
    linked: deque[tuple[str, Progress]] = deque()
    while stack or linked:
        is_link = not stack
        prefix, progress = stack.pop() if stack else linked.popleft()
        if is_link and is_elsewhere is not None and is_elsewhere(prefix.rstrip("/")):
            continue
        entries = enter(root, prefix, visited, on_unreadable, on_folder)
        folders: list[tuple[str, Progress]] = []
        for entry in entries:
            reached = names.step(progress, entry.name)
            if not reached:
                continue
            path = prefix + entry.name
            try:
                facts = entry.stat()
            except OSError as error:
                if on_unreadable is not None and not was_deleted(entry, error):
                    on_unreadable(path)
                continue
            if stat.S_ISDIR(facts.st_mode):
                (linked if entry.is_symlink() else folders).append((f"{path}/", reached))
            elif stat.S_ISREG(facts.st_mode) and names.is_complete(reached):
                yield path, facts
        stack.extend(reversed(folders))


def enter(
    root: str,
    prefix: str,
    visited: set[Identity],
    on_unreadable: Callable[[str], object] | None,
    on_folder: Callable[[str, os.stat_result], object] | None,
) -> list[os.DirEntry[str]]:
    """List a folder, sorted by name; nothing if it was visited, is a gallery, or refuses."""
    folder = os.path.join(root, prefix) if prefix else root
    try:
        facts = os.stat(folder)
        identity = facts.st_dev, facts.st_ino
        if prefix and identity in visited:
            return []
        visited.add(identity)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        logger.warning("folder %r cannot be listed: %s", folder, error.strerror)
        if on_unreadable is not None:
            on_unreadable(prefix.rstrip("/"))
        return []
    if prefix and {entry.name for entry in entries} >= GALLERY_MARKS:
        return []
    if on_folder is not None:
        on_folder(prefix.rstrip("/"), facts)
    return entries


def was_deleted(entry: os.DirEntry[str], error: OSError) -> bool:
    """Tell a file that was just deleted from one that is out of reach."""
    return isinstance(error, FileNotFoundError) and not entry.is_symlink()
