"""From what was sent to what is asked: a query within the server's limits, and its page."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lookalike.errors import UsageError
from lookalike.index import SearchParams
from lookalike.search import Query, QueryPart
from lookalike.search.parts import KEYS
from lookalike.search.query import checked_count
from lookalike.search.strictness import finite_number, require_keys
from lookalike.search.wanted import USUAL_K
from lookalike.server.problems import Problem
from lookalike.server.reading import Upload, require_few_pixels
from lookalike.server.settings import Limits, ServerSettings

__all__ = ["Asked", "Asker", "asked_of", "require_few_addresses"]

# Files of this machine are for its own command line.
PART_KEYS = KEYS - {"picture"}
# Beyond these, a search costs more than comparing every row.
MOST_PARAM = 65_536
MOST_K_FACTOR = 1_000
LONGEST_COLUMN = 200
# No encoder gives so many.
LONGEST_EMBEDDING = 65_536

# Pictures that are fetched for one request: a few bytes would bring gigabytes, and others would
# be asked for them.
MOST_ADDRESSES = 8

# Stands for a picture until its bytes are put in its place.
PLACEHOLDER = "picture"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the page of its hits that is wanted.

    Attributes:
        query: Its k reaches to the end of the page.
        offset: Hits that are left out before the page.
        k: Hits of the page.
        params: How hard the index looks; None as it was tuned.
        with_embeddings: Whether the answer tells the embedding of each part.
    """

    query: Query
    offset: int
    k: int
    params: SearchParams | None
    with_embeddings: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """What the one who asks may do.

    Attributes:
        settings: Of the server: its limits, and whether addresses are fetched.
        may_name_files: Whether pictures may be files of this machine.
    """

    settings: ServerSettings
    may_name_files: bool = False

    @property
    def limits(self) -> Limits:
        """How much may be asked for."""
        return self.settings.limits


async def asked_of(told: Any, asker: Asker, uploads: Sequence[Upload] = ()) -> Asked:
    """Make a query of what was sent.

    Args:
        told: What ``Query.to_dict`` writes, and ``offset``, ``params`` and
            ``with_embeddings``; a part may also be ``{"upload": 0}`` or
            ``{"url": "https://..."}``.
        asker: Who asks.
        uploads: The pictures that came with it.

    Raises:
        UsageError: It makes no sense, or goes beyond a limit.
        ImageTooLarge: A picture's header announces too many pixels.
        Problem: It asks for what this server does not do.
    """
    known = {*(item.name for item in fields(Query)), "offset", "params", "with_embeddings"}
    require_keys(told, known, owner="A query")
    values = dict(told)
    offset = checked_offset(values.pop("offset", 0))
    k = checked_count(values.get("k", USUAL_K))
    values["k"] = require_page(offset, k, asker.limits)
    params = checked_params(values.pop("params", None))
    with_embeddings = checked_claim("with_embeddings", values.pop("with_embeddings", False))
    require_short(values, asker.limits)
    parts = parts_of(values.get("parts", []), uploads, asker)
    require_few_addresses(parts)
    values["parts"] = [plain_part(part, asker) for part in parts]
    query = await made(values)
    if offset and query.diversity:
        raise UsageError(
            "Diversity orders one page of hits, and has no next one: ask for more hits with k."
        )
    filled = await filled_parts(query.items, parts, uploads, asker)
    return Asked(replace(query, parts=filled), offset, k, params, with_embeddings)


async def made(values: dict[str, Any]) -> Query:
    """Make a query, in a thread where bytes or numbers have to be read."""
    parts = [part for part in values["parts"] if isinstance(part, Mapping)]
    if any("base64" in part or "embedding" in part for part in parts):
        return await asyncio.to_thread(Query.from_dict, values, paths=True)
    return Query.from_dict(values, paths=True)


def checked_offset(offset: object) -> int:
    """Refuse what is no place of a hit."""
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise UsageError(f"offset is {offset!r:.60}: give how many hits to leave out, from 0.")
    return offset


def checked_claim(name: str, told: object) -> bool:
    """Refuse what is neither true nor false."""
    if not isinstance(told, bool):
        raise UsageError(f"{name} is {told!r:.60}: say true or false.")
    return told


def require_page(offset: int, k: int, limits: Limits) -> int:
    """Say how many hits have to be found for a page, where that is not too many."""
    if k > limits.max_k or offset > limits.max_k - k:
        raise UsageError(
            f"{k!r:.20} hits after the first {offset!r:.20} were asked for, and this server finds "
            f"{limits.max_k} in all: ask for fewer."
        )
    return offset + k


def checked_params(told: Any) -> SearchParams | None:
    """Read how hard the index is to look, within reason."""
    if told is None:
        return None
    names = {item.name for item in fields(SearchParams)}
    require_keys(told, names, owner="The params of a query")
    for name, value in told.items():
        most = MOST_K_FACTOR if name == "k_factor" else MOST_PARAM
        number = finite_number(value)
        is_whole = name == "k_factor" or isinstance(value, int)
        if value is not None and (number is None or not is_whole or not 1 <= number <= most):
            raise UsageError(f"{name} is {value!r:.60}: give a number from 1 to {most}.")
    return SearchParams.from_dict(dict(told))


def require_short(values: Mapping[str, Any], limits: Limits) -> None:
    """Refuse texts, filters and lists that are longer than anybody writes.

    Raises:
        UsageError: One is.
    """
    caps = {
        "where": limits.max_where,
        "template": limits.max_text,
        "group_by": LONGEST_COLUMN,
        "combine": LONGEST_COLUMN,
    }
    for name, most in caps.items():
        require_length(name, values.get(name), most)
    parts = values.get("parts", [])
    if not isinstance(parts, list):
        raise UsageError(f"The parts of a query are a list, not {parts!r:.60}.")
    require_count(len(parts), "parts", limits.max_parts)
    for part in parts:
        if isinstance(part, Mapping):
            require_length("text", part.get("text"), limits.max_text)
            require_length("name", part.get("name"), limits.max_text)
            embedding = part.get("embedding")
            if isinstance(embedding, list):
                require_count(len(embedding), "numbers in an embedding", LONGEST_EMBEDDING)
    feedback = values.get("feedback")
    if isinstance(feedback, Mapping):
        for name in ("kept", "rejected"):
            told = feedback.get(name)
            if isinstance(told, list):
                require_count(len(told), f"{name} images", limits.max_k)


def require_length(name: str, value: object, most: int) -> None:
    """Refuse a long text."""
    if isinstance(value, str) and len(value) > most:
        raise UsageError(
            f"The {name} of a query has {len(value)} characters, and this server reads {most} at "
            "most: shorten it."
        )


def require_count(count: int, what: str, most: int) -> None:
    """Refuse a long list."""
    if count > most:
        raise UsageError(
            f"A query has {count} {what}, and this server takes {most} at most: send fewer."
        )


def require_few_addresses(parts: Sequence[Any]) -> None:
    """Refuse a request that would send the server to many places."""
    count = sum(isinstance(part, Mapping) and "url" in part for part in parts)
    if count > MOST_ADDRESSES:
        raise UsageError(
            f"The request names the addresses of {count} pictures, and {MOST_ADDRESSES} are "
            "fetched at most: fetch them yourself and send the files."
        )


def parts_of(parts: list[Any], uploads: Sequence[Upload], asker: Asker) -> list[Any]:
    """Take each upload as a part where none is named; else all have to be in use.

    Raises:
        UsageError: An upload is named by no part, or there are too many.
    """
    if not parts:
        require_count(len(uploads), "parts", asker.limits.max_parts)
        return [{"upload": number} for number in range(len(uploads))]
    named = {part.get("upload") for part in parts if is_upload(part)}
    for number in range(len(uploads)):
        if number not in named:
            raise UsageError(
                f"Picture {number} of the form is in no part of the query: name it as "
                f'{{"upload": {number}}}, or leave it out.'
            )
    return parts


def is_upload(part: Any) -> bool:
    """Tell whether a part names a picture of the form by its number."""
    number = part.get("upload") if isinstance(part, Mapping) else None
    return isinstance(number, int) and not isinstance(number, bool)


def plain_part(part: Any, asker: Asker) -> Any:
    """Write a part as ``Query.from_dict`` knows it: what is still to come as a placeholder.

    Raises:
        UsageError: It is two things at once, or names a file where that is not allowed.
        Problem: It names an address, and addresses are not fetched.
    """
    require_part_keys(part, asker)
    later = [key for key in ("upload", "url") if key in part]
    if not later:
        if "picture" in part:
            require_file(part, asker)
        return part
    others = [key for key in ("picture", "base64", *later[1:]) if key in part]
    if others:
        raise UsageError(f"A part of a query has {later[0]} and {others[0]}: make a part of each.")
    if later[0] == "url" and not asker.settings.allow_urls:
        raise Problem(
            403,
            "Addresses are not fetched here",
            "The query names the address of a picture, and this server fetches none: send the "
            "picture itself, or let it be started with --allow-urls.",
            slug="urls-not-allowed",
            error="AccessDenied",
        )
    return {**{key: part[key] for key in part if key != later[0]}, "picture": PLACEHOLDER}


def require_part_keys(part: Any, asker: Asker) -> None:
    """Refuse what is no part, or has a key that nobody knows; name the keys that work here.

    Raises:
        UsageError: It is so.
    """
    names = {*PART_KEYS, "upload"} | ({"url"} if asker.settings.allow_urls else set())
    # Of two a sentence of their own says why they do not work here.
    is_part = isinstance(part, Mapping)
    told = {key: part[key] for key in part if key not in {"picture", "url"}} if is_part else part
    require_keys(told, names, owner="A part of a query")


def require_file(part: Mapping[str, Any], asker: Asker) -> None:
    """Refuse the name of a file, but from this machine's own command line.

    Raises:
        UsageError: A stranger names one, or its folder is not said.
    """
    part_read = QueryPart.from_dict(part, paths=asker.may_name_files)
    if not os.path.isabs(str(part_read.picture)):
        raise UsageError(
            f"The query names the file {part['picture']!r:.200}, and the server may run in another "
            "folder: give its whole path."
        )


async def filled_parts(
    items: Sequence[QueryPart], told: Sequence[Any], uploads: Sequence[Upload], asker: Asker
) -> tuple[QueryPart, ...]:
    """Put pictures in the places of their placeholders; those of addresses are fetched at once.

    Raises:
        UsageError: A part names an upload that is not there.
        ImageTooLarge: A picture has too many pixels.
    """
    return tuple(
        await asyncio.gather(
            *(filled(item, part, uploads, asker) for item, part in zip(items, told, strict=True))
        )
    )


async def filled(
    item: QueryPart, part: Mapping[str, Any], uploads: Sequence[Upload], asker: Asker
) -> QueryPart:
    """Put its picture into a part."""
    if "upload" in part:
        upload = named_upload(part["upload"], uploads)
        return replace(item, picture=upload.data, name=item.name or upload.name)
    if "url" in part:
        data = await fetched(part["url"], asker)
        name = item.name or str(part["url"])[:LONGEST_COLUMN]
        await asyncio.to_thread(require_few_pixels, data, asker.limits)
        return replace(item, picture=data, name=name)
    if isinstance(item.picture, bytes):
        await asyncio.to_thread(require_few_pixels, item.picture, asker.limits)
    return item


def named_upload(number: Any, uploads: Sequence[Upload]) -> Upload:
    """Find the picture that a part names."""
    numbers = range(len(uploads))
    if isinstance(number, bool) or not isinstance(number, int) or number not in numbers:
        raise UsageError(
            f"A part of the query is upload {number!r:.40}, and {len(uploads)} pictures came with "
            "it: number them from 0, in the order of the form."
        )
    found: Upload = uploads[number]
    return found


async def fetched(url: Any, asker: Asker) -> bytes:
    """Fetch the picture at an address."""
    from lookalike.server.safety.fetching import fetch_picture

    if not isinstance(url, str):
        raise UsageError(f"The url of a part is a text, not {url!r:.60}.")
    require_length("url", url, asker.limits.max_text)
    return await fetch_picture(url, asker.limits)
