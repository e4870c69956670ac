"""Names for files that go to other machines: harmless on each of them, and no two alike."""

from __future__ import annotations

import os
import re
import unicodedata

from lookalike.gallery import ImageRecord

__all__ = ["UniqueNames", "own_name", "safe_name"]

# What Windows takes for something else, and what would lead out of a folder.
ODD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069\ufffd]')
DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
LONGEST_BYTES = 180


def own_name(record: ImageRecord) -> str:
    """Tell what a picture's file is called, without its folder; bytes of no Unicode as marks."""
    return os.fsencode(record.path.rsplit("/", 1)[-1]).decode("utf-8", "replace")


def safe_name(name: str) -> str:
    """Make a name that every system takes, and none for something else."""
    name = ODD.sub("_", unicodedata.normalize("NFC", name)).strip(" .")
    if DEVICES.match(name):
        name = f"_{name}"
    stem, ending = os.path.splitext(name)
    while len((stem + ending).encode()) > LONGEST_BYTES:
        stem, ending = (stem[:-1], ending) if stem else ("picture", "")
    return stem + ending or "picture"


class UniqueNames:
    """Gives each file a name of its own, also where upper and lower case are the same.

    Args:
        taken: Names that are not given.
    """

    def __init__(self, *taken: str) -> None:
        self._taken = {name.casefold() for name in taken}
        self._next: dict[str, int] = {}

    def name(self, wanted: str) -> str:
        """Give a safe name, numbered where it is taken."""
        safe = safe_name(wanted)
        stem, ending = os.path.splitext(safe)
        while safe.casefold() in self._taken:
            number = self._next.get(stem.casefold(), 2)
            self._next[stem.casefold()] = number + 1
            safe = f"{stem} ({number}){ending}"
        self._taken.add(safe.casefold())
        return safe
