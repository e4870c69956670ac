"""Names for files that strangers send: theirs, as far as a folder can bear them."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator

from lookalike.images import PICTURE_EXTENSIONS

__all__ = ["safe_name", "spellings"]

# What file systems and shells of any kind give a meaning to.
RESERVED = frozenset("<>:\"/\\|?*'`$;&!~{}[]")
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)

# Most file systems end at 255 bytes; a number and an extension come on top.
MOST_BYTES = 120

EXTENSIONS = {
    "AVIF": ".avif",
    "BMP": ".bmp",
    "DIB": ".dib",
    "GIF": ".gif",
    "HEIF": ".heic",
    "JPEG": ".jpg",
    "MPO": ".jpg",
    "PNG": ".png",
    "PPM": ".ppm",
    "TIFF": ".tif",
    "WEBP": ".webp",
}


def safe_name(sent: str, form: str) -> str:
    """Make a file name of what the sender calls a picture.

    The last part of a path, without control characters and without what has a meaning
    to a file system; with the extension of a picture, since folders are listed by it.

    Args:
        sent: Anything.
        form: The format that its first bytes tell: ``"JPEG"``, ``"PNG"`` and so on.
    """
    last = unicodedata.normalize("NFC", sent).replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter for letter in last if is_plain(letter)).strip(" .-")
    stem, extension = os.path.splitext(plain)
    if extension.lower() not in PICTURE_EXTENSIONS:
        stem, extension = plain, EXTENSIONS.get(form, ".jpg")
    stem = shortened(stem).strip(" .-") or "picture"
    if DEVICES.fullmatch(stem.partition(".")[0]):
        stem = f"{stem}-"
    return stem + extension.lower()


def spellings(name: str) -> Iterator[str]:
    """Yield a name, then the same with numbers: ``cat.jpg``, ``cat-2.jpg`` and so on."""
    yield name
    stem, extension = os.path.splitext(name)
    number = 1
    while True:
        number += 1
        yield f"{stem}-{number}{extension}"


def is_plain(letter: str) -> bool:
    """Tell whether a character may stand in a name: seen, and without a meaning."""
    return (letter not in RESERVED and unicodedata.category(letter)[0] not in {"C", "Z"}) or (
        letter == " "
    )


def shortened(stem: str) -> str:
    """Cut a name to what file systems take, between two characters."""
    return stem.encode("utf-8")[:MOST_BYTES].decode("utf-8", "ignore")
