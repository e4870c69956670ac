"""Fields of noise and colour, as arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lookalike.demonstration.canvas import Pen
from lookalike.demonstration.colours import Colour
from lookalike.demonstration.dice import Rng

__all__ = ["Field", "clouds", "coloured", "flattened", "frame_pen", "ramp"]

Field = NDArray[np.float32]
"""One number per pixel, (height, width)."""


def clouds(size: tuple[int, int], rng: Rng, *, cells: tuple[float, float], octaves: int) -> Field:
    """Draw smooth noise in [0, 1]; cells tells how many humps fit in width and height."""
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    for octave in range(octaves):
        wide, high = (max(2, min(round(cells[i] * 2**octave), size[i])) for i in (0, 1))
        coarse = Image.fromarray(rng.random((high, wide), dtype=np.float32))
        total += np.asarray(coarse.resize(size, Image.Resampling.BICUBIC)) * 0.5**octave
    low, high_value = float(total.min()), float(total.max())
    levelled: Field = (total - low) / np.float32(max(high_value - low, 1e-6))
    return levelled


def ramp(size: tuple[int, int], angle_deg: float) -> Field:
    """Make a field that rises evenly from 0 to 1; 0 is left to right, 90 top to bottom."""
    angle = np.radians(angle_deg)
    x = np.linspace(-0.5, 0.5, size[0], dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-0.5, 0.5, size[1], dtype=np.float32) * np.float32(np.sin(angle))
    field = x[None, :] + y[:, None]
    low, high = float(field.min()), float(field.max())
    levelled: Field = (field - low) / np.float32(max(high - low, 1e-6))
    return levelled


def coloured(field: Field, *stops: Colour) -> Image.Image:
    """Turn a field in [0, 1] into a picture through evenly spaced colours."""
    places = np.linspace(0, 255, len(stops))
    table = np.stack(
        [np.interp(np.arange(256), places, [stop[c] for stop in stops]) for c in range(3)], axis=1
    )
    levels = np.clip(field * 255, 0, 255).astype(np.uint8)
    return Image.fromarray(table.round().astype(np.uint8)[levels])


def frame_pen(size: tuple[int, int], *, oversampling: int = 2) -> tuple[Pen, float]:
    """Return a pen whose y runs from -1 (top) to 1 (bottom) of the frame, and x's reach."""
    half = size[1] / 2
    matrix = np.array([[half, 0, size[0] / 2], [0, half, size[1] / 2], [0, 0, 1.0]])
    return Pen(size, matrix, oversampling=oversampling), size[0] / size[1]


def flattened(below: Image.Image, pen: Pen) -> Image.Image:
    """Lay what a pen drew over an opaque picture."""
    picture = below.convert("RGBA")
    picture.alpha_composite(pen.image())
    return picture.convert("RGB")
