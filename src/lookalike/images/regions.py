"""Part of a picture, as people see it: a box in pixels or in fractions."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.decoding import Picture

__all__ = ["Region", "cut_out"]

# A whole number above it fits in no float.
LARGEST = sys.float_info.max

# Thirds do not add up to 1 in floating point.
SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Region:
    """A box inside a picture that is turned as its EXIF says.

    Whole numbers are pixels of the picture in its full size; where one of the four
    is no whole number, all are fractions of its width and height.

    Attributes:
        left: From the left edge to the box.
        top: From the upper edge to the box.
        width: Of the box.
        height: Of the box.

    Raises:
        UsageError: It lies in no picture.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        values = (self.left, self.top, self.width, self.height)
        if not all(isinstance(value, numbers.Real) for value in values) or any(
            isinstance(value, bool) or not abs(value) <= LARGEST for value in values
        ):
            raise UsageError(
                f"A region is four numbers, not {values!s:.80}: left, top, width, height."
            )
        is_whole = all(isinstance(value, numbers.Integral) for value in values)
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, int(value) if is_whole else float(value))
        self._check()

    def _check(self) -> None:
        if min(self.left, self.top) < 0 or min(self.width, self.height) <= 0:
            raise UsageError(
                f"The region {self} lies in no picture: left and top are 0 or more, width and "
                "height above 0."
            )
        ends = (self.left + self.width, self.top + self.height)
        if self.is_fraction and max(ends) > 1 + SLACK:
            raise UsageError(
                f"The region {self} reaches outside the picture: fractions end at 1, and pixels "
                "are whole numbers."
            )

    @classmethod
    def of(cls, box: Region | str | Sequence[float]) -> Region:
        """Read a region from its text, as in ``"10%,20%,50%,50%"``, or from four numbers.

        Raises:
            UsageError: It is none.
        """
        if isinstance(box, Region):
            return box
        values = [number_of(word, box) for word in box.split(",")] if isinstance(box, str) else box
        if not isinstance(values, Sequence) or len(values) != 4:
            raise UsageError(
                f"The region {box!r} is not four numbers: give left, top, width and height, as in "
                "10,20,300,200 for pixels or 10%,20%,50%,50%."
            )
        return cls(*values)

    @property
    def is_fraction(self) -> bool:
        """Whether the numbers are fractions of the picture's sides."""
        return isinstance(self.left, float)

    def __str__(self) -> str:
        return ",".join(repr(value) for value in (self.left, self.top, self.width, self.height))

    def box(
        self, width: int, height: int, *, name: str = "the picture"
    ) -> tuple[int, int, int, int]:
        """Compute left, upper, right and lower edge in a picture of so many pixels.

        Raises:
            UsageError: It reaches outside.
        """
        if self.is_fraction:
            left, right = span(self.left, self.width, width)
            top, bottom = span(self.top, self.height, height)
            return left, top, right, bottom
        left, top = int(self.left), int(self.top)
        right, bottom = left + int(self.width), top + int(self.height)
        if right > width or bottom > height:
            raise UsageError(
                f"The region {self} ends at {right} x {bottom} and {name} at {width} x {height} "
                "pixels: give left, top, width and height of a box inside it."
            )
        return left, top, right, bottom


def number_of(word: str, box: str) -> float:
    """Read one of a region's numbers; a percentage is a fraction.

    Raises:
        UsageError: It is no number.
    """
    text = word.strip()
    try:
        if text.endswith("%"):
            return float(text[:-1]) / 100
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise UsageError(
            f"The region {box!r} holds {text!r}, which is no number: give left, top, width and "
            "height, as in 10,20,300,200 for pixels or 10%,20%,50%,50%."
        ) from None


def span(start: float, length: float, pixels: int) -> tuple[int, int]:
    """Round a fraction of a side to whole pixels, at least one."""
    first = min(round(start * pixels), pixels - 1)
    return first, max(first + 1, min(round((start + length) * pixels), pixels))


def cut_out(picture: Picture, region: Region, *, name: str = "the picture") -> Image.Image:
    """Cut a region out of a picture that was decoded in its full size.

    Args:
        picture: Upright, with every pixel.
        region: Which part.
        name: What errors call the picture.

    Raises:
        UsageError: It reaches outside the picture.
    """
    return picture.image.crop(region.box(picture.width, picture.height, name=name))
