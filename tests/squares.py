"""Plain squares: pictures whose embeddings can be worked out by hand."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def encoded(colour: tuple[int, int, int], side: int = 12) -> bytes:
    """Encode a plain square as PNG."""
    stream = BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()
