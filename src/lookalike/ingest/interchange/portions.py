"""What every format writes and reads: portions of pictures, and facts about all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SpaceMismatch, UsageError
from lookalike.vectors import EmbeddingSpace

__all__ = [
    "Facts",
    "Format",
    "Opened",
    "Portion",
    "Rows",
    "require_facts_fit",
    "require_rows",
    "require_same_count",
]

Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Some pictures, each a row of embeddings beside a line of columns.

    Attributes:
        lines: One mapping per picture; ``path`` names it.
        embeddings: ``(n, dim)``.
    """

    lines: Sequence[Mapping[str, Any]]
    embeddings: Rows


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for all embeddings of an export; travels with them as JSON.

    Attributes:
        space: What they are comparable with.
        dtype: How the gallery kept them.
        images: How many there are.
    """

    space: EmbeddingSpace
    dtype: str
    images: int

    def to_json(self) -> str:
        """Write as JSON."""
        values = {
            "written_by": "lookalike",
            "encoder": self.space.encoder,
            "fingerprint": self.space.fingerprint,
            "dim": self.space.dim,
            "metric": self.space.metric,
            "dtype": self.dtype,
            "images": self.images,
        }
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str | bytes, *, place: str) -> Facts:
        """Undo ``to_json``.

        Raises:
            UsageError: It is damaged.
        """
        try:
            values = json.loads(text)
            space = EmbeddingSpace(
                str(values["fingerprint"]),
                int(values["dim"]),
                str(values["metric"]),
                str(values["encoder"]),
            )
            return cls(space, str(values["dtype"]), int(values["images"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"What {place} says about its embeddings is damaged ({error!r}): export them "
                "again, or remove it and name their space with --space."
            ) from error


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Embeddings that were found at a place, before they are read.

    Attributes:
        location: Absolute; the folder that it lies in is what relative paths are
            relative to.
        count: How many embeddings.
        dim: Length of one.
        dtype: ``"float16"`` or ``"float32"``: what keeps them best.
        facts: What Lookalike said about them when it wrote them; None for those
            that another program made.
        portions: Reads them from the first, so many at a time.
    """

    location: str
    count: int
    dim: int
    dtype: str
    facts: Facts | None
    portions: Callable[[int], Iterator[Portion]]


class Format(Protocol):
    """One way to lay embeddings out for other programs."""

    def require_free(self, place: str) -> None:
        """Refuse to write over something, before the long work begins.

        Raises:
            UsageError: Something is there already.
        """

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Write all portions; what a failure leaves is never found at the place."""

    def open(self, place: str) -> Opened:
        """Look at embeddings without reading them.

        Raises:
            UsageError: They are missing, damaged, or do not fit together.
            MissingExtra: A library is not installed.
        """


def require_rows(shape: tuple[int, ...], dtype: np.dtype[Any], *, place: str) -> str:
    """Check that an array holds embeddings.

    Returns:
        The dtype to keep them in.

    Raises:
        UsageError: It has another shape, or holds no fractions.
    """
    if len(shape) != 2 or shape[1] < 1 or not np.issubdtype(dtype, np.floating):
        raise UsageError(
            f"{place} has shape {shape} and dtype {dtype}, but embeddings are rows (n, dim) of "
            "floating-point numbers: convert it first."
        )
    return "float16" if dtype == np.float16 else "float32"


def require_same_count(embeddings: int, lines: int, *, place: str, table: str) -> None:
    """Refuse embeddings and a table that do not fit together.

    Raises:
        UsageError: Their numbers differ.
    """
    if embeddings != lines:
        raise UsageError(
            f"{place} holds {embeddings:,} embeddings, but {table} has {lines:,} rows: "
            "which belongs to which cannot be told, so bring back the two that were made together."
        )


def require_facts_fit(facts: Facts | None, count: int, dim: int, *, place: str) -> None:
    """Refuse embeddings that are not what was said about them.

    Raises:
        SpaceMismatch: They have another length.
        UsageError: They are not all there, or others came along.
    """
    if facts is None:
        return
    if facts.images != count:
        raise UsageError(
            f"{place} holds {count:,} embeddings, but {facts.images:,} were exported: bring back "
            "the files that were exported together."
        )
    if facts.space.dim != dim:
        raise SpaceMismatch(
            f"{place} holds embeddings of dim {dim}, but is said to hold dim {facts.space.dim}: "
            "bring back the files that were exported together."
        )
