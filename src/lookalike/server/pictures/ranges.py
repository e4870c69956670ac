"""What part of a file a request asks for, and whether it has it already (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from typing import NamedTuple

__all__ = ["Span", "http_date", "is_known", "span_asked_for"]

SPAN = re.compile(r"\s*(\d{0,19})\s*-\s*(\d{0,19})\s*")
TAG = re.compile(r'(?:W/)?"[^"]*"')


class Span(NamedTuple):
    """The bytes from ``start`` to ``stop``, which is not among them."""

    start: int
    stop: int


def span_asked_for(
    headers: Mapping[str, str], size_bytes: int, *, tag: str, modified: str
) -> Span | None:
    """Read which part of a file is asked for.

    A header that asks for several parts, or makes no sense, asks for the whole file,
    and so does one about a state of the file that is not the present one (``If-Range``).

    Args:
        headers: Of the request.
        size_bytes: How long the file is.
        tag: Its ``ETag``.
        modified: Its ``Last-Modified``.

    Returns:
        The part; None for the whole file.

    Raises:
        ValueError: The file has none of the bytes that are asked for.
    """
    asked = headers.get("range", "")
    unit, _, rest = asked.partition("=")
    found = SPAN.fullmatch(rest)
    if unit.strip().lower() != "bytes" or found is None or found.groups() == ("", ""):
        return None
    if headers.get("if-range", tag).strip() not in {tag, modified}:
        return None
    first, last = found.groups()
    if first == "":
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start = int(first)
        stop = min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise ValueError(asked)
    return Span(start, stop)


def is_known(headers: Mapping[str, str], *, tag: str, modified_s: float | None = None) -> bool:
    """Tell whether whoever asks has the present state already.

    Args:
        headers: Of the request.
        tag: The present ``ETag``.
        modified_s: When the file was changed last; asked only where no tag is.
    """
    tags = headers.get("if-none-match")
    if tags is not None:
        known = {found.removeprefix("W/") for found in TAG.findall(tags)}
        return tags.strip() == "*" or tag.removeprefix("W/") in known
    since = headers.get("if-modified-since")
    if since is None or modified_s is None:
        return False
    try:
        return int(modified_s) <= parsedate_to_datetime(since).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return False


def http_date(seconds: float) -> str:
    """Write a moment as headers do; one that has no such form as the nearest that has."""
    return formatdate(min(max(seconds, 0), 253_402_300_799), usegmt=True)
