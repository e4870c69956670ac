"""What every index offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.vectors import Neighbors

__all__ = ["Index"]


class Index(Protocol):
    """Finds the rows nearest to a query. Immutable, and safe to search from several threads."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def size(self) -> int:
        """How many rows can be found."""
        ...

    def search(self, queries: NDArray[np.float32], k: int) -> Neighbors:
        """Find the k rows of highest score for each query.

        Args:
            queries: Unit rows ``(n, dim)``.
            k: How many; answers are padded where the index holds fewer.

        Returns:
            Best first, equal scores by row.
        """
        ...
