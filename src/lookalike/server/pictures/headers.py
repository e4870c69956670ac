"""Headers that say what a picture is, how long it keeps, and what it may do in a browser."""

from __future__ import annotations

import re
from urllib.parse import quote

from lookalike.gallery import ImageRecord
from lookalike.server.pictures.names import own_name
from lookalike.server.pictures.opening import is_imported, tag_of

__all__ = [
    "SAFE",
    "caching",
    "content_disposition",
    "is_shown_by_browsers",
    "media_type_of",
]

# By the catalog, never by the file's name.
MEDIA_TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "DIB": "image/bmp",
    "GIF": "image/gif",
    "HEIF": "image/heic",
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "PPM": "image/x-portable-anymap",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
SHOWN = frozenset({"AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP"})

# Whatever a file holds, a browser is to see a picture in it and nothing else.
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}

A_YEAR_S = 365 * 24 * 3600
# Of files that nothing is known of.
BRIEFLY_S = 60

PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]")


def media_type_of(record: ImageRecord) -> str:
    """Name the kind of a picture's file as the web does."""
    return MEDIA_TYPES.get(record.format, "application/octet-stream")


def is_shown_by_browsers(record: ImageRecord) -> bool:
    """Tell whether browsers in general can show a picture's format."""
    return record.format in SHOWN


def caching(record: ImageRecord, version: str | None) -> str:
    """Say how long an answer keeps: for good where the address carries the content hash."""
    if is_imported(record):
        return f"private, max-age={BRIEFLY_S}"
    if version and version == tag_of(record.content_hash):
        return f"private, max-age={A_YEAR_S}, immutable"
    return "private, no-cache"


def content_disposition(record: ImageRecord, *, is_download: bool) -> str:
    """Name a file for whoever saves it (RFC 6266): in ASCII, and as it is called."""
    kind = "attachment" if is_download else "inline"
    name = own_name(record)
    plain = PLAIN.sub("_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
