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

    Raises:
        UsageError: A value makes no sense.
    """

    size: int
    resize: int
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    fit: str = "crop"

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
        if (self.mean is None) != (self.std is None):
            raise UsageError("Mean and std belong together: give both or neither.")
        if self.mean is not None and self.std is not None:
            check_channels("Mean", self.mean)
            check_channels("Std", self.std)
            if min(self.std) <= 0:
                raise UsageError(f"Std divides, so it must be above 0, not {self.std}.")

    def to_dict(self) -> dict[str, Any]:
        """List what changes numbers; ``fit`` only where it is not the usual one.

        Fingerprints are made of this: a new field must not change those of old.
        """
        facts = asdict(self)
        if self.fit == "crop":
            del facts["fit"]
        return facts


def check_channels(name: str, values: tuple[float, ...]) -> None:
    """Refuse what is not three finite numbers."""
    if len(values) != 3 or not np.isfinite(values).all():
        raise UsageError(f"{name} needs three finite numbers, for red, green and blue: {values}.")


def crop(picture: Picture, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Cut the centred window that the network sees, and resize it.

    The same as resizing the shortest side to ``resize`` and cropping ``size``
    from the centre, but in one step that touches the window alone, and with
    the window exactly in the middle: the crop of a turned picture is the
    turned crop.

    Returns:
        uint8 ``(size, size, 3)``.
    """
    size = preprocessing.size
    width, height = picture.image.size
    part = size / preprocessing.resize
    side = min(width, height) * part
    wide, high = (side, side) if preprocessing.fit == "crop" else (width * part, height * part)
    left, top = (width - wide) / 2, (height - high) / 2
    window = picture.image.resize(
        (size, size),
        FILTERS[preprocessing.interpolation],
        box=(left, top, left + wide, top + high),
    )
    return np.array(window)


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
