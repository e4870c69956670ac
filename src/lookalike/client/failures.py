"""What a server's refusal becomes: the error that the library itself would raise."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lookalike import errors
from lookalike.client.connections import Reply
from lookalike.errors import AccessDenied, LookalikeError, MissingExtra, ServerError

__all__ = ["error_of", "failure_of", "problem_of", "told_by"]

PROBLEM = "application/problem+json"
JSON = "application/json"

# As ``MissingExtra`` writes itself.
MISSING = re.compile(r"(.+) needs an optional library .*'lookalike\[([\w-]+)\]'", re.DOTALL)


def told_by(reply: Reply, *, url: str) -> Any:
    """Read the JSON of an answer.

    Raises:
        LookalikeError: It is a problem: as ``error_of`` says.
        ServerError: It is nothing that Lookalike answers.
    """
    if not 200 <= reply.status < 300:
        raise failure_of(reply, url=url)
    if reply.kind != JSON:
        raise strange(reply, url=url)
    try:
        return json.loads(reply.data)
    except ValueError as error:
        raise strange(reply, url=url) from error


def failure_of(reply: Reply, *, url: str) -> LookalikeError:
    """Make the error of an answer that is no success."""
    problem = problem_of(reply)
    return strange(reply, url=url) if problem is None else error_of(problem)


def problem_of(reply: Reply) -> dict[str, Any] | None:
    """Read the problem that an answer is; None if it is none."""
    if reply.kind != PROBLEM:
        return None
    try:
        told = json.loads(reply.data)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "detail" in told else None


def error_of(problem: Mapping[str, Any]) -> LookalikeError:
    """Make the error that a problem names, with its sentence.

    Raises:
        KeyError: It is no problem.
    """
    detail = str(problem["detail"])
    name = problem.get("error")
    if name not in errors.__all__:
        return ServerError(detail)
    kind: type[LookalikeError] = getattr(errors, str(name))
    if kind is MissingExtra:
        found = MISSING.match(detail)
        return MissingExtra(found[2], found[1]) if found else ServerError(detail)
    return kind(detail)


def strange(reply: Reply, *, url: str) -> ServerError:
    """Tell of an answer in which Lookalike does not speak: a proxy's, or another program's."""
    form = reply.kind or "no media type"
    kind = AccessDenied if reply.status in {401, 403, 407} else ServerError
    return kind(
        f"What answers at {url} is no Lookalike server, or a proxy stands before it (status "
        f"{reply.status}, {form}): check the address."
    )
