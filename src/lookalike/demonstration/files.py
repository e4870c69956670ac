"""How pictures are stored: formats, colour modes, EXIF, and files broken on purpose."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from lookalike.demonstration.dice import Rng, between, chance, pick, whole

__all__ = ["STORAGES", "TURNS", "Storage", "cut_off_jpeg", "encoded", "text_named_jpeg"]

_Option = int | bool | str

TURNS: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""For each EXIF orientation, how upright pixels are turned before they are stored."""


@dataclass(frozen=True, slots=True)
class Storage:
    """One way to store a picture.

    Attributes:
        format: Pillow's name of the file format.
        suffix: The file name's ending.
        mode: The colour mode of the stored pixels; RGBA is stored cut out.
        longest: The longest side in pixels that suits it (formats that hardly pack are kept small).
        exif: What the EXIF block tells: nothing, the "camera", or that it was "turned".
        frames: How many frames an animation has.
        options: What else Pillow's ``save`` is told.
    """

    format: str
    suffix: str
    mode: str = "RGB"
    longest: int = 640
    exif: str = ""
    frames: int = 1
    options: dict[str, _Option] = field(default_factory=dict)


def _jpeg(
    quality: int, *, suffix: str = ".jpg", mode: str = "RGB", exif: str = "", longest: int = 640
) -> Storage:
    options: dict[str, _Option] = {"quality": quality}
    return Storage("JPEG", suffix, mode, exif=exif, longest=longest, options=options)


_WEBP: dict[str, _Option] = {"quality": 80, "method": 3}

STORAGES: tuple[Storage, ...] = (
    _jpeg(92),
    Storage("PNG", ".png", longest=320),
    _jpeg(85, exif="camera"),
    Storage("WEBP", ".webp", options=_WEBP),
    _jpeg(75, exif="turned"),
    Storage("PNG", ".png", "P", longest=480),
    _jpeg(60),
    Storage("GIF", ".gif", "P", longest=400),
    _jpeg(80, suffix=".jpeg", exif="camera"),
    Storage("PNG", ".png", "RGBA", longest=400),
    _jpeg(90, exif="turned"),
    Storage("AVIF", ".avif", options={"quality": 65, "speed": 9}),
    _jpeg(85, longest=1600),
    Storage("TIFF", ".tif", longest=300, options={"compression": "tiff_lzw"}),
    _jpeg(70, suffix=".JPG", exif="camera"),
    Storage("BMP", ".bmp", longest=256),
    _jpeg(85, mode="L"),
    Storage("WEBP", ".webp", options={"quality": 60, "method": 3}),
    _jpeg(88, exif="turned"),
    Storage("PNG", ".PNG", "L", longest=400),
    _jpeg(40),
    Storage("GIF", ".gif", "P", longest=240, frames=3),
    Storage("JPEG", ".jpg", options={"quality": 85, "progressive": True}),
    Storage("WEBP", ".webp", "RGBA", longest=480, options=_WEBP),
    _jpeg(85, mode="CMYK"),
    Storage("PNG", ".png", longest=320),
    _jpeg(95, longest=480),
    Storage("TIFF", ".tiff", longest=240, options={"compression": "raw"}),
    _jpeg(82, exif="turned"),
    _jpeg(85),
)
"""Every way of storing, in the order in which the pictures of a kind take their turns."""

_PLACES = ((48.8584, 2.2945), (-33.8568, 151.2153), (35.3606, 138.7274), (-13.1631, -72.545))


def encoded(picture: Image.Image, storage: Storage, rng: Rng) -> bytes:
    """Store an upright RGB or RGBA picture in memory, as the file's bytes."""
    options: dict[str, object] = dict(storage.options)
    if storage.exif:
        turn = whole(rng, 2, 8) if storage.exif == "turned" else 1
        options["exif"] = _exif(turn, rng)
        picture = picture.transpose(TURNS[turn]) if turn > 1 else picture
    if storage.frames > 1:
        options |= {"save_all": True, "append_images": _later_frames(picture, storage.frames)}
        options |= {"duration": 400, "loop": 0}
    stream = io.BytesIO()
    _in_mode(picture, storage.mode).save(stream, storage.format, **options)
    return stream.getvalue()


def _in_mode(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "P":
        return picture.convert("RGB").quantize(128, Image.Quantize.MEDIANCUT)
    return picture if picture.mode == mode else picture.convert(mode)


def _later_frames(picture: Image.Image, frames: int) -> list[Image.Image]:
    """Let the picture sink towards grey, so that a later frame taken for the first is seen."""
    grey = Image.new(picture.mode, picture.size, (128, 128, 128))
    return [
        _in_mode(Image.blend(picture, grey, 0.8 * index / (frames - 1)), "P")
        for index in range(1, frames)
    ]


def _exif(orientation: int, rng: Rng) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Lookalike"
    exif[ExifTags.Base.Model] = pick(rng, ("Paintbox 1", "Paintbox 2", "Pocket Easel"))
    taken = (
        f"{whole(rng, 2015, 2024)}:{whole(rng, 1, 12):02}:{whole(rng, 1, 28):02} "
        f"{whole(rng, 6, 21):02}:{whole(rng, 0, 59):02}:{whole(rng, 0, 59):02}"
    )
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: taken}
    if chance(rng, 0.5):
        exif[ExifTags.IFD.GPSInfo] = _place(rng)
    return exif


def _place(rng: Rng) -> dict[int, object]:
    latitude, longitude = pick(rng, _PLACES)
    latitude, longitude = (
        latitude + between(rng, -0.05, 0.05),
        longitude + between(rng, -0.05, 0.05),
    )
    return {
        ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        ExifTags.GPS.GPSLatitude: _degrees(abs(latitude)),
        ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        ExifTags.GPS.GPSLongitude: _degrees(abs(longitude)),
    }


def _degrees(angle: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    minutes, seconds = divmod(round(angle * 360_000), 6_000)
    degrees, minutes = divmod(minutes, 60)
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(seconds, 100)


def cut_off_jpeg(picture: Image.Image) -> bytes:
    """Store a picture as JPEG and lose the second half of the file."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=85)
    content = stream.getvalue()
    return content[: len(content) // 2]


def text_named_jpeg() -> bytes:
    """Return a text that is no picture, whatever its file is called."""
    return b"Milk, flour, yeast, tomatoes, basil.\nThis is a text, though its name ends in .jpg.\n"
