"""From whatever a file stores to 8-bit sRGB on white."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["eight_bit", "to_srgb"]

# Pictures carry the same few profiles again and again; press profiles weigh
# half a megabyte each.
REMEMBERED_PROFILES = 32
MAX_PROFILE_BYTES = 4 * 2**20

# A profile that moves no colour by more than this is sRGB under another name.
SRGB_TOLERANCE = 2

BLOCK_PIXELS = 2**22

WIDE_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a loaded picture to RGB: sRGB colours, over white where it is transparent."""
    profile = image.info.get("icc_profile")
    color, alpha = split_alpha(image)
    rgb = through_profile(color, profile) or color.convert("RGB")
    return rgb if alpha is None else over_white(rgb, alpha)


def split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Separate colour (L, RGB, CMYK or LAB) from alpha (L, or None where opaque)."""
    if image.mode in WIDE_MODES:
        return wide_grey(image), key_mask(image)
    if image.has_transparency_data:
        whole = without_key(image) if image.mode in {"1", "L", "RGB"} else image
        if whole.mode == "La":
            whole = whole.convert("LA")
        whole = whole.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode in {"L", "RGB", "CMYK", "LAB"}:
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def over_white(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    """Lay a picture on white paper."""
    paper = Image.new("RGB", rgb.size, "white")
    paper.paste(rgb, mask=alpha)
    return paper


def without_key(image: Image.Image) -> Image.Image:
    """Turn the one colour that a PNG calls transparent into alpha.

    A 16-bit PNG names it in 16 bits, but Pillow keeps the upper eight of each
    pixel: the colour has to follow.
    """
    key = image.info["transparency"]
    narrow = image.copy()
    if isinstance(key, tuple) and max(key) > 255:
        narrow.info["transparency"] = tuple(part >> 8 for part in key)
    if narrow.mode == "1":
        # Pillow stores white as 255 there, while the file calls it 1.
        narrow = narrow.convert("L")
        narrow.info["transparency"] = 255 if key else 0
    return narrow.convert("RGBA")


def key_mask(image: Image.Image) -> Image.Image | None:
    """Make alpha from the one grey that a 16-bit PNG calls transparent."""
    key = image.info.get("transparency")
    if not isinstance(key, int):
        return None
    opaque = np.asarray(image) != key
    return Image.fromarray(np.multiply(opaque, 255, dtype=np.uint8))


def wide_grey(image: Image.Image) -> Image.Image:
    """Bring grey of 16 or 32 bits to eight."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return Image.fromarray((values >> (stored_bits(image) - 8)).astype(np.uint8))
    if image.mode == "I" and image.format in {"PNG", "PPM"}:
        return Image.fromarray(eight_bit(values.astype(np.uint16)))
    return Image.fromarray(stretched(values))


def stored_bits(image: Image.Image) -> int:
    """Tell how many bits of a 16-bit grey are used: scanners store 12 or 14."""
    tags = getattr(image, "tag_v2", {})
    bits = tags.get(258, 16)
    bits = bits[0] if isinstance(bits, tuple) else bits
    return bits if isinstance(bits, int) and 8 < bits <= 16 else 16


def eight_bit(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Keep the upper eight of 16 bits, as Pillow does for colour."""
    return (values >> 8).astype(np.uint8)


def stretched(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Map numbers whose scale nobody states to 0..255.

    Values within [0, 1], [0, 255] or [0, 65535] are taken for that scale;
    any others run from their smallest to their largest. NaN becomes black.
    """
    # In blocks of rows: float64 takes eight times the room of the result.
    blocks = np.array_split(values, min(len(values), 1 + values.size // BLOCK_PIXELS))
    low, high = scale_of([finite_range(block) for block in blocks], values.dtype.kind == "f")
    factor = 255 / ((high - low) or 1)
    mapped = np.empty(values.shape, dtype=np.uint8)
    for block, place in zip(blocks, np.array_split(mapped, len(blocks)), strict=True):
        wide = np.nan_to_num(block.astype(np.float64), nan=low, posinf=high, neginf=low)
        place[...] = np.rint((wide - low) * factor)
    return mapped


def finite_range(block: NDArray[Any]) -> tuple[float, float]:
    """Find the smallest and largest number that is one; (0, 0) where none is."""
    numbers = block[np.isfinite(block)]
    return (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)


def scale_of(ranges: list[tuple[float, float]], is_float: bool) -> tuple[float, float]:
    """Guess which values mean black and white."""
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    for scale in (1.0, 255.0, 65535.0) if is_float else (255.0, 65535.0):
        if low >= 0 and high <= scale:
            return 0.0, scale
    return low, high


def through_profile(image: Image.Image, profile: object) -> Image.Image | None:
    """Apply a colour profile; None where there is none that changes anything."""
    if image.mode == "LAB":
        transform = transform_to_srgb(b"", "LAB")
    elif isinstance(profile, bytes) and 128 < len(profile) <= MAX_PROFILE_BYTES:
        transform = transform_to_srgb(profile, image.mode)
    else:
        return None
    return None if transform is None else ImageCms.applyTransform(image, transform)


@lru_cache(maxsize=REMEMBERED_PROFILES)
def transform_to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the way from a profile's colours to sRGB.

    Returns:
        None for a profile that is broken, made for another mode, or sRGB.
    """
    try:
        source = (
            ImageCms.ImageCmsProfile(BytesIO(profile))
            if profile
            else ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        )
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.buildTransform(source, target, mode, "RGB")
        return None if mode == "RGB" and keeps_colors(transform) else transform
    except Exception:  # a profile is a courtesy too: without it colours stay as stored
        return None


def keeps_colors(transform: ImageCms.ImageCmsTransform) -> bool:
    """Try a transform on 9 x 9 x 9 colours; sRGB profiles come under many names."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    changed = np.asarray(ImageCms.applyTransform(Image.fromarray(colors), transform))
    return bool(np.abs(changed.astype(int) - colors).max() <= SRGB_TOLERANCE)
