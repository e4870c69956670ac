"""What was removed by hand, and stays out while its content is what it was."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lookalike.errors import ImageOutOfReach, ImageUnreadable
from lookalike.gallery import Gallery, Skipped
from lookalike.gallery.locations import lies_at
from lookalike.images import Source, content_hash, read_file
from lookalike.images.sources import KINDS

__all__ = [
    "REMOVED_BY_HAND",
    "RemovedPictures",
    "has_left",
    "has_removed",
    "is_removed",
    "removed_reason",
    "without_restored",
]

REMOVED_BY_HAND = "It was removed by hand, and its file has not changed since."
# The catalog has no column for it, and needs none: few files are removed by hand.
CONTENT = " Its content: "


def removed_reason(content: str) -> str:
    """Write down that a file was removed by hand, and what it held."""
    return f"{REMOVED_BY_HAND}{CONTENT}{content}"


def is_removed(item: Skipped) -> bool:
    """Tell whether a file is left out since it was removed by hand."""
    return item.reason.startswith(REMOVED_BY_HAND)


def content_of(item: Skipped) -> str:
    """Read what a removed file held; empty where that was not noted."""
    return item.reason.partition(CONTENT)[2] if is_removed(item) else ""


def has_left(item: Skipped, location: str) -> bool:
    """Tell whether a removed picture is not where it was: no file is there, or another picture."""
    if not is_removed(item):
        return False
    try:
        facts = os.stat(location)
        if (facts.st_size, facts.st_mtime_ns) == (item.size_bytes, item.mtime_ns):
            return False
        return content_hash(read_file(location)) != content_of(item)
    except (OSError, ImageOutOfReach) as error:
        # What is merely out of sight may be there all the same.
        return isinstance(error, (FileNotFoundError, NotADirectoryError))
    except ImageUnreadable:
        return True


def without_restored(
    skipped: Mapping[str, Skipped], source: Source, restore: Sequence[str]
) -> dict[str, Skipped]:
    """Leave out what was removed by hand and is asked for again, so that it counts as new.

    Args:
        skipped: Of the source, by path.
        source: Whose paths.
        restore: Absolute paths of pictures and folders.
    """
    return {
        path: item
        for path, item in skipped.items()
        if not (is_removed(item) and any(lies_at(source.absolute(path), at) for at in restore))
    }


def has_removed(gallery: Gallery, place: str) -> bool:
    """Tell whether a picture at an absolute path, or one below it, was removed by hand."""
    return any(
        is_removed(item) and lies_at(source.absolute(item.path), place)
        for record in gallery.sources()
        if record.kind in KINDS
        for source in [Source(record.kind, record.location)]
        for item in gallery.skipped(record.source_id)
    )


class RemovedPictures:
    """The files of a source that were removed by hand, by where they were and what they held.

    ``holds`` is called by decoding threads.

    Args:
        skipped: What the source is known to leave out.
        gone: Those paths of it at which there is no file any more, or another one: what
            they held may have another name now.
    """

    def __init__(self, skipped: Iterable[Skipped] = (), gone: Iterable[str] = ()) -> None:
        self._one_at_a_time = threading.Lock()
        self._notes = {item.path: item for item in skipped if content_of(item)}
        self._content = {path: content_of(item) for path, item in self._notes.items()}
        self._renamed: dict[str, str] = {}
        self._gone: defaultdict[str, list[str]] = defaultdict(list)
        for path in gone:
            if path in self._content:
                self._gone[self._content[path]].append(path)

    @property
    def renamed(self) -> tuple[str, ...]:
        """The paths at which removed files were, before they got another name."""
        return tuple(self._renamed)

    def is_at(self, path: str, content: str) -> bool:
        """Tell whether a file is one that was removed at that very path."""
        return self._content.get(path) == content

    def holds(self, path: str, content: str) -> bool:
        """Tell whether a file is one that was removed: touched, or under another name."""
        if self.is_at(path, content):
            return True
        with self._one_at_a_time:
            waiting = self._gone.get(content)
            if not waiting:
                return False
            self._renamed[waiting.pop()] = path
            return True

    def note_for(self, path: str) -> Skipped | None:
        """Take a note along to a path at which a removed file was, which is under another name.

        That name may have been another removed file's, which is not found yet: where names
        were swapped, it is here.
        """
        at = path
        while at in self._renamed:
            at = self._renamed[at]
        note = self._notes.get(at)
        return None if note is None else replace(note, path=path)
