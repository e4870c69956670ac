"""Names of files that come from strangers or go to them: harmless on each machine."""

from __future__ import annotations

import os
import re
import unicodedata

from lookalike.gallery import ImageRecord
from lookalike.images import PICTURE_EXTENSIONS

__all__ = [
    "LONGEST_NAME",
    "UniqueNames",
    "name_to_keep",
    "numbered",
    "own_name",
    "safe_name",
    "said_name",
]

# Of what a sender calls a file, as it is told to people.
LONGEST_NAME = 200

# What some system gives a meaning to; the last stands for bytes of no Unicode.
RESERVED = frozenset('<>:"/\\|?*\ufffd')
# What shells give one to, besides: a name that a stranger chose has none of them.
OF_SHELLS = frozenset("'`$;&!~{}[]")
# Windows takes these for a device, whatever comes after a dot.
DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)", re.IGNORECASE)

# Control characters, halves of characters, ends of lines, and marks that nobody sees.
UNSEEN = frozenset({"Cc", "Cs", "Cf", "Zl", "Zp"})
# Two of these join letters: in Persian, and in pictures made of several.
JOINERS = frozenset("\u200c\u200d")

# Most file systems end at 255: a number and '.metadata' come on top.
LONGEST_BYTES = 180

# Of a file that has none by which folders are listed.
EXTENSIONS = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "DIB": ".dib",
    "GIF": ".gif",
    "HEIF": ".heic",
    "JPEG": ".jpg",
    "PNG": ".png",
    "PPM": ".ppm",
    "TIFF": ".tif",
    "WEBP": ".webp",
}


def own_name(record: ImageRecord) -> str:
    """Tell what a picture's file is called, without its folder; bytes of no Unicode as marks."""
    return os.fsencode(record.path.rsplit("/", 1)[-1]).decode("utf-8", "replace")


def said_name(sent: str | None) -> str | None:
    """Make a name to tell of what a sender calls a file: its last part, as far as it is seen.

    For people; never a name to write to. None where nothing is left.
    """
    plain = "".join(letter for letter in last_part(sent or "") if letter.isprintable())
    return plain[:LONGEST_NAME].strip() or None


def safe_name(name: str) -> str:
    """Make a name that every system takes, and none for something else."""
    return fitted(*os.path.splitext(harmless(name)))


def name_to_keep(sent: str, form: str) -> str:
    """Make a name under which a stranger's picture is kept, of what the sender calls it.

    With the extension of a picture, since folders are listed by it.

    Args:
        sent: Anything.
        form: The format that its first bytes tell: ``"JPEG"``, ``"PNG"`` and so on.
    """
    plain = harmless(last_part(sent), OF_SHELLS).strip(" .-")
    stem, extension = os.path.splitext(plain)
    if extension.lower() not in PICTURE_EXTENSIONS:
        stem, extension = plain, EXTENSIONS[form]
    return fitted(stem.rstrip(" .-"), extension.lower())


def numbered(name: str, number: int) -> str:
    """Write a number into a name: ``cat (2).jpg``."""
    stem, extension = os.path.splitext(name)
    return f"{stem} ({number}){extension}"


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
        first = safe = safe_name(wanted)
        stem = os.path.splitext(first)[0].casefold()
        while safe.casefold() in self._taken:
            number = self._next.get(stem, 2)
            self._next[stem] = number + 1
            safe = numbered(first, number)
        self._taken.add(safe.casefold())
        return safe


def last_part(name: str) -> str:
    """Leave out the folders, as any system writes them."""
    return name.replace("\\", "/").rpartition("/")[2]


def harmless(name: str, reserved: frozenset[str] = frozenset()) -> str:
    """Put a mark in the place of each character that means something, or is not seen."""
    return "".join(
        "_" if letter in RESERVED or letter in reserved or is_unseen(letter) else letter
        for letter in unicodedata.normalize("NFC", name)
    ).strip(" .")


def is_unseen(letter: str) -> bool:
    """Tell whether a character shows nothing, or turns around what comes after it."""
    return unicodedata.category(letter) in UNSEEN and letter not in JOINERS


def fitted(stem: str, extension: str) -> str:
    """Put a name together that is neither a device's nor too long, nor empty."""
    if DEVICES.match(stem + extension):
        stem = f"_{stem}"
    room = LONGEST_BYTES - len(extension.encode())
    if room < 1:
        stem, extension, room = stem + extension, "", LONGEST_BYTES
    stem = stem.encode()[:room].decode("utf-8", "ignore")  # cut between two characters
    return ((stem or "picture") + extension).rstrip(" .")
