"""What stands in the query string of an operation: what it declares, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from lookalike.server.measuring import route_of

__all__ = ["require_declared"]


async def require_declared(request: Request) -> None:
    """Refuse what an operation does not read: a dependency of all of them.

    Raises:
        RequestValidationError: A name is not declared, or there twice where one value is read.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    if not given:
        return
    app = request.app
    description = app.openapi_schema or await asyncio.to_thread(app.openapi)
    declared = declared_by(description["paths"][route_of(request.scope)], request.method)
    names = f"only {', '.join(declared)}" if declared else "nor of any other"
    said = {}
    for name in given:
        if name not in declared:
            said[name] = f"nothing of that name is read here, {names}"
        elif not declared[name] and given.count(name) > 1:
            said[name] = "it is there more than once: give it once"
    if said:
        raise RequestValidationError(
            [{"type": "declared", "loc": ("query", name), "msg": msg} for name, msg in said.items()]
        )


def declared_by(methods: Mapping[str, Any], method: str) -> dict[str, bool]:
    """Tell which names an operation reads, and of each whether it reads several values."""
    # The description leaves out what answers HEAD: it reads what GET does.
    operation = methods.get(method.lower()) or methods["get"]
    return {
        parameter["name"]: parameter["schema"].get("type") == "array"
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
