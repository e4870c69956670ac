"""Hits that are unlike each other: maximal marginal relevance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["POOL_FACTOR", "diverse_order"]

# Candidates that a diverse answer is chosen from, as a multiple of k.
POOL_FACTOR = 5


def diverse_order(
    scores: NDArray[np.float64], rows: NDArray[np.float32], k: int, *, diversity: float
) -> list[int]:
    """Choose k candidates, one after the other, by maximal marginal relevance.

    The next is the one of greatest ``L score - (1 - L) max(cosine to those before)``,
    with L = 1 - diversity (Carbonell and Goldstein, "The use of MMR, diversity-based
    reranking for reordering documents and producing summaries", SIGIR 1998,
    section 2). The first is the best; of equals the first in ``scores`` is next.

    Args:
        scores: Of the candidates ``(n,)``, best first.
        rows: Their unit embeddings ``(n, dim)``.
        k: How many to choose.
        diversity: From 0, the order of the scores, to 1.

    Returns:
        Positions in ``scores``, at most k.
    """
    wide = rows.astype(np.float64)
    values = scores.astype(np.float64)
    nearest = np.full(len(scores), -np.inf)
    chosen: list[int] = []
    while len(chosen) < min(k, len(scores)):
        gains = values if not chosen else (1 - diversity) * values - diversity * nearest
        gains = gains.copy()
        gains[chosen] = -np.inf
        best = int(np.argmax(gains))
        chosen.append(best)
        nearest = np.maximum(nearest, np.einsum("nd,d->n", wide, wide[best]))
    return chosen
