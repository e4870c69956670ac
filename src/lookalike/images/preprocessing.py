"""From a decoded picture to the numbers a network takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images.decoding import Picture

__all__ = ["Preprocessing", "crop", "normalized"]

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}

MIDDLES = ("exact", "rounded", "floored")

# The whole of a narrower picture is not resized, as it would fill the memory.
LONGEST = 8


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a network wants its pictures.

    Attributes:
        size: Side of its square input, in pixels.
        resize: The shortest side is resized to this before the centre crop.
        interpolation: ``"bicubic"``, ``"bilinear"`` or ``"lanczos"``.
        mean: Per channel, of pixel values in [0, 1]; None, with ``std``, for a
            network that normalises itself: it gets values in [0, 255].
        std: Per channel, like ``mean``.
        fit: How a picture becomes a square: ``"crop"`` keeps its proportions and
            cuts the centre, ``"squash"`` takes all of it, out of proportion.
        middle: Where that centre is: ``"exact"`` in the middle, between pixels of
            the resized picture if need be; ``"rounded"`` on whole pixels, as
            torchvision, timm and OpenCLIP cut; ``"floored"`` on whole pixels, as
            Transformers does. Half a pixel moves a small network's embedding by
            up to 0.015 in cosine.

        is_quick: Whether a window on whole pixels is resized alone, at about two
            thirds of the time: fewer than one value in a hundred is then off by a
            level or two, save in upright pictures, where one in five can be.

    Raises:
        UsageError: A value makes no sense.
    """

    size: int
    resize: int
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    fit: str = "crop"
    middle: str = "exact"
    is_quick: bool = False

    def __post_init__(self) -> None:
        if self.size < 1 or self.resize < self.size:
            raise UsageError(
                f"A crop of {self.size} pixels does not fit pictures resized to {self.resize}: "
                "resize must be at least size, and size at least 1."
            )
        if self.interpolation not in FILTERS:
            raise UsageError(
                f"Interpolation {self.interpolation!r} is unknown: use {' or '.join(FILTERS)}."
            )
        if self.fit not in {"crop", "squash"}:
            raise UsageError(f"Fit {self.fit!r} is unknown: use 'crop' or 'squash'.")
        if self.middle not in MIDDLES:
            raise UsageError(f"Middle {self.middle!r} is unknown: use {' or '.join(MIDDLES)}.")
        if (self.mean is None) != (self.std is None):
            raise UsageError("Mean and std belong together: give both or neither.")
        if self.mean is not None and self.std is not None:
            check_channels("Mean", self.mean)
            check_channels("Std", self.std)
            if min(self.std) <= 0:
                raise UsageError(f"Std divides, so it must be above 0, not {self.std}.")

    def to_dict(self) -> dict[str, Any]:
        """List what changes numbers, the later fields only where they are not the usual ones.

        Fingerprints are made of this: a new field must not change those of old.
        """
        facts = asdict(self)
        for name, usual in (("fit", "crop"), ("middle", "exact"), ("is_quick", False)):
            if facts[name] == usual:
                del facts[name]
        return facts


def check_channels(name: str, values: tuple[float, ...]) -> None:
    """Refuse what is not three finite numbers."""
    if len(values) != 3 or not np.isfinite(values).all():
        raise UsageError(f"{name} needs three finite numbers, for red, green and blue: {values}.")


def crop(picture: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Cut the centred window that the network sees, and resize it.

    Where the middle is exact, the window alone is resized, and the crop of a
    turned picture is the turned crop. Where it is on whole pixels, the pixels are
    those of the libraries, bit for bit, unless it has to be quick.

    Args:
        picture: Decoded, perhaps at a fraction of its size.
        preprocessing: How the network wants it.

    Returns:
        uint8 ``(size, size, 3)``.
    """
    size = preprocessing.size
    if preprocessing.middle != "exact":
        return whole_pixel_crop(picture, preprocessing)
    width, height = picture.image.size
    part = size / preprocessing.resize
    side = min(width, height) * part
    wide, high = (side, side) if preprocessing.fit == "crop" else (width * part, height * part)
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    resampling = FILTERS[preprocessing.interpolation]
    return np.array(picture.image.resize((size, size), resampling, box=box))


def whole_pixel_crop(picture: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Cut the window where libraries cut it: on whole pixels of the resized picture."""
    image, size = picture.image, preprocessing.size
    resampling = FILTERS[preprocessing.interpolation]
    whole = whole_size(picture.width, picture.height, preprocessing)
    left, top = (window_start(side, preprocessing) for side in whole)
    width, height = covered_size(picture)
    if not preprocessing.is_quick and max(whole) <= LONGEST * min(whole):
        # Pillow keeps boxes in float32, and decides by the size whether to go across
        # or down first, rounding in between: only the same call gives the same bits.
        resized = np.asarray(image.resize(whole, resampling, box=(0, 0, width, height)))
        return np.array(resized[top : top + size, left : left + size])
    across, down = width / whole[0], height / whole[1]
    right, bottom = min((left + size) * across, width), min((top + size) * down, height)
    box = (left * across, top * down, right, bottom)
    return np.array(image.resize((size, size), resampling, box=box))


def covered_size(picture: Picture) -> tuple[float, float]:
    """Return how far the original reaches in the decoded image.

    JPEG decodes 2003 pixels at a quarter to 501, of which the last holds one
    pixel that the picture does not have.
    """
    image = picture.image
    factor = round(picture.width / image.width)
    if image.size != (-(-picture.width // factor), -(-picture.height // factor)):
        return image.size
    return picture.width / factor, picture.height / factor


def whole_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Compute the size, in whole pixels, that libraries resize a picture to before the crop."""
    resize = preprocessing.resize
    if preprocessing.fit == "squash":
        return resize, resize
    if width <= height:
        return resize, resize * height // width
    return resize * width // height, resize


def window_start(side: int, preprocessing: Preprocessing) -> int:
    """Compute the first pixel of the window along one side of the resized picture."""
    spare = side - preprocessing.size
    return round(spare / 2) if preprocessing.middle == "rounded" else spare // 2


def normalized(pixels: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Bring crops to a network's float input.

    Args:
        pixels: uint8 ``(n, h, w, 3)``.
        preprocessing: Whose mean and std; without them values stay in [0, 255].

    Returns:
        float32 ``(n, 3, h, w)``, contiguous.

    Raises:
        UsageError: The pixels have another shape or type.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
        raise UsageError(
            f"Pixels to normalise are uint8 (n, h, w, 3), not {pixels.dtype} {pixels.shape}."
        )
    count, height, width, _ = pixels.shape
    planes = np.empty((count, 3, height, width), dtype=np.float32)
    # (p / 255 - mean) / std as one multiplication and one addition per value.
    for channel, (factor, offset) in enumerate(channel_scales(preprocessing)):
        plane = planes[:, channel]
        np.multiply(pixels[..., channel], factor, out=plane, dtype=np.float32)
        plane += offset
    return planes


def channel_scales(preprocessing: Preprocessing) -> list[tuple[np.float32, np.float32]]:
    """Compute factor and offset of each channel."""
    if preprocessing.mean is None or preprocessing.std is None:
        return [(np.float32(1), np.float32(0))] * 3
    return [
        (np.float32(1 / (255 * std)), np.float32(-mean / std))
        for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)
    ]
