"""The one place that imports FAISS."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["faiss_library", "reason", "use_matrix_product_from"]


def faiss_library() -> Any:
    """Import FAISS, when it is first needed; its type stubs lack half of it."""
    import faiss

    return faiss


def reason(error: RuntimeError) -> str:
    """Take FAISS's words without its function names and source lines."""
    text = str(error).strip().splitlines()[0]
    words = re.sub(r"^Error in .* at \S+:\d+: (Error: )?", "", text)
    return words.rpartition("failed: ")[2].strip().rstrip(".") or text


def use_matrix_product_from(threshold: int) -> None:
    """Let FAISS's flat index use a matrix product for small batches too.

    Its default, 128,000 query numbers, compares batches of up to 250 queries of
    512 numbers row by row: 7 times slower at 64 queries (FAISS 1.15).
    """
    variables = faiss_library().cvar
    if hasattr(variables, "distance_compute_blas_threshold"):
        variables.distance_compute_blas_threshold = threshold
