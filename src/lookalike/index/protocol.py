"""What every index offers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.index.config import SearchParams
from lookalike.vectors import Neighbors

__all__ = ["Index"]


class Index(Protocol):
    """Finds the rows nearest to a query. Safe to search from several threads."""

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        ...

    @property
    def size(self) -> int:
        """How many rows can be found."""
        ...

    @property
    def size_bytes(self) -> int:
        """Memory that the index takes beyond the rows it was built from."""
        ...

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        params: SearchParams | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Neighbors:
        """Find the k rows of highest score for each query.

        Args:
            queries: ``(n, dim)``.
            k: How many; answers are padded where the index holds fewer.
            params: What to search with; None as the index was tuned.
            allowed: Mask over all rows ``(rows,)``: only these are found.

        Returns:
            Best first, equal scores by row.
        """
        ...
