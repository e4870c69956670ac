"""Answers as JSON that every reader can read, whatever the names of files hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

__all__ = ["JsonAnswer", "json_answer", "json_bytes", "json_text"]

JSON = "application/json"


def json_text(value: Any) -> str:
    """Write JSON in ASCII: names of files may hold half a surrogate pair, which is no UTF-8.

    Raises:
        ValueError: It holds NaN or an infinity, which JSON does not have.
    """
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def json_bytes(value: Any) -> bytes:
    """Write JSON as ``json_text`` does, encoded."""
    return json_text(value).encode("ascii")


class JsonAnswer(JSONResponse):
    """What a route's plain return value becomes."""

    def render(self, content: Any) -> bytes:
        """Write the body."""
        return json_bytes(content)


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON, without a second look by pydantic; kept by nobody unless headers say so."""
    told = {name.lower(): said for name, said in (headers or {}).items()}
    return Response(
        json_bytes(value), status, {"cache-control": "no-store", **told}, media_type=JSON
    )
