"""Reading what strangers send: strict JSON, forms and pictures, each within its caps."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from starlette.requests import Request

from lookalike.errors import ImageTooLarge, UsageError
from lookalike.images.decoding import check_size
from lookalike.images.formats import open_picture
from lookalike.images.silence import silenced
from lookalike.server.forms import PicturePiece, read_parts
from lookalike.server.problems import Problem, of_status
from lookalike.server.settings import Limits

__all__ = [
    "Upload",
    "media_type",
    "parse_json",
    "parsed",
    "read_form",
    "read_json",
    "read_picture",
    "require_few_pixels",
    "wrong_media_type",
]

# What is longer is parsed in a thread, so that others need not wait.
LONG_BODY = 100_000

# In memory, a list of empty lists takes thirty times what it takes as JSON.
MOST_VALUES = 1_000_000


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture that came with a request.

    Attributes:
        name: What its sender calls it, for people; never a path to write to. None where
            nobody said.
        data: Its bytes.
    """

    name: str | None
    data: bytes


def media_type(request: Request) -> str:
    """Say of what kind a body is, without parameters; empty where nobody said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def wrong_media_type(request: Request, wanted: str) -> Problem:
    """Say what kind of body is read here."""
    found = media_type(request)
    sent = f"is {found!r:.80}" if found else "is not named"
    return of_status(415, f"The body's Content-Type {sent}: send {wanted}.")


async def read_json(request: Request) -> Any:
    """Read a body of JSON.

    Raises:
        Problem: It is said to be something else.
        UsageError: It is no JSON.
    """
    kind = media_type(request)
    if kind != "application/json":
        raise wrong_media_type(request, "application/json")
    return await parsed(await request.body())


async def parsed(body: bytes | str) -> Any:
    """Parse JSON, what is long in a thread.

    Raises:
        Problem: It holds more values than anybody asks for.
        UsageError: It is no JSON.
    """
    if len(body) > LONG_BODY:
        return await asyncio.to_thread(parse_json, body)
    return parse_json(body)


def parse_json(body: bytes | str) -> Any:
    """Read JSON as it is defined: no NaN, no key twice, no half characters.

    Raises:
        Problem: It holds more values than anybody asks for.
        UsageError: It is none.
    """
    require_few_values(body)
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=distinct, parse_constant=refused)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise UsageError("The JSON is nested too deeply: a query has few levels.") from None
    except ValueError as error:
        raise UsageError(
            f"The JSON cannot be read ({reason_of(error):.120}): send one value in UTF-8."
        ) from error
    return value


def require_few_values(body: bytes | str) -> None:
    """Refuse JSON of very many values before it is parsed: that would take memory and time.

    Raises:
        Problem: There are too many.
    """
    data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    if len(data) > MOST_VALUES and sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise of_status(
            413, f"The JSON has more than {MOST_VALUES:,} values: send fewer at a time."
        )


def reason_of(error: ValueError) -> str:
    """Say what is wrong with JSON, without the words of Python's settings."""
    if isinstance(error, UnicodeError):
        return "half a character is in it"
    return "a number is too long" if "digits" in str(error) else str(error)


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, and refuse a key that is there twice: one of the two would be ignored."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r:.40} is there twice")
    return made


def refused(word: str) -> NoReturn:
    """Refuse what Python reads and JSON does not have."""
    raise ValueError(f"{word} is no number of JSON")


async def read_picture(request: Request, limits: Limits) -> Upload:
    """Read a body that is a picture."""
    data = await request.body()
    if not data:
        raise UsageError("The body is empty: send a picture's bytes.")
    await asyncio.to_thread(require_few_pixels, data, limits)
    return Upload(None, data)


async def read_form(request: Request, limits: Limits) -> tuple[list[Upload], dict[str, str]]:
    """Read a form: its pictures, in the field ``picture``, and its other fields as text.

    Raises:
        Problem: It cannot be read, or goes beyond a limit.
        UsageError: A picture is empty; a field is there twice, or is no text.
        ImageTooLarge: A picture's header announces too many pixels.
    """
    uploads: list[Upload] = []
    data = bytearray()  # no list: a stranger decides how small the pieces are

    async def take(pieces: Sequence[PicturePiece]) -> None:
        for piece in pieces:
            data.extend(piece.data)
            if piece.is_last:
                uploads.append(await checked_upload(piece.name, bytes(data), limits))
                data.clear()

    fields = await read_parts(request, limits, take)
    return uploads, fields


async def checked_upload(name: str | None, data: bytes, limits: Limits) -> Upload:
    """Take a picture of a form, its header looked at."""
    if not data:
        raise UsageError(f"The picture {name or 'of the form'} is empty: send its bytes.")
    await asyncio.to_thread(require_few_pixels, data, limits, name)
    return Upload(name, data)


def require_few_pixels(data: bytes, limits: Limits, name: str | None = None) -> None:
    """Refuse a picture whose header announces more pixels than the cap; none is decoded.

    What cannot be read at all is left for decoding to tell.

    Raises:
        ImageTooLarge: It does.
    """
    try:
        with silenced():
            size = open_picture(data).size
    except Exception:  # damaged files make Pillow raise nearly anything
        return
    try:
        check_size(size, limits.max_pixels)
    except ImageTooLarge as error:
        raise ImageTooLarge(f"Cannot take {name or 'the picture'}: {error}.") from error
