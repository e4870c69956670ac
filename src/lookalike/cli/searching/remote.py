"""Asking a server that has the gallery open; whatever it does not answer is searched here.

An error is no answer either: searching here then says it in its own words. So nothing
that a server limits or cannot see changes what a user reads.
"""

from __future__ import annotations

import binascii
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import lookalike
from lookalike.cli.options import located_gallery
from lookalike.cli.output import note
from lookalike.cli.searching.wish import STANDARD_INPUT, Found, SearchWish
from lookalike.client.answers import bare_hit, search_path
from lookalike.client.one_request import NoAnswer, TooSlow, posted
from lookalike.client.records import ServerRecord, find_record
from lookalike.errors import LookalikeError

__all__ = ["ask_server"]

log = logging.getLogger(__name__)

# Longer than a query of a server that does well; what it would take longer for is searched
# here nearly as fast.
TIMEOUT_S = 2.5
# Each further query may take so much longer.
TIMEOUT_MORE_S = 0.25


def ask_server(wish: SearchWish) -> list[Found] | None:
    """Ask a running server of the gallery, if there is one.

    Returns:
        What was found, as searching here would find it; None where no server answers.
    """
    record = running_server(wish)
    if record is None:
        return None
    try:
        queries = wish.queries
        answers = answers_of(record, [sendable(query, wish) for query in queries])
        return [written(told, query) for told, query in zip(answers, queries, strict=True)]
    except TooSlow:
        note(f"lookalike: The server at {record.url} does not answer: searching here.")
        return None
    except (LookalikeError, NoAnswer, LookupError, TypeError, ValueError, OSError) as error:
        log.info("a running server did not answer: %s", error)
        return None


def running_server(wish: SearchWish) -> ServerRecord | None:
    """Find a server of this Lookalike that has the gallery open."""
    try:
        record = find_record(located_gallery(wish.gallery_folder))
    except (LookalikeError, OSError):
        return None
    return record if record and record.version == lookalike.__version__ else None


def answers_of(record: ServerRecord, queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Post queries; several at once.

    Raises:
        NoAnswer: One of them is not answered.
    """
    place = f"{record.url.rstrip('/')}{search_path(record.name)}"
    timeout_s = TIMEOUT_S + TIMEOUT_MORE_S * (len(queries) - 1)

    def answer(url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return posted(url, body, token=record.token, timeout_s=timeout_s)

    if len(queries) == 1:
        return [answer(place, queries[0])]
    answers: list[dict[str, Any]] = answer(f"{place}/batch", {"queries": queries})["answers"]
    return answers


def sendable(query: Mapping[str, Any], wish: SearchWish) -> dict[str, Any]:
    """Write a query so that it can be read elsewhere: absolute paths, and piped bytes."""
    parts = [sendable_part(part, wish) for part in query["parts"]]
    return {**query, "parts": parts, "params": dict(wish.params)}


def sendable_part(part: Mapping[str, Any], wish: SearchWish) -> dict[str, Any]:
    """Write a part so that it can be read elsewhere, under the name that it has here."""
    picture = part.get("picture")
    if picture is None:
        return dict(part)
    others = {key: value for key, value in part.items() if key != "picture"}
    if picture == STANDARD_INPUT:
        return {"base64": written_base64(wish.standard_input), **others}
    name = os.path.expanduser(picture)
    # Not normalized: what .. leads to, only the file system knows.
    return {"picture": os.path.join(os.getcwd(), name), **others, "name": name}


def written_base64(data: bytes) -> str:
    """Write bytes as base64, without the module of that name, which is long to import."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def written(answer: Mapping[str, Any], query: Mapping[str, Any]) -> Found:
    """Write down what answers a query, without what only machines read.

    Raises:
        NoAnswer: It is a problem.
    """
    if "hits" not in answer:
        raise NoAnswer(str(answer.get("detail")))
    hits = answer["hits"]
    return Found(
        hits=tuple((hit["rank"], hit["score"], hit["path"]) for hit in hits),
        told={
            **{key: answer[key] for key in ("query", "score_kind", "meaning")},
            "hits": [bare_hit(hit) for hit in hits],
        },
        asked={**answer["asked"], "parts": asked_parts(answer["asked"]["parts"], query["parts"])},
        plan=answer["plan"],
    )


def asked_parts(
    parts: Sequence[Mapping[str, Any]], typed: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Name pictures as they were typed here."""
    return [
        {"picture": os.path.expanduser(ours["picture"])}
        | {key: part[key] for key in ("weight", "region") if key in part}
        if "picture" in ours
        else part
        for part, ours in zip(parts, typed, strict=True)
    ]
