"""When a gallery is worth an index."""

from __future__ import annotations

__all__ = ["needs_index"]

# Comparing so many numbers takes a few milliseconds on one core: 80,000 rows of
# 256, or 40,000 of 512. A search spends more on reading and encoding its picture.
EXACT_NUMBERS = 20_000_000


def needs_index(rows: int, dim: int) -> bool:
    """Tell whether comparing a query with every row takes too long.

    Args:
        rows: How many rows can be found.
        dim: Length of an embedding.
    """
    return rows * dim > EXACT_NUMBERS
