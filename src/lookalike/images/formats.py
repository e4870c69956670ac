"""Finding out a file's format from its first bytes, and opening it.

Pillow's reader classes are called directly instead of through ``Image.open``:
only the formats named here are ever tried (none of them starts another
program), the pixel cap is ours and not a setting of the user's process, and
HEIC needs no registration that would change what ``Image.open`` does elsewhere.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lookalike.errors import ImageOutOfReach, ImageUnreadable

__all__ = ["open_picture"]

# A multi-picture (MPO) file is a JPEG with more JPEGs behind it: the first is taken.
READERS: dict[str, Callable[[BytesIO], Image.Image]] = {
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "DIB": BmpImagePlugin.DibImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}

BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II\0*", "TIFF"),  # the other byte order's mark, as some scanners write
    (b"MM*\0", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"P1", "PPM"),
    (b"P2", "PPM"),
    (b"P3", "PPM"),
    (b"P4", "PPM"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
    # A bitmap without its file header starts with the size of the next one.
    (b"(\0\0\0", "DIB"),
    (b"l\0\0\0", "DIB"),
    (b"|\0\0\0", "DIB"),
)

AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)

PNG_CHECKED = frozenset({b"PLTE", b"IDAT"})

# What wears a picture's name in real collections without being one.
STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\0" * 16, "a run of zero bytes"),
)


def open_picture(data: bytes) -> Image.Image:
    """Open a picture without reading its pixels.

    Raises:
        ImageUnreadable: Its format is unknown, or needs an extra.
        Exception: Whatever Pillow raises about a damaged header.
    """
    name = format_of(data)
    if name == "HEIF":
        return open_heif(data)
    if name == "PNG":
        check_png(data)
    return READERS[name](BytesIO(data))


def format_of(data: bytes) -> str:
    """Name the format by the first bytes, whatever the file is called.

    Raises:
        ImageUnreadable: It is none of ours; the message says what it looks like.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return media_format(data)
    for beginning, name in BEGINNINGS:
        if data.startswith(beginning):
            return name
    raise ImageUnreadable(f"it is {stranger(data)}, not a picture in a format that can be read")


def media_format(data: bytes) -> str:
    """Tell AVIF, HEIF and films apart by the brands of an ISO media file."""
    length = min(int.from_bytes(data[:4], "big"), 256)
    major = data[8:12]
    brands = {major, *(data[start : start + 4] for start in range(16, length, 4))}
    # The brands mif1 and msf1 only say "picture": the others tell which codec.
    if major in AVIF_BRANDS or (major in {b"mif1", b"msf1"} and brands & AVIF_BRANDS):
        return "AVIF"
    if brands & HEIF_BRANDS:
        return "HEIF"
    raise ImageUnreadable("it is a film or another media file, not a picture")


def check_png(data: bytes) -> None:
    """Compare the checksums of a PNG's palette and pixels, as libpng does and Pillow does not.

    Raises:
        ImageUnreadable: One is wrong.
    """
    view = memoryview(data)
    start = 8
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + length
        if kind in PNG_CHECKED and end + 4 <= len(data):
            (stated,) = struct.unpack_from(">I", data, end)
            if zlib.crc32(view[start + 4 : end]) != stated:
                raise ImageUnreadable(f"the checksum of its {kind.decode()} data is wrong")
        start = end + 4


def open_heif(data: bytes) -> Image.Image:
    """Open HEIC or HEIF where pillow-heif is installed."""
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise ImageOutOfReach(
            "it is HEIC, and the library for it is not installed: run pip install 'lookalike[heif]'"
        ) from error
    picture: Image.Image = HeifImageFile(BytesIO(data))
    return picture


def stranger(data: bytes) -> str:
    """Say what a file that is no picture looks like."""
    if not data:
        return "empty"
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, words in STRANGERS:
        if data.startswith(beginning) or start.startswith(beginning):
            return words
    return "an unknown kind of file"
