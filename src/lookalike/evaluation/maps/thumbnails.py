"""Small pictures for the page, as many as a budget of bytes allows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from lookalike.errors import ImageError
from lookalike.images import decode, thumbnail_jpeg

__all__ = ["small_pictures", "thumbnail_order"]

SIDES = (128, 112, 96, 80, 64)
# The largest side is the one whose pictures all fit; of more pictures some stay out.
QUALITY = 72
SAMPLE = 24
# Base64 writes three bytes as four letters.
LETTERS_PER_BYTE = 4 / 3
AT_ONCE = 64


def thumbnail_order(count: int, first: Sequence[int], *, seed: int = 0) -> list[int]:
    """Line up the rows whose pictures matter most, and then the rest as the seed has it."""
    rest = np.random.default_rng(seed).permutation(count).tolist()
    return list(dict.fromkeys([*first, *rest]))


def small_pictures(
    paths: Sequence[str],
    order: Sequence[int],
    *,
    budget_bytes: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[bytes | None]:
    """Make JPEG thumbnails, one after the other, until the budget is spent.

    Args:
        paths: The files of all images.
        order: Rows, the most important first.
        budget_bytes: For all of them as Base64 letters.
        on_progress: Told how many are made, of how many.

    Returns:
        One for each path; None for one that did not fit or cannot be read just now.
    """
    made: list[bytes | None] = [None] * len(paths)
    side = fitting_side([paths[row] for row in order[:SAMPLE]], len(order), budget_bytes)
    left = budget_bytes / LETTERS_PER_BYTE
    rows = iter(order)
    done = 0
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        while left > 0 and (some := list(islice(rows, AT_ONCE))):
            pictures = pool.map(lambda row: small_picture(paths[row], side), some)
            for row, picture in zip(some, pictures, strict=True):
                if picture is not None and len(picture) <= left:
                    made[row] = picture
                    left -= len(picture)
                elif picture is not None:
                    left = 0
            done += len(some)
            if on_progress is not None:
                on_progress(done, len(order))
    return made


def fitting_side(paths: Sequence[str], count: int, budget_bytes: int) -> int:
    """Choose the largest side at which all pictures would fit, judged by a few of them."""
    each = budget_bytes / LETTERS_PER_BYTE / max(count, 1)
    for side in SIDES[:-1]:
        pictures = [small_picture(path, side) for path in paths]
        sizes = [len(picture) for picture in pictures if picture is not None]
        if not sizes or float(np.mean(sizes)) <= 0.9 * each:
            return side
    return SIDES[-1]


def small_picture(path: str, side: int) -> bytes | None:
    """Make one thumbnail; None of a file that cannot be read just now."""
    try:
        return thumbnail_jpeg(decode(path, shortest_side=side), side, quality=QUALITY)
    except ImageError:
        return None
