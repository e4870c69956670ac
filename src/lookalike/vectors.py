"""Embeddings as plain arrays: unit length, exact ranking, merging, spaces.

Scores are cosines in [-1, 1]; bigger is better. Equal scores are ordered by
row, so that every index gives the same answer to the same query.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import SpaceMismatch, UsageError

__all__ = [
    "EmbeddingSpace",
    "Neighbors",
    "gathered",
    "merge_neighbors",
    "rank",
    "require_same_space",
    "to_queries",
    "unit_rows",
]

FloatRows = NDArray[np.floating[Any]]

# Two float32 dot products of unit rows, summed in different orders, differ by
# less than this at up to a few thousand dimensions.
DOT_PRODUCT_SLACK = 1e-5


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes embeddings comparable.

    Attributes:
        fingerprint: Hash over weights, preprocessing and pooling.
        dim: Length of one embedding.
        metric: Always ``"cosine"``: rows have unit length.
        encoder: The name that ``load_encoder`` takes. It says where to find
            the encoder; equality ignores it, since a renamed file with the
            same weights embeds into the same space.
    """

    fingerprint: str
    dim: int
    metric: str = "cosine"
    encoder: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise UsageError(f"An embedding space needs dim >= 1, not {self.dim}.")
        if self.metric != "cosine":
            raise UsageError(f"Metric {self.metric!r} is unknown: use 'cosine'.")


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Raw answers of an index, one line per query, best first.

    Attributes:
        scores: float32 ``(n, k)``; ``-inf`` where fewer than k rows exist.
        rows: int64 ``(n, k)``; ``-1`` in the same places.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


def require_same_space(asked: EmbeddingSpace, stored: EmbeddingSpace, *, owner: str) -> None:
    """Refuse to compare embeddings of two spaces.

    Raises:
        SpaceMismatch: The fingerprints, dims or metrics differ.
    """
    if asked == stored:
        return
    raise SpaceMismatch(
        f"{owner} holds embeddings of encoder {stored.encoder or 'unknown'!r} "
        f"(fingerprint {stored.fingerprint[:12]}, dim {stored.dim}), but encoder "
        f"{asked.encoder or 'unknown'!r} (fingerprint {asked.fingerprint[:12]}, dim {asked.dim}) "
        f"was asked for: use the stored encoder, or make a new gallery for the other one."
    )


def gathered(blocks: Sequence[FloatRows], rows: NDArray[np.int64]) -> FloatRows:
    """Copy rows out of blocks, in the order asked.

    Args:
        blocks: Arrays ``(rows, dim)`` of one dtype, at least one; a row's number
            is its position over all.
        rows: int64 ``(n,)``.

    Returns:
        ``(n, dim)`` in the blocks' dtype.
    """
    if len(blocks) == 1:
        return np.asarray(blocks[0][rows])
    ends = np.cumsum([len(block) for block in blocks])
    number = np.searchsorted(ends, rows, side="right")
    found = np.empty((len(rows), blocks[0].shape[1]), dtype=blocks[0].dtype)
    for each in np.unique(number):
        lines = np.flatnonzero(number == each)
        found[lines] = blocks[each][rows[lines] - (ends[each] - len(blocks[each]))]
    return found


def unit_rows(rows: FloatRows) -> NDArray[np.float32]:
    """Scale each row to unit length.

    Args:
        rows: ``(n, dim)``, any float type.

    Returns:
        float32 ``(n, dim)``. A row of zeros stays zeros: it has no direction.

    Raises:
        UsageError: A value is not finite.
    """
    wide = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(wide).all():
        raise UsageError("An embedding holds a value that is not finite (NaN or infinity).")
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(norms > 0, norms, 1), dtype=np.float32)


def to_queries(embeddings: FloatRows, dim: int) -> NDArray[np.float32]:
    """Check query embeddings and bring them to ``(n, dim)`` unit rows.

    Raises:
        UsageError: The shape does not fit the space.
    """
    rows = np.atleast_2d(np.asarray(embeddings))
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise UsageError(
            f"Query embeddings need shape (n, {dim}); these have {np.shape(embeddings)}."
        )
    return unit_rows(rows)


def exact_scores(
    query: NDArray[np.float32], rows: FloatRows, metric: str = "cosine"
) -> NDArray[np.float32]:
    """Score rows so that the result does not depend on who asks.

    A float32 matrix product gives the last bit according to block sizes and
    thread counts; summing in float64 and rounding once gives equal rows equal
    scores in every index.

    Args:
        query: ``(dim,)``, a unit row for ``cosine``.
        rows: ``(n, dim)``, unit rows for ``cosine``.
        metric: ``cosine``, ``inner_product``, or ``l2`` for minus the squared distance.

    Returns:
        float32 ``(n,)``; cosines in [-1, 1].
    """
    wide = np.asarray(rows, dtype=np.float64)
    if metric == "l2":
        apart = wide - query.astype(np.float64)
        return np.asarray(-np.einsum("nd,nd->n", apart, apart), dtype=np.float32)
    scores = np.einsum("nd,d->n", wide, query.astype(np.float64))
    if metric == "cosine":
        scores = np.clip(scores, -1, 1)
    return np.asarray(scores, dtype=np.float32)


def rank(
    scores: NDArray[np.float32], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Order candidates by score, equal scores by row, and keep the first k.

    Args:
        scores: ``(n,)``.
        rows: ``(n,)``.
        k: How many to keep; fewer come back where n < k.
    """
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def padded(ranked: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]], k: int) -> Neighbors:
    """Stack ranked lists of different lengths into one ``(n, k)`` answer."""
    scores = np.full((len(ranked), k), -np.inf, dtype=np.float32)
    rows = np.full((len(ranked), k), -1, dtype=np.int64)
    for line, (line_scores, line_rows) in enumerate(ranked):
        scores[line, : len(line_scores)] = line_scores
        rows[line, : len(line_rows)] = line_rows
    return Neighbors(scores, rows)


def merge_neighbors(parts: Iterable[Neighbors], k: int) -> Neighbors:
    """Merge answers over disjoint rows into the answer over all of them."""
    collected = list(parts)
    if not collected:
        raise UsageError("There is nothing to merge: give at least one answer.")
    scores = np.concatenate([part.scores for part in collected], axis=1)
    rows = np.concatenate([part.rows for part in collected], axis=1)
    ranked = []
    for line_scores, line_rows in zip(scores, rows, strict=True):
        found = line_rows >= 0
        ranked.append(rank(line_scores[found], line_rows[found], k))
    return padded(ranked, k)
