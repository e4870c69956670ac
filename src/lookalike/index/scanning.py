"""One block of rows as exact search reads it: where it lies, without a copy."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.faiss_library import faiss_library, use_matrix_product_from
from lookalike.index.metrics import all_scores
from lookalike.vectors import DOT_PRODUCT_SLACK, FloatRows

__all__ = ["ScannedBlock", "to_float32"]

# A slice of this many rows of 512 numbers is 2 MB as float32: it stays in the
# processor's cache between the conversion and the product.
SLICE_ROWS = 1024
# Up to here FAISS's scan of float16 rows beats converting them for one product.
FEW_QUERIES = 6
# Multiplying so many numbers once is done before FAISS is imported.
SMALL_NUMBERS = 4_000_000
# Rows count as unit rows while ranking by inner product all but ranks by cosine.
UNIT_SLACK = 0.01
# A float16's exponent and fraction, moved into a float32's places, are the number
# times 2^-112, sign included (F. Giesen, "Half to float done quick").
HALF_EXPONENT = np.uint16(0x7C00)
HALF_SHIFT, HALF_MASK, HALF_SCALE = 13, np.int32(-0x70002000), np.float32(2.0**112)


class ScannedBlock:
    """Scores one block's rows but for rounding, and says how large that may be.

    Args:
        rows: Array ``(rows, dim)``, memory-mapped or not.
        start: The number of its first row.
        metric: As in ``IndexConfig``.
    """

    def __init__(self, rows: FloatRows, start: int, metric: str) -> None:
        self.rows = rows
        self.start = start
        self._metric = metric

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def lengths(self) -> tuple[float, float]:
        """Length of the shortest and of the longest row, measured once."""
        squares = [np.empty(0, np.float32)]
        for first in range(0, len(self), SLICE_ROWS):
            part = self.rows[first : first + SLICE_ROWS]
            require_finite(part)
            wide = to_float32(part)
            squares.append(np.einsum("nd,nd->n", wide, wide))
        every = np.sqrt(np.concatenate(squares))
        return float(every.min(initial=np.inf)), float(every.max(initial=0))

    @property
    def has_unit_rows(self) -> bool:
        """Whether a cosine differs from the inner product by rounding only."""
        shortest, longest = self.lengths
        return shortest > 1 - UNIT_SLACK and longest < 1 + UNIT_SLACK

    @cached_property
    def view(self) -> Any | None:
        """FAISS's flat index over the block's own memory; None where it cannot be had."""
        usual = self.rows.dtype in (np.float16, np.float32) and self.rows.flags.c_contiguous
        ranked = self._metric != "cosine" or self.has_unit_rows
        return faiss_view(self.rows, self._metric) if usual and ranked and len(self) else None

    def is_scanned_for(self, queries: int, is_whole: bool) -> bool:
        """Tell whether FAISS's scan is the fastest way for that many queries.

        Args:
            queries: How many.
            is_whole: Whether all rows may be found: under a mask FAISS multiplies
                no matrices and scans once for each query.
        """
        fine = queries <= FEW_QUERIES or (self.rows.dtype == np.float32 and is_whole)
        is_worth_loading = self.rows.size > SMALL_NUMBERS or "faiss" in sys.modules
        return fine and is_worth_loading and self.view is not None

    def slack(self, queries: NDArray[np.float32]) -> float:
        """Bound by how much two of these scores may stand in the wrong order."""
        shortest, longest = self.lengths
        if self._metric == "cosine":
            bent = max(abs(longest - 1), abs(1 - shortest)) if self.has_unit_rows else 0.0
            return DOT_PRODUCT_SLACK + 2 * bent
        own = float(np.einsum("nd,nd->n", queries, queries).max(initial=0))
        return DOT_PRODUCT_SLACK * max(1.0, own + longest**2)

    def scan(
        self, queries: NDArray[np.float32], count: int, chosen: Any
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Let FAISS find the best: scores, bigger is better, and places in the block.

        Args:
            queries: ``(n, dim)``.
            count: How many of them, at most as many as may be found.
            chosen: FAISS's search parameters, or None.
        """
        view: Any = self.view
        use_matrix_product_from(4 * queries.shape[1])
        scores, places = view.search(queries, count, params=chosen)
        return (-scores if self._metric == "l2" else scores), places

    def scores(
        self, queries: NDArray[np.float32], rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Score some of its rows for every query: ``(queries, rows)``."""
        is_unit = self._metric == "cosine" and self.has_unit_rows
        return all_scores(queries, rows, "inner_product" if is_unit else self._metric)


def to_float32(rows: FloatRows) -> NDArray[np.float32]:
    """Convert rows; float16 six times faster than NumPy does, finite numbers exactly."""
    if rows.dtype != np.float16:
        return np.asarray(rows, np.float32)
    bits = np.ascontiguousarray(rows).view(np.int16).astype(np.int32)
    np.left_shift(bits, HALF_SHIFT, out=bits)
    np.bitwise_and(bits, HALF_MASK, out=bits)
    numbers: NDArray[np.float32] = bits.view(np.float32)
    np.multiply(numbers, HALF_SCALE, out=numbers)
    return numbers


def faiss_view(rows: FloatRows, metric: str) -> Any | None:
    """Make FAISS's flat index over memory that is not its own.

    Returns:
        None where the installed FAISS owns all that it searches (before 1.11).
    """
    faiss = faiss_library()
    dim = rows.shape[1]
    kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT
    if rows.dtype == np.float16:
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, kind)
    else:
        index = faiss.IndexFlat(dim, kind)
    address = faiss.swig_ptr(np.asarray(rows).view(np.uint8).reshape(-1))
    try:
        nobody = faiss.MaybeOwnedVectorUInt8().owner
        index.codes = faiss.MaybeOwnedVectorUInt8.create_view(address, rows.nbytes, nobody)
    except (AttributeError, TypeError):
        return None
    index.ntotal = len(rows)
    return index


def require_finite(rows: FloatRows) -> None:
    """Refuse NaN and infinity, which ``to_float32`` would turn into numbers."""
    if rows.dtype == np.float16:
        exponents = np.ascontiguousarray(rows).view(np.uint16) & HALF_EXPONENT
        fine = not (exponents == HALF_EXPONENT).any()
    else:
        fine = bool(np.isfinite(rows).all())
    if not fine:
        raise UsageError("An embedding holds a value that is not finite (NaN or infinity).")
