"""How many pictures a call is best given, found by trying."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["best_batch_size"]

SMALLEST = 8
LARGEST = 1024
# A doubling that gains less is not worth its memory and its waiting.
GAIN = 1.05
# A card that is busy for so long with one call is kept busy well enough.
LONG_ENOUGH_S = 1.0


def best_batch_size(
    seconds_for: Callable[[int], float | None], *, fits: Callable[[int], bool] = lambda size: True
) -> int:
    """Double the batch while that makes pictures notably faster.

    Args:
        seconds_for: Runs so many pictures and returns how long that took; None
            if they do not fit into memory.
        fits: Asked before each trial whether so many pictures are likely to fit.

    Returns:
        The smallest power of two whose double gains less than 5 %, does not fit,
        or is beyond what one call should take; 1 if nothing that was tried fits.
    """
    best, best_rate = 1, 0.0
    size = SMALLEST
    while size <= LARGEST and fits(size):
        seconds = seconds_for(size)
        if seconds is None or size / seconds < GAIN * best_rate:
            break
        best, best_rate = size, size / seconds
        if seconds >= LONG_ENOUGH_S:
            break
        size *= 2
    return best
