"""Small pictures, made on the spot."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def encode() -> Encode:
    """Encode a PIL image: ``encode(image, "PNG", exif=...)``."""

    def encoded(image: Image.Image, form: str, **options: object) -> bytes:
        stream = BytesIO()
        image.save(stream, form, **options)
        return stream.getvalue()

    return encoded


@pytest.fixture
def scene() -> Image.Image:
    """A smooth picture without symmetry, 96 x 64."""
    y, x = np.mgrid[0:64, 0:96]
    red = 255 * x / 95
    green = 255 * y / 63
    blue = 127 + 127 * np.sin(x / 9) * np.cos(y / 7)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


@pytest.fixture
def noise() -> Image.Image:
    """A picture in which every pixel counts, 37 x 23."""
    values = np.random.default_rng(7).integers(0, 256, (23, 37, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture
def raw_png() -> Callable[..., bytes]:
    """Write a PNG by hand: ``raw_png(samples, color_type, key=...)``; 16 bits for uint16."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    def written(samples: NDArray[np.generic], color_type: int, *, key: bytes = b"") -> bytes:
        height, width = samples.shape[:2]
        depth = 8 * samples.dtype.itemsize
        rows = samples.astype(samples.dtype.newbyteorder(">"))
        body = b"".join(b"\0" + rows[line].tobytes() for line in range(height))
        header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + (chunk(b"tRNS", key) if key else b"")
            + chunk(b"IDAT", zlib.compress(body))
            + chunk(b"IEND", b"")
        )

    return written
