"""The one way from a file, bytes, a PIL image or an array to upright sRGB pixels.

Index, query and thumbnail all come through here, so that the same picture
gives the same pixels whichever way it arrives.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import (
    ImageError,
    ImageOutOfReach,
    ImageTooLarge,
    ImageUnreadable,
    UsageError,
    first_line,
)
from lookalike.images.colors import eight_bit, to_srgb
from lookalike.images.exif import read_exif, upright
from lookalike.images.formats import open_picture
from lookalike.images.reading import read_file
from lookalike.images.silence import silence_libtiff, silenced

__all__ = ["MAX_PIXELS", "Picture", "decode", "read_file"]

# Phones take pictures of 200 million pixels. At Pillow's four bytes a pixel
# this cap is one gigabyte for each thread that decodes.
MAX_PIXELS = 250_000_000

# A reduced picture keeps at least this multiple of the side the caller needs:
# below it the second resize visibly blurs (RMSE over one level of 255).
SPARE = 2

# What Pillow says in its own language.
PLAIN_WORDS = {
    "cannot load this image": "it holds no pixels",
    "not identified by this driver": "its header makes no sense",
}

ARRAY_CHANNELS = frozenset({1, 3, 4})

PictureInput: TypeAlias = "bytes | str | os.PathLike[str] | Image.Image | NDArray[Any]"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture and what its file told about it.

    Attributes:
        image: RGB, upright, sRGB; smaller than the original if that sufficed.
        width: Of the upright original, in pixels.
        height: Of the upright original, in pixels.
        format: ``"JPEG"``, ``"PNG"``, ...; ``"ARRAY"`` for arrays, ``"IMAGE"``
            for PIL images that came from no file.
        taken: When, on the camera's clock: ``YYYY-MM-DDTHH:MM:SS``.
        camera: With what.
        latitude: Where, in degrees, north positive.
        longitude: Where, in degrees, east positive.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    taken: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The image as uint8 ``(h, w, 3)``, read-only."""
        return np.asarray(self.image)


def decode(
    source: PictureInput,
    *,
    shortest_side: int | None = None,
    max_pixels: int = MAX_PIXELS,
    name: str | None = None,
) -> Picture:
    """Decode a picture: first frame, upright, sRGB, over white.

    A truncated file is refused: a picture that is half grey would be found
    similar to other half grey pictures, and nobody would know why.

    Args:
        source: A path, a file's bytes, a PIL image or an array. Arrays are
            ``(h, w)``, ``(h, w, 1)``, ``(h, w, 3)`` or ``(h, w, 4)`` of uint8,
            uint16, bool, or floats in [0, 1]. A PIL image stays as it is.
        shortest_side: What the caller will resize the shortest side to. The
            result may then be reduced, to no less than twice that; JPEG
            decodes several times faster. None for every pixel.
        max_pixels: The cap on width times height, checked in the header
            before any pixel is read.
        name: What errors call the picture; by default a path's own name.

    Raises:
        ImageTooLarge: It has more pixels than the cap.
        ImageUnreadable: It cannot be read, is no picture, or is damaged.
        UsageError: An argument makes no sense.
    """
    if shortest_side is not None and shortest_side < 1:
        raise UsageError(f"A shortest side of {shortest_side} pixels was asked for: use 1 or more.")
    own_name, opened = described(source)
    name = name or own_name
    with silenced():
        try:
            return decode_opened(opened, shortest_side, max_pixels)
        except UsageError:
            raise
        except ImageError as error:
            raise type(error)(f"Cannot decode {name}: {error}.") from error
        except Image.DecompressionBombError as error:
            raise ImageTooLarge(f"Cannot decode {name}: {in_plain_words(error)}.") from error
        except MemoryError as error:
            raise ImageOutOfReach(f"Cannot decode {name}: the memory did not suffice.") from error
        except Exception as error:  # damaged files make Pillow raise nearly anything
            raise ImageUnreadable(
                f"Cannot decode {name}: it is damaged or of a kind that Pillow "
                f"cannot read ({in_plain_words(error)})."
            ) from error


def described(source: PictureInput) -> tuple[str, bytes | Image.Image | NDArray[Any]]:
    """Name a source for messages, and read it if it is a path."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "the picture", bytes(source)
    if isinstance(source, Image.Image):
        return "the PIL image", source
    if isinstance(source, np.ndarray):
        return "the array", source
    if isinstance(source, (str, os.PathLike)):
        path = os.fsdecode(source)
        return repr(path), read_file(path)
    raise UsageError(
        f"A picture is a path, bytes, a PIL image or a NumPy array, not {type(source).__name__}."
    )


def decode_opened(
    source: bytes | Image.Image | NDArray[Any], shortest_side: int | None, max_pixels: int
) -> Picture:
    """Decode what is in memory; errors carry the bare reason."""
    if isinstance(source, np.ndarray):
        image, form = from_array(source, max_pixels), "ARRAY"
    elif isinstance(source, Image.Image):
        image, form = source, source.format or "IMAGE"
    else:
        image = open_picture(source)
        form = image.format or "UNKNOWN"
    check_size(image.size, max_pixels)
    if form == "TIFF":
        silence_libtiff()
    size = image.size
    if isinstance(source, bytes) and form == "JPEG" and shortest_side is not None:
        image.draft(None, (SPARE * shortest_side, SPARE * shortest_side))
        image.load()
    else:
        image.load()
        size = image.size  # some readers turn or crop while loading
        check_size(size, max_pixels)
    facts = read_exif(image)
    # Averages are cheap and colour profiles are not: phones' HEIC come with one each.
    small = reduced(image, shortest_side) if is_plain(image) else image
    finished = upright(reduced(to_srgb(small), shortest_side), facts.orientation)
    # A copy where nothing had to be done: the caller may go on to change their
    # image, and a reader holds on to the file's metadata.
    own = finished.copy() if finished is image else finished
    own.info = {}
    width, height = size if facts.orientation < 5 else size[::-1]
    return Picture(
        image=own,
        width=width,
        height=height,
        format=form,
        taken=facts.taken,
        camera=facts.camera,
        latitude=facts.latitude,
        longitude=facts.longitude,
    )


def reduced(image: Image.Image, shortest_side: int | None) -> Image.Image:
    """Average blocks of pixels where far more are there than needed."""
    if shortest_side is None:
        return image
    factor = min(image.size) // (SPARE * shortest_side)
    if factor < 2:
        return image
    # Whole blocks only, around the middle: turned pictures then reduce alike.
    width, height = (side // factor * factor for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.reduce(factor, box=(left, top, left + width, top + height))


def is_plain(image: Image.Image) -> bool:
    """Tell whether pixels may be averaged as they are stored."""
    return image.mode in {"L", "RGB", "CMYK"} and not image.has_transparency_data


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse what would not fit into memory."""
    width, height = size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"its {width} x {height} pixels are more than the {max_pixels} that are allowed"
        )


def from_array(array: NDArray[Any], max_pixels: int) -> Image.Image:
    """Make an image of an array.

    Raises:
        UsageError: Its shape, type or range is not a picture's.
    """
    plain = array[:, :, np.newaxis] if array.ndim == 2 else array
    if plain.ndim != 3 or plain.shape[2] not in ARRAY_CHANNELS or 0 in plain.shape:
        raise UsageError(
            f"An array of shape {array.shape} is no picture: give (h, w), (h, w, 1), "
            "(h, w, 3) or (h, w, 4), channels last."
        )
    check_size((plain.shape[1], plain.shape[0]), max_pixels)
    values = np.ascontiguousarray(to_uint8(plain))
    return Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)


def to_uint8(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring an array's values to 0..255."""
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:  # of either byte order
        return eight_bit(array)
    if array.dtype == np.bool_:
        black_or_white: NDArray[np.uint8] = array.astype(np.uint8) * np.uint8(255)
        return black_or_white
    if array.dtype.kind != "f":
        raise UsageError(
            f"An array of {array.dtype} is no picture: give uint8, uint16, bool, "
            "or floats between 0 and 1."
        )
    if not (array.min() >= 0 and array.max() <= 1):  # also true of NaN
        raise UsageError(
            f"A float array must lie between 0 and 1; this one runs from "
            f"{array.min():g} to {array.max():g}."
        )
    levels: NDArray[np.uint8] = np.rint(array * 255).astype(np.uint8)
    return levels


def in_plain_words(error: BaseException) -> str:
    """Shorten a library's message to fit into a sentence, in words of its reader."""
    message = first_line(error)
    return PLAIN_WORDS.get(message, message)
