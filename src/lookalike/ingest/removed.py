"""What was removed by hand, and stays out while its content is what it was."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from lookalike.errors import ImageOutOfReach, ImageUnreadable, UsageError
from lookalike.gallery import Gallery, ImageRecord, Skipped, SourceRecord
from lookalike.gallery.locations import Place, base_folder, lies_at, real_place
from lookalike.images import Source, content_hash, read_file
from lookalike.images.sources import KINDS

__all__ = [
    "REMOVED_BY_HAND",
    "RemovedAnywhere",
    "RemovedPictures",
    "has_left",
    "has_removed",
    "is_removed",
    "content_of",
    "without_restored",
]

REMOVED_BY_HAND = "It was removed by hand, and its file has not changed since."
# Before the catalog had a column for it, this sentence went on with what the file held.
CONTENT = " Its content: "


def is_removed(item: Skipped) -> bool:
    """Tell whether a file is left out since it was removed by hand."""
    return item.reason.startswith(REMOVED_BY_HAND)


def content_of(item: Skipped) -> str:
    """Tell what a removed file held; empty where that was not noted."""
    if not is_removed(item):
        return ""
    return item.content_hash or item.reason.partition(CONTENT)[2]


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


def removed_in(gallery: Gallery) -> Iterator[tuple[SourceRecord, Skipped]]:
    """List what was removed by hand in a gallery, each with its source."""
    for record in gallery.sources():
        for item in gallery.skipped(record.source_id):
            if is_removed(item):
                yield record, item


def was_at(record: SourceRecord, item: Skipped, place: str) -> bool:
    """Tell whether a removed picture was at an absolute path, or below it."""
    return lies_at(os.path.join(base_folder(record), item.path), place)


def has_removed(gallery: Gallery, place: str) -> bool:
    """Tell whether a picture at an absolute path, or one below it, was removed by hand."""
    return any(
        record.kind in KINDS and was_at(record, item, place) for record, item in removed_in(gallery)
    )


class RemovedAnywhere:
    """What was removed by hand in any of some galleries that are to become one.

    Args:
        galleries: Which; the notes of earlier ones go before those of later ones.
        restore: Absolute paths of pictures, or of folders with all below them, that are
            taken in again.

    Raises:
        UsageError: Nothing was removed by hand at one of those paths.
    """

    def __init__(self, galleries: Sequence[Gallery], restore: Sequence[str] = ()) -> None:
        self._notes: defaultdict[tuple[Place, str], list[Skipped]] = defaultdict(list)
        unused = dict.fromkeys(restore)
        for record, item in (found for gallery in galleries for found in removed_in(gallery)):
            wanted = [place for place in restore if was_at(record, item, place)]
            for place in wanted:
                unused.pop(place, None)
            if not wanted:
                self._notes[real_place(record), item.path].append(replace(item, source_id=0))
        for place in unused:
            raise UsageError(
                f"Nothing at {place} was removed by hand in these galleries: name a picture, or "
                "a folder, that was."
            )

    def lets_note(self, place: Place, item: Skipped) -> bool:
        """Tell whether to note a file of a source: where several were removed, only the first.

        What is taken in again is noted as removed no more.
        """
        notes = self._notes.get((place, item.path), [])
        return (replace(item, source_id=0) in notes[:1]) if is_removed(item) else not notes

    def holds(self, place: Place, image: ImageRecord) -> bool:
        """Tell whether an image of a source is what was removed somewhere, not another one."""
        facts = (image.size_bytes, image.mtime_ns)
        return any(
            content_of(note) == image.content_hash
            if content_of(note)
            else (note.size_bytes, note.mtime_ns) == facts
            for note in self._notes.get((place, image.path), ())
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
