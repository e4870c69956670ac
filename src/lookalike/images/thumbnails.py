"""Small versions of a picture to look at."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.decoding import Picture

__all__ = ["thumbnail", "thumbnail_jpeg"]


def thumbnail(picture: Picture, side: int) -> Image.Image:
    """Fit a picture into a square of ``side`` pixels, keeping its shape.

    A picture that fits already keeps its size. A picture decoded with a small
    ``shortest_side`` cannot give a larger thumbnail than its pixels.

    Raises:
        UsageError: The side is below 1.
    """
    if side < 1:
        raise UsageError(f"A thumbnail needs a side of at least 1 pixel, not {side}.")
    small = picture.image.copy()
    small.thumbnail((side, side), Image.Resampling.BICUBIC)
    return small


def thumbnail_jpeg(picture: Picture, side: int, *, quality: int = 85) -> bytes:
    """Encode a thumbnail as JPEG, without the original's metadata.

    Args:
        picture: Which picture.
        side: Of the square that it is fitted into, in pixels.
        quality: From 1 to 95.

    Raises:
        UsageError: The side or the quality is out of range.
    """
    if not 1 <= quality <= 95:
        raise UsageError(f"JPEG quality runs from 1 to 95; {quality} was asked for.")
    encoded = BytesIO()
    thumbnail(picture, side).save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()
