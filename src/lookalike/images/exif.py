"""What a picture's EXIF tells: which way is up, when, with what, where.

Metadata are a courtesy. A tag that makes no sense is left out; it never makes
the picture unreadable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from PIL import ExifTags, Image

__all__ = ["ExifFacts", "read_exif", "upright"]

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

DATE = re.compile(r"\s*(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)")

Tags = Mapping[int, Any]


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What EXIF told.

    Attributes:
        orientation: 1 to 8, as in the EXIF standard; 1 is upright.
        taken: ``YYYY-MM-DDTHH:MM:SS`` on the camera's clock.
        camera: Maker and model.
        latitude: Degrees, north positive.
        longitude: Degrees, east positive.
    """

    orientation: int = 1
    taken: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def read_exif(image: Image.Image) -> ExifFacts:
    """Read what EXIF tells. Call it after the pixels are loaded.

    Pillow turns TIFFs while loading, and pillow-heif turns HEIC; both then
    report an upright picture. For AVIF Pillow reports the container's turn as
    EXIF orientation and leaves the turning to us.
    """
    try:
        tags = exif_of(image)
    except Exception:  # broken EXIF makes Pillow raise nearly anything
        return ExifFacts()
    if not tags:
        return ExifFacts()
    latitude, longitude = place(block(tags, ExifTags.IFD.GPSInfo))
    return ExifFacts(
        orientation=orientation(tags),
        taken=taken(tags, block(tags, ExifTags.IFD.Exif)),
        camera=camera(text(tags.get(ExifTags.Base.Make)), text(tags.get(ExifTags.Base.Model))),
        latitude=latitude,
        longitude=longitude,
    )


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn stored pixels the way the picture was seen."""
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def exif_of(image: Image.Image) -> Image.Exif:
    """Fetch the tags; in AVIF only from EXIF.

    An AVIF's own turn is part of the container, so an orientation that is left
    over in its XMP would turn it a second time; Pillow falls back to XMP.
    """
    if image.format != "AVIF":
        return image.getexif()
    tags = Image.Exif()
    tags.load(image.info.get("exif") or b"")
    return tags


def block(tags: Image.Exif, pointer: int) -> Tags:
    """Read one of the blocks that EXIF's main block points to."""
    if pointer not in tags:
        return {}
    try:
        return tags.get_ifd(pointer)
    except Exception:  # a pointer into nowhere
        return {}


def orientation(tags: Tags) -> int:
    """Read the turn; what is not 1 to 8 counts as upright."""
    value = tags.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and value in TURNS else 1


def text(value: object) -> str:
    """Clean a text tag of padding."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return " ".join(value.split("\0")[0].split()) if isinstance(value, str) else ""


def taken(tags: Tags, details: Tags) -> str | None:
    """Pick the moment of exposure, else of digitising, else of the last change."""
    candidates = (
        details.get(ExifTags.Base.DateTimeOriginal),
        details.get(ExifTags.Base.DateTimeDigitized),
        tags.get(ExifTags.Base.DateTime),
    )
    return next((moment for value in candidates if (moment := iso_moment(text(value)))), None)


def iso_moment(value: str) -> str | None:
    """Turn ``YYYY:MM:DD HH:MM:SS`` into ISO 8601; None where it is no date."""
    match = DATE.match(value)
    if match is None:
        return None
    try:
        return datetime(*map(int, match.groups())).isoformat()  # type: ignore[arg-type]
    except ValueError:
        return None


def camera(make: str, model: str) -> str | None:
    """Join maker and model; many models begin with the maker already."""
    if not make or not model:
        return model or make or None
    if model.lower().startswith(make.split()[0].lower()):
        return model
    return f"{make} {model}"


def place(tags: Tags) -> tuple[float | None, float | None]:
    """Read latitude and longitude in signed degrees; both or neither."""
    latitude = degrees(tags, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, 90)
    longitude = degrees(tags, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, 180)
    if latitude is None or longitude is None:
        return None, None
    return latitude, longitude


def degrees(tags: Tags, angle: int, side: int, limit: int) -> float | None:
    """Turn degrees, minutes, seconds and a compass letter into signed degrees."""
    try:
        parts = [float(part) for part in tags[angle]]
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return None
    value: float = sum(part / 60**power for power, part in enumerate(parts[:3]))
    if not math.isfinite(value) or not 0 <= value <= limit:
        return None
    return -value if text(tags.get(side)).upper() in {"S", "W"} else value
