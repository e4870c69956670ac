"""The one place that imports FAISS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["faiss_library", "reason", "threads_for", "use_matrix_product_from"]


def faiss_library() -> Any:
    """Import FAISS, when it is first needed; its type stubs lack half of it."""
    import faiss

    return faiss


def reason(error: RuntimeError) -> str:
    """Take FAISS's words without its function names and source lines."""
    text = str(error).strip().splitlines()[0]
    words = re.sub(r"^Error in .* at \S+:\d+: (Error: )?", "", text)
    return words.rpartition("failed: ")[2].strip().rstrip(".") or text


@contextmanager
def threads_for(queries: int) -> Iterator[None]:
    """Let FAISS use no more threads than there are queries.

    It shares a single query's lists out too, which takes longer than the 0.1 ms
    that they need, and on a busy machine waits for the slowest thread: 8 ms were
    seen. The number belongs to the calling thread alone.
    """
    faiss = faiss_library()
    usual = faiss.omp_get_max_threads()
    if queries >= usual:
        yield
        return
    faiss.omp_set_num_threads(max(1, queries))
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def use_matrix_product_from(threshold: int) -> None:
    """Let FAISS's flat index use a matrix product for small batches too.

    Its default, 128,000 query numbers, compares batches of up to 250 queries of
    512 numbers row by row: 7 times slower at 64 queries (FAISS 1.15).
    """
    variables = faiss_library().cvar
    if hasattr(variables, "distance_compute_blas_threshold"):
        variables.distance_compute_blas_threshold = threshold
