"""Queries on their way to a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

from lookalike.client.connections import Body
from lookalike.client.multipart import FormField, form_body
from lookalike.images import decode
from lookalike.index import SearchParams
from lookalike.search import Query, QueryPart
from lookalike.search.reading import read_query
from lookalike.vectors import to_queries

__all__ = ["json_body", "query_body", "query_groups"]

# What servers read of a part's name; it is for people only.
LONGEST_NAME = 1000

# Half of what a server takes in one request, unless it was told otherwise.
GROUP_QUERIES = 32
GROUP_CHARACTERS = 2**25
GROUP_HITS = 5_000

# Stands for a picture that goes another way.
STAND_IN = "picture"


def json_body(value: Any) -> Body:
    """Write JSON."""
    return Body.of(json_bytes(value), "application/json")


def json_bytes(value: Any) -> bytes:
    """Write JSON in ASCII."""
    return json.dumps(value, allow_nan=False).encode("ascii")


def query_body(query: Query, *, offset: int, params: SearchParams | None) -> Body:
    """Write a query; its pictures go beside it, as the bytes that they are.

    Raises:
        ImageError: A picture cannot be read here.
    """
    pictures: list[bytes] = []

    def numbered(part: QueryPart) -> dict[str, Any]:
        pictures.append(picture_bytes(part))
        return {"upload": len(pictures) - 1}

    told = written(query, numbered, offset=offset, params=params)
    if not pictures:
        return json_body(told)
    files = [FormField("picture", data, file_name="") for data in pictures]
    return form_body([FormField("query", json_bytes(told)), *files])


def query_groups(
    queries: Sequence[Query], params: SearchParams | None
) -> Iterator[list[dict[str, Any]]]:
    """Write queries as JSON holds them, as many together as a server takes at once.

    Raises:
        ImageError: A picture cannot be read here.
    """
    group: list[dict[str, Any]] = []
    size = hits = pictures = 0
    for query in queries:
        told = whole_query(query, params)
        sent = [part["base64"] for part in told["parts"] if "base64" in part]
        is_full = (
            len(group) == GROUP_QUERIES
            or size + sum(map(len, sent)) > GROUP_CHARACTERS
            or hits + query.k > GROUP_HITS
            or pictures + len(sent) > GROUP_QUERIES
        )
        if group and is_full:
            yield group
            group, size, hits, pictures = [], 0, 0, 0
        group.append(told)
        size, hits, pictures = size + sum(map(len, sent)), hits + query.k, pictures + len(sent)
    if group:
        yield group


def whole_query(query: Query, params: SearchParams | None) -> dict[str, Any]:
    """Write a query as JSON holds it, pictures and all.

    Raises:
        ImageError: A picture cannot be read here.
    """

    def inside(part: QueryPart) -> dict[str, Any]:
        return {"base64": base64.b64encode(picture_bytes(part)).decode("ascii")}

    return written(query, inside, offset=0, params=params)


def written(
    query: Query,
    put: Callable[[QueryPart], dict[str, Any]],
    *,
    offset: int,
    params: SearchParams | None,
) -> dict[str, Any]:
    """Write a query, its pictures as ``put`` says.

    Raises:
        UsageError: The filter was given read, and not as text, or an embedding holds NaN.
    """
    told = replace(query, parts=tuple(named(part) for part in query.items)).to_dict()
    for part, facts in zip(query.items, told["parts"], strict=True):
        if part.embedding is not None:
            to_queries(part.embedding, len(part.embedding))  # JSON has no word for NaN
        if part.picture is not None:
            del facts["picture"]
            facts |= put(part)
    if offset:
        told["offset"] = offset
    if params is not None:
        told["params"] = params.to_dict()
    return told


def named(part: QueryPart) -> QueryPart:
    """Give a picture the name of its file, and keep its bytes for later."""
    if part.picture is None:
        return part
    name = part.name or (part.picture if isinstance(part.picture, str) else None)
    if name is not None:
        # A file's name may hold bytes that are no text, which JSON cannot say.
        name = name.encode("utf-8", "replace").decode("utf-8")[:LONGEST_NAME]
        name = name if name.strip() else None  # a file that is called so is told by none
    return replace(part, picture=STAND_IN, name=name)


def picture_bytes(part: QueryPart) -> bytes:
    """Read a picture's file; write pixels as PNG, which loses nothing.

    Raises:
        ImageError: It cannot be read.
    """
    picture, name = part.picture, part.name
    if picture is None:
        return b""
    if isinstance(picture, str):
        name = name or picture
        picture = read_query(picture)
    if isinstance(picture, bytes) and picture:
        return picture
    stream = BytesIO()
    decode(picture, name=name and repr(name)).image.save(stream, "PNG")
    return stream.getvalue()
