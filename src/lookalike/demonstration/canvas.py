"""A transparent, supersampled canvas and the pen that draws on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from lookalike.demonstration.colours import Colour
from lookalike.demonstration.shapes import Points, circle

__all__ = ["Fill", "Glow", "Matrix", "Pen", "Ramp", "placement"]

Matrix = NDArray[np.float64]
"""A projective map of the plane, (3, 3)."""


@dataclass(frozen=True, slots=True)
class Ramp:
    """A fill that goes evenly from one colour to another.

    Attributes:
        start: The colour where the ramp begins.
        end: The colour where it ends.
        angle_deg: Its direction: 0 is left to right, 90 top to bottom.
    """

    start: Colour
    end: Colour
    angle_deg: float = 90.0


@dataclass(frozen=True, slots=True)
class Glow:
    """A fill that goes from one colour in the middle to another at the rim.

    Attributes:
        inner: The colour in the middle.
        outer: The colour at the rim.
        x: Where the middle lies, -1 (left edge of the outline) to 1 (right edge).
        y: Where the middle lies, -1 (top edge) to 1 (bottom edge).
    """

    inner: Colour
    outer: Colour
    x: float = 0.0
    y: float = 0.0


Fill = Colour | Ramp | Glow


def placement(
    x: float, y: float, scale: float, *, turn_deg: float = 0.0, stretch: float = 1.0
) -> Matrix:
    """Build the map that scales, stretches in width, turns clockwise, then moves to (x, y)."""
    angle = np.radians(turn_deg)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos * stretch, -sin, x], [sin * stretch, cos, y], [0, 0, 1]])


class Pen:
    """Draws filled outlines and lines, later ones over earlier ones.

    Points are given in the drawing's own units; the matrix maps them to pixels of
    the finished layer. Inside, everything is drawn larger and averaged at the end,
    which makes the edges smooth.
    """

    def __init__(self, size: tuple[int, int], matrix: Matrix, *, oversampling: int) -> None:
        self._oversampling = oversampling
        self._matrix: Matrix = np.diag([oversampling, oversampling, 1.0]) @ matrix
        self._start(Image.new("RGBA", (size[0] * oversampling, size[1] * oversampling)))

    def _start(self, layer: Image.Image) -> None:
        self._layer = layer
        self._ink = ImageDraw.Draw(layer)

    def fill(self, points: Points, fill: Fill, *, alpha: float = 1.0) -> None:
        """Fill an outline (n, 2); alpha 0 is invisible, 1 opaque."""
        pixels = self._pixels(points)
        if alpha >= 1 and isinstance(fill, tuple):
            self._ink.polygon(pixels.ravel().tolist(), fill=(*fill, 255))
            return
        box = self._box(pixels)
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        ink = ImageDraw.Draw(mask)
        ink.polygon((pixels - box[:2]).ravel().tolist(), fill=round(255 * min(alpha, 1.0)))
        tile = self._tile(fill, points, box)
        if alpha >= 1:
            self._layer.paste(tile, box[:2], mask)
        else:
            tile.putalpha(mask)
            self._layer.alpha_composite(tile, box[:2])

    def line(
        self,
        points: Points,
        width: float,
        colour: Colour,
        *,
        closed: bool = False,
        alpha: float = 1.0,
    ) -> None:
        """Draw a line with round joints and ends along the points; width in drawing units."""
        if alpha < 1:
            with self._over(alpha):
                self.line(points, width, colour, closed=closed)
            return
        if closed:
            points = np.concatenate([points, points[:1]])
        wide = max(1, round(width * self._scale()))
        pixels = self._pixels(points).ravel().tolist()
        self._ink.line(pixels, fill=(*colour, 255), width=wide, joint="curve")
        if wide > 2:
            for x, y in (points[0], points[-1]):
                self.fill(circle(x, y, width / 2), colour)

    def cut(self, points: Points) -> None:
        """Make what lies inside the outline transparent again."""
        self._ink.polygon(self._pixels(points).ravel().tolist(), fill=(0, 0, 0, 0))

    @contextmanager
    def inside(self, points: Points) -> Iterator[None]:
        """Keep all that is drawn in the block inside the outline."""
        below, fresh = self._layer, Image.new("RGBA", self._layer.size)
        self._start(fresh)
        try:
            yield
        finally:
            self._start(below)
        pixels = self._pixels(points)
        box = self._box(pixels)
        if box is None:
            return
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        ImageDraw.Draw(mask).polygon((pixels - box[:2]).ravel().tolist(), fill=255)
        tile = fresh.crop(box)
        tile.putalpha(ImageChops.multiply(tile.getchannel("A"), mask))
        below.alpha_composite(tile, box[:2])

    @contextmanager
    def placed(self, matrix: Matrix) -> Iterator[None]:
        """Draw the block's outlines through one more map, as of :func:`placement`."""
        before = self._matrix
        self._matrix = before @ matrix
        try:
            yield
        finally:
            self._matrix = before

    def image(self) -> Image.Image:
        """Return the layer at its finished size, RGBA."""
        return self._layer.reduce(self._oversampling)

    @contextmanager
    def _over(self, alpha: float) -> Iterator[None]:
        below, fresh = self._layer, Image.new("RGBA", self._layer.size)
        self._start(fresh)
        try:
            yield
        finally:
            self._start(below)
        box = fresh.getbbox()
        if box is not None:
            tile = fresh.crop(box)
            tile.putalpha(tile.getchannel("A").point([round(v * alpha) for v in range(256)]))
            below.alpha_composite(tile, box[:2])

    def _scale(self) -> float:
        return float(np.sqrt(abs(np.linalg.det(self._matrix[:2, :2]))))

    def _pixels(self, points: Points) -> Points:
        return _mapped(points, self._matrix)

    def _box(self, pixels: Points) -> tuple[int, int, int, int] | None:
        left, top = np.floor(pixels.min(axis=0)).astype(int)
        right, bottom = np.ceil(pixels.max(axis=0)).astype(int) + 1
        width, height = self._layer.size
        box = max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom))
        return box if box[0] < box[2] and box[1] < box[3] else None

    def _tile(self, fill: Fill, points: Points, box: tuple[int, int, int, int]) -> Image.Image:
        """Paint the box with the fill, from a coarse grid of colours blown up smoothly."""
        size = box[2] - box[0], box[3] - box[1]
        if isinstance(fill, tuple):
            return Image.new("RGBA", size, (*fill, 255))
        n = 9 if isinstance(fill, Ramp) else 25
        x, y = np.meshgrid(np.linspace(box[0], box[2], n), np.linspace(box[1], box[3], n))
        grid = _mapped(
            np.stack([x.ravel(), y.ravel()], axis=1), np.linalg.inv(self._matrix).astype(np.float64)
        )
        t, start, end = _shares(fill, points, grid)
        colours = np.array(start) + (np.array(end) - np.array(start)) * np.clip(t, 0, 1)[:, None]
        small = Image.fromarray(colours.round().astype(np.uint8).reshape(n, n, 3))
        inner = (0.5, 0.5, n - 0.5, n - 0.5)
        return small.resize(size, Image.Resampling.BILINEAR, box=inner).convert("RGBA")


def _mapped(points: Points, matrix: Matrix) -> Points:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    pixels: Points = mapped[:, :2] / np.maximum(mapped[:, 2:], 1e-3)
    return pixels


def _shares(
    fill: Ramp | Glow, points: Points, grid: Points
) -> tuple[NDArray[np.float64], Colour, Colour]:
    """Return how far each point of the grid is from the fill's first to its second colour."""
    low, high = points.min(axis=0), points.max(axis=0)
    if isinstance(fill, Glow):
        half = np.maximum((high - low) / 2, 1e-6)
        offset = (grid - (low + high) / 2) / half - (fill.x, fill.y)
        return np.hypot(offset[:, 0], offset[:, 1]), fill.inner, fill.outer
    angle = np.radians(fill.angle_deg)
    direction = np.array([np.cos(angle), np.sin(angle)])
    along = points @ direction
    reach = max(float(along.max() - along.min()), 1e-6)
    return (grid @ direction - along.min()) / reach, fill.start, fill.end
