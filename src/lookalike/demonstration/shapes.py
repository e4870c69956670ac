"""Outlines as arrays of points: x to the right, y downwards, about the unit square [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Points",
    "arc",
    "circle",
    "curve",
    "ellipse",
    "mirrored",
    "moved",
    "outline",
    "polygon",
    "rectangle",
    "star",
    "turned",
]

Points = NDArray[np.float64]
"""Points of an outline, (n, 2)."""


def polygon(*points: tuple[float, float]) -> Points:
    """Make an outline of straight sides."""
    return np.array(points, dtype=np.float64)


def arc(
    x: float, y: float, rx: float, ry: float, *, start_deg: float, end_deg: float, n: int = 40
) -> Points:
    """Follow an ellipse around (x, y) from one angle to another; 90 degrees is below."""
    angles = np.radians(np.linspace(start_deg, end_deg, n))
    return np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, *, turn_deg: float = 0.0) -> Points:
    """Make an ellipse around (x, y)."""
    points = arc(x, y, rx, ry, start_deg=0, end_deg=352.5, n=48)
    return turned(points, turn_deg, x=x, y=y) if turn_deg else points


def circle(x: float, y: float, radius: float) -> Points:
    """Make a circle around (x, y)."""
    return ellipse(x, y, radius, radius)


def rectangle(
    left: float, top: float, right: float, bottom: float, *, radius: float = 0.0
) -> Points:
    """Make an upright rectangle, its corners rounded by the radius."""
    if radius <= 0:
        return polygon((left, top), (right, top), (right, bottom), (left, bottom))
    corners = (
        (right - radius, top + radius, -90),
        (right - radius, bottom - radius, 0),
        (left + radius, bottom - radius, 90),
        (left + radius, top + radius, 180),
    )
    return np.concatenate(
        [arc(x, y, radius, radius, start_deg=a, end_deg=a + 90, n=9) for x, y, a in corners]
    )


def star(x: float, y: float, outer: float, inner: float, *, points: int) -> Points:
    """Make a star with its first point upwards."""
    angles = np.arange(2 * points) * np.pi / points - np.pi / 2
    radii = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([x + radii * np.cos(angles), y + radii * np.sin(angles)], axis=1)


def curve(points: Sequence[tuple[float, float]] | Points, *, steps: int = 10) -> Points:
    """Draw a smooth open line through the points (a Catmull-Rom spline)."""
    given = np.asarray(points, dtype=np.float64)
    ends = np.concatenate([given[:1] * 2 - given[1:2], given, given[-1:] * 2 - given[-2:-1]])
    line = _spline(ends, steps)
    return np.concatenate([line, given[-1:]])


def outline(points: Sequence[tuple[float, float]] | Points, *, steps: int = 10) -> Points:
    """Draw a smooth closed line through the points (a Catmull-Rom spline)."""
    given = np.asarray(points, dtype=np.float64)
    return _spline(np.concatenate([given[-1:], given, given[:2]]), steps)


def _spline(p: Points, steps: int) -> Points:
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[i : len(p) - 3 + i, None, :] for i in range(4))
    line = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return line.reshape(-1, 2)


def turned(points: Points, angle_deg: float, *, x: float = 0.0, y: float = 0.0) -> Points:
    """Turn an outline clockwise (as seen on the picture) around (x, y)."""
    angle = np.radians(angle_deg)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned_points: Points = (points - (x, y)) @ matrix + (x, y)
    return turned_points


def moved(points: Points, x: float, y: float, *, scale: float = 1.0) -> Points:
    """Scale an outline around the origin, then move it."""
    moved_points: Points = points * scale + np.array([x, y])
    return moved_points


def mirrored(points: Points) -> Points:
    """Mirror an outline left to right."""
    flipped: Points = points * np.array([-1.0, 1.0])
    return flipped
