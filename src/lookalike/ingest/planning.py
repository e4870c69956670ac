"""What an update has to do: the folder as it is against the gallery as it was."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from lookalike.gallery import KnownImage, Skipped
from lookalike.images import ImageRef

__all__ = ["Moves", "Plan", "is_same_file", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """One source's update.

    Attributes:
        to_read: Files that are new, or not as the gallery saw them last.
        unchanged: Images whose files have the size and time they had.
        gone: Images whose files are not there any more, by path.
        still_skipped: Files that were left out, and have not changed since.
        vanished: Files that were left out, and are not there any more.
    """

    to_read: tuple[ImageRef, ...] = ()
    unchanged: tuple[str, ...] = ()
    gone: Mapping[str, KnownImage] = field(default_factory=dict)
    still_skipped: tuple[Skipped, ...] = ()
    vanished: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many picture files the source holds."""
        return len(self.to_read) + len(self.unchanged) + len(self.still_skipped)

    def sparing(self, is_out_of_sight: Callable[[str], bool]) -> Plan:
        """Take nothing for gone that merely could not be seen."""
        return replace(
            self,
            gone={path: image for path, image in self.gone.items() if not is_out_of_sight(path)},
            vanished=tuple(path for path in self.vanished if not is_out_of_sight(path)),
        )


class Moves:
    """Images whose files are gone, waiting to be found under another name.

    ``claim`` and ``awaits`` are called by decoding threads.

    Args:
        gone: The images.
        look_up: Asked for further ones with a content, where not all that is gone is
            known beforehand.
    """

    def __init__(
        self,
        gone: Iterable[KnownImage],
        look_up: Callable[[str], Iterable[KnownImage]] | None = None,
    ) -> None:
        self._one_at_a_time = threading.Lock()
        self._look_up = look_up
        self._further: dict[str, Iterator[KnownImage]] = {}
        self._by_content: defaultdict[str, deque[KnownImage]] = defaultdict(deque)
        for image in gone:
            self._by_content[image.content_hash].append(image)

    def claim(self, content: str) -> KnownImage | None:
        """Take one gone image with this content, so that it is renamed only once."""
        with self._one_at_a_time:
            waiting = self._by_content.get(content)
            return waiting.popleft() if waiting else self._found(content)

    def awaits(self, content: str) -> bool:
        """Tell whether an image with this content is gone, and nobody has claimed it yet."""
        with self._one_at_a_time:
            if not self._by_content.get(content):
                found = self._found(content)
                if found is None:
                    return False
                self._by_content[content].append(found)
            return True

    def _found(self, content: str) -> KnownImage | None:
        """Take the next of the further ones: however many copies come, each is looked at once."""
        if self._look_up is None:
            return None
        if content not in self._further:
            self._further[content] = iter(self._look_up(content))
        return next(self._further[content], None)

    def left(self) -> list[KnownImage]:
        """Return the images that nobody claimed: their pictures are really gone."""
        return [image for waiting in self._by_content.values() for image in waiting]


def make_plan(
    found: Iterable[ImageRef], known: Mapping[str, KnownImage], skipped: Mapping[str, Skipped]
) -> Plan:
    """Compare the files that are there with what the gallery knows, by size and time."""
    to_read: list[ImageRef] = []
    unchanged: list[str] = []
    still_skipped: list[Skipped] = []
    seen: set[str] = set()
    for ref in found:
        if ref.path in seen:  # a list may name a file twice
            continue
        seen.add(ref.path)
        image, failure = known.get(ref.path), skipped.get(ref.path)
        if image is not None and is_same_file(ref, image):
            unchanged.append(ref.path)
        elif failure is not None and is_same_file(ref, failure):
            still_skipped.append(failure)
        else:
            to_read.append(ref)
    return Plan(
        to_read=tuple(to_read),
        unchanged=tuple(unchanged),
        gone={path: image for path, image in known.items() if path not in seen},
        still_skipped=tuple(still_skipped),
        vanished=tuple(path for path in skipped if path not in seen),
    )


def is_same_file(ref: ImageRef, seen: KnownImage | Skipped) -> bool:
    """Tell whether size and modification time are what they were."""
    return (ref.size_bytes, ref.mtime_ns) == (seen.size_bytes, seen.mtime_ns)
