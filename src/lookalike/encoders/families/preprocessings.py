"""What every family's description of its preprocessing comes down to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lookalike.images.preprocessing import Preprocessing

__all__ = ["at_size", "square"]


def at_size(preprocessing: Preprocessing, size: int | None) -> Preprocessing:
    """Change the side of the input; the crop keeps its share of the picture.

    Args:
        preprocessing: With the network's usual size.
        size: The side asked for; None for the usual one.
    """
    if size is None or size == preprocessing.size:
        return preprocessing
    resize = size * preprocessing.resize // preprocessing.size
    return replace(preprocessing, size=size, resize=resize)


def square(size: int | Sequence[int]) -> int:
    """Read the side of an input, given once or as height and width.

    Raises:
        ValueError: It is no square.
    """
    if isinstance(size, int):
        return size
    if len(set(size)) != 1:
        raise ValueError(f"its input is {tuple(size)}, and only squares are supported")
    return int(size[0])
