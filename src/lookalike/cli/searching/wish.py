"""What ``lookalike search`` was asked, and what was found, as plain values.

Nothing but the standard library is imported, so that a running server can be asked
before NumPy would be there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lookalike.cli.query_options import TypedPart
from lookalike.errors import UsageError

__all__ = ["STANDARD_INPUT", "Found", "SearchWish"]

# The name of the picture that is piped in.
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class SearchWish:
    """What was typed.

    Attributes:
        parts: In their order.
        is_apart: Whether each part is a query of its own.
        options: Of each query, as ``Query.from_dict`` reads them.
        params: What is asked of an index, as ``SearchParams.from_dict`` reads it.
        gallery_folder: What --gallery says.
    """

    parts: tuple[TypedPart, ...]
    is_apart: bool
    options: Mapping[str, Any]
    params: Mapping[str, Any]
    gallery_folder: str | None = None

    @property
    def queries(self) -> list[dict[str, Any]]:
        """Each query as ``Query.from_dict`` reads it."""
        told = [part.to_dict() for part in self.parts]
        groups = [[part] for part in told] if self.is_apart else [told]
        return [{"parts": parts, **self.options} for parts in groups]

    @cached_property
    def standard_input(self) -> bytes:
        """The picture that is piped in, which can be read but once.

        Raises:
            UsageError: None is.
        """
        data = sys.stdin.buffer.read() if sys.stdin is not None else b""
        if not data:
            raise UsageError("The query - is standard input, but it is empty: pipe a picture in.")
        return data


@dataclass(frozen=True, slots=True)
class Found:
    """What answers one query.

    Attributes:
        hits: Rank, score and path, best first.
        told: What ``Results.to_dict`` says.
        asked: What ``Query.to_dict`` says.
        plan: What ``Plan.to_dict`` says; None without a plan.
    """

    hits: tuple[tuple[int, float, str], ...]
    told: Mapping[str, Any]
    asked: Mapping[str, Any]
    plan: Mapping[str, Any] | None
