"""Things that carry people: boat, car, bicycle, rocket, hot-air balloon."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from lookalike.demonstration.canvas import Glow, Pen, Ramp, placement
from lookalike.demonstration.colours import (
    BLACK,
    WHITE,
    Colour,
    darker,
    greyish,
    lighter,
    metal,
    mix,
    pale,
    vivid,
    wood,
)
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.shapes import (
    Points,
    arc,
    circle,
    curve,
    ellipse,
    moved,
    outline,
    polygon,
    rectangle,
)

__all__ = ["draw_balloon", "draw_bicycle", "draw_boat", "draw_car", "draw_rocket"]


# --- sailing boat ---


def draw_boat(pen: Pen, rng: Rng) -> None:
    """Draw a sailing boat from the side: one or two masts, jib, spinnaker, gaff or lug sail."""
    hull = pick(rng, (WHITE, BLACK, wood(rng), vivid(rng), vivid(rng)))
    sail = pick(rng, (WHITE, (242, 232, 208), pale(rng), vivid(rng)))
    stripes = vivid(rng) if chance(rng, 0.4) else None
    height = between(rng, 0.8, 1.0)
    if chance(rng, 0.25):
        _rig(pen, rng, x=0.42, top=-height * 0.55, foot=0.36, sail=sail, stripes=stripes)
    _jib(pen, rng, height, pick(rng, (sail, sail, vivid(rng))))
    _rig(pen, rng, x=between(rng, -0.2, 0.02), top=-height, foot=0.55, sail=sail, stripes=stripes)
    _hull(pen, rng, hull)


def _rig(
    pen: Pen, rng: Rng, *, x: float, top: float, foot: float, sail: Colour, stripes: Colour | None
) -> None:
    pen.line(polygon((x, 0.5), (x, top)), 0.035, wood(rng))
    belly = between(rng, 0.04, 0.16)
    style = whole(rng, 0, 2)
    low = 0.3
    if style < 2:
        corner, peak = (x + foot, low), (x + 0.03, top + 0.06)
        leech = (x + foot * 0.55 + belly, (low + top) / 2)
    else:
        corner, peak = (x + foot, low), (x + foot * 0.62, top + 0.02)
        leech = (x + foot * 0.86 + belly, (low + top) / 2)
        pen.line(polygon((x, top + 0.35), peak), 0.03, wood(rng))
    inner = (x + 0.03, low) if style < 2 else (x + 0.03, top + 0.38)
    edge = curve([peak, leech, corner])
    points = np.concatenate([edge, polygon((x + 0.03, low), inner)])
    with pen.inside(points):
        pen.fill(points, Ramp(lighter(sail), darker(sail, 0.22), 20))
        if stripes:
            for y in np.arange(top + 0.2, low, between(rng, 0.22, 0.4)):
                pen.fill(rectangle(x - 0.1, y, x + 1, y + 0.09), stripes)
        for y in np.arange(top + 0.12, low, 0.2):
            pen.line(polygon((x, y), (x + 1, y + 0.05)), 0.006, darker(sail, 0.3), alpha=0.6)
    pen.line(polygon((x, low + 0.03), (x + foot + 0.03, low + 0.03)), 0.025, wood(rng))
    if chance(rng, 0.5):
        pennant = polygon((x, top), (x + 0.2, top - 0.06), (x, top - 0.11))
        pen.fill(pennant, vivid(rng))


def _jib(pen: Pen, rng: Rng, height: float, colour: Colour) -> None:
    if chance(rng, 0.15):
        return
    bow, top = (-0.82, 0.32), (-0.12, -height * between(rng, 0.6, 0.88))
    belly = between(rng, 0.0, 0.22)
    foot = (-0.14, 0.28)
    luff = curve([bow, (-0.5 - belly, (top[1] + bow[1]) / 2), top])
    pen.fill(
        np.concatenate([luff, polygon(foot)]), Ramp(darker(colour, 0.15), lighter(colour, 0.4), 0)
    )
    pen.line(polygon((-0.88, 0.36), top), 0.01, BLACK, alpha=0.7)


def _hull(pen: Pen, rng: Rng, colour: Colour) -> None:
    depth = between(rng, 0.62, 0.78)
    points = np.concatenate(
        [
            curve([(-0.95, 0.34), (-0.4, 0.42), (0.3, 0.42), (0.88, 0.36)]),
            curve([(0.84, 0.5), (0.66, depth), (0.0, depth + 0.03), (-0.55, depth - 0.04)]),
        ]
    )
    if chance(rng, 0.5):
        pen.fill(rectangle(0.12, 0.28, 0.6, 0.45, radius=0.05), Ramp(WHITE, (196, 200, 206)))
        for x in (0.2, 0.33, 0.46):
            pen.fill(circle(x + 0.03, 0.35, 0.035), (50, 80, 110))
    with pen.inside(points):
        pen.fill(points, Ramp(lighter(colour, 0.25), darker(colour, 0.35)))
        pen.fill(rectangle(-1, depth - 0.08, 1, 1), darker(vivid(rng), 0.2))
        if chance(rng, 0.6):
            pen.line(curve([(-1, 0.4), (0, 0.48), (1, 0.41)]), 0.03, vivid(rng))
    pen.line(curve([(-0.95, 0.34), (-0.4, 0.42), (0.3, 0.42), (0.88, 0.36)]), 0.025, wood(rng))


# --- car ---

_BODIES: dict[str, tuple[list[tuple[float, float]], list[tuple[float, float]]]] = {
    # name: outline of the body, outline of the glass (both from the front, left, over the roof)
    "saloon": (
        [(-0.97, 0.3), (-0.96, 0.08), (-0.8, -0.02), (-0.45, -0.08), (-0.22, -0.36), (0.0, -0.43),
         (0.3, -0.4), (0.56, -0.1), (0.86, -0.05), (0.96, 0.1), (0.95, 0.32)],
        [(-0.38, -0.07), (-0.18, -0.31), (0.02, -0.36), (0.27, -0.34), (0.46, -0.09)],
    ),
    "hatchback": (
        [(-0.9, 0.3), (-0.9, 0.05), (-0.7, -0.08), (-0.45, -0.14), (-0.2, -0.46), (0.1, -0.53),
         (0.52, -0.49), (0.76, -0.14), (0.82, 0.05), (0.82, 0.32)],
        [(-0.37, -0.12), (-0.16, -0.4), (0.1, -0.46), (0.48, -0.43), (0.64, -0.13)],
    ),
    "beetle": (
        [(-0.9, 0.3), (-0.92, 0.1), (-0.74, -0.08), (-0.45, -0.14), (-0.28, -0.44), (0.05, -0.58),
         (0.42, -0.44), (0.74, -0.12), (0.9, 0.14), (0.88, 0.32)],
        [(-0.34, -0.12), (-0.21, -0.37), (0.05, -0.49), (0.33, -0.37), (0.5, -0.11)],
    ),
    "van": (
        [(-0.95, 0.3), (-0.95, 0.02), (-0.86, -0.12), (-0.7, -0.52), (-0.5, -0.6), (0.5, -0.62),
         (0.9, -0.58), (0.95, -0.3), (0.95, 0.32)],
        [(-0.77, -0.13), (-0.62, -0.46), (-0.48, -0.5), (0.5, -0.52), (0.82, -0.48), (0.84, -0.14)],
    ),
    "sports": (
        [(-0.99, 0.3), (-0.98, 0.16), (-0.7, 0.0), (-0.3, -0.06), (-0.02, -0.28), (0.22, -0.32),
         (0.52, -0.22), (0.8, -0.1), (0.96, -0.06), (0.97, 0.3)],
        [(-0.2, -0.05), (0.02, -0.23), (0.22, -0.26), (0.42, -0.19), (0.54, -0.07)],
    ),
}  # fmt: skip


def draw_car(pen: Pen, rng: Rng) -> None:
    """Draw a car from the side: saloon, hatchback, beetle, van or sports car."""
    body_points, glass_points = _BODIES[pick(rng, sorted(_BODIES))]
    paint = pick(rng, (vivid(rng), vivid(rng), greyish(rng), WHITE, BLACK))
    body = np.concatenate([curve(body_points, steps=6), polygon((0.9, 0.4), (-0.92, 0.4))])
    glass = np.concatenate([curve(glass_points, steps=6), polygon(glass_points[0])])
    axles = (-0.58, between(rng, 0.5, 0.6))
    radius = between(rng, 0.19, 0.235)
    pen.fill(rectangle(-0.85, 0.2, 0.85, 0.44), (24, 24, 28))
    with pen.inside(body):
        pen.fill(body, Ramp(lighter(paint, 0.4), darker(paint, 0.4)))
        pen.fill(rectangle(-1, 0.31, 1, 0.5), darker(paint, 0.6))
        if chance(rng, 0.35):
            pen.fill(rectangle(-1, 0.08, 1, between(rng, 0.14, 0.22)), vivid(rng))
        for x in axles:
            pen.fill(circle(x, 0.38, radius * 1.2), (26, 26, 30))
    _car_glass(pen, glass, paint)
    _car_details(pen, rng, paint)
    if chance(rng, 0.25):
        _luggage(pen, rng, roof=float(body[:, 1].min()))
    style = whole(rng, 4, 9)
    for x in axles:
        _wheel(pen, x, radius, style)


def _car_glass(pen: Pen, glass: Points, paint: Colour) -> None:
    with pen.inside(glass):
        pen.fill(glass, Ramp((168, 202, 222), (62, 88, 112), 70))
        pen.fill(polygon((-0.1, -0.6), (0.05, -0.6), (-0.15, 0), (-0.3, 0)), WHITE, alpha=0.3)
        middle = float(glass[:, 0].mean()) + 0.06
        pen.fill(rectangle(middle, -0.7, middle + 0.05, 0.1), darker(paint, 0.1))
    pen.line(glass, 0.018, darker(paint, 0.6), closed=True)


def _car_details(pen: Pen, rng: Rng, paint: Colour) -> None:
    line = darker(paint, 0.55)
    pen.line(curve([(-0.25, -0.05), (-0.27, 0.15), (-0.24, 0.32)]), 0.012, line)
    pen.line(curve([(0.15, -0.05), (0.16, 0.15), (0.13, 0.32)]), 0.012, line)
    pen.line(polygon((0.02, 0.04), (0.09, 0.04)), 0.025, line)
    pen.fill(ellipse(-0.9, 0.12, 0.05, 0.06), Glow((255, 252, 220), (230, 190, 90)))
    pen.fill(rectangle(0.85, 0.05, 0.92, 0.16, radius=0.02), (196, 30, 36))
    pen.line(polygon((-0.96, 0.3), (-0.83, 0.31)), 0.05, (150, 154, 160))
    pen.line(polygon((0.8, 0.31), (0.92, 0.3)), 0.05, (150, 154, 160))


def _luggage(pen: Pen, rng: Rng, *, roof: float) -> None:
    with pen.placed(placement(0.14, roof, 1.0)):
        pen.line(polygon((-0.22, -0.025), (0.22, -0.025)), 0.03, BLACK)
        for x in (-0.18, 0.18):
            pen.line(polygon((x, -0.025), (x, 0.04)), 0.03, BLACK)
        pen.fill(rectangle(-0.16, -0.19, 0.16, -0.04, radius=0.04), Ramp(wood(rng), wood(rng)))


def _wheel(pen: Pen, x: float, radius: float, spokes: int) -> None:
    pen.fill(circle(x, 0.38, radius), Glow((64, 64, 70), (18, 18, 20)))
    pen.fill(circle(x, 0.38, radius * 0.62), Ramp((226, 228, 232), (120, 124, 132)))
    for angle in np.arange(spokes) * 2 * np.pi / spokes:
        tip = (x + 0.55 * radius * np.cos(angle), 0.38 + 0.55 * radius * np.sin(angle))
        pen.line(polygon((x, 0.38), tip), radius * 0.12, (70, 72, 80))
    pen.fill(circle(x, 0.38, radius * 0.18), (210, 212, 216))


# --- bicycle ---


def draw_bicycle(pen: Pen, rng: Rng) -> None:
    """Draw a bicycle from the side: road, step-through with a basket, or penny-farthing."""
    paint = pick(rng, (vivid(rng), vivid(rng), BLACK, metal(rng)))
    if chance(rng, 0.15):
        _penny_farthing(pen, paint)
        return
    radius = between(rng, 0.36, 0.42)
    rear, front = (-0.55, 0.36), (0.57, 0.36)
    tyre = pick(rng, (BLACK, BLACK, (120, 84, 56), darker(paint, 0.3)))
    for x, y in (rear, front):
        _spoked(pen, x, y, radius, tyre, spokes=whole(rng, 10, 18))
    _bicycle_frame(pen, rng, paint, rear, front)


def _spoked(pen: Pen, x: float, y: float, radius: float, tyre: Colour, *, spokes: int) -> None:
    for angle in np.arange(spokes) * 2 * np.pi / spokes:
        tip = (x + radius * np.cos(angle), y + radius * np.sin(angle))
        pen.line(polygon((x, y), tip), 0.009, (150, 154, 162))
    pen.line(circle(x, y, radius * 0.93), 0.022, (196, 198, 204), closed=True)
    pen.line(circle(x, y, radius), 0.055, tyre, closed=True)
    pen.fill(circle(x, y, 0.045), (90, 92, 98))


def _bicycle_frame(
    pen: Pen,
    rng: Rng,
    paint: Colour,
    rear: tuple[float, float],
    front: tuple[float, float],
) -> None:
    crank, saddle, head = (-0.08, 0.4), (-0.24, -0.26), (0.4, -0.3)
    step_through = chance(rng, 0.4)
    width = between(rng, 0.045, 0.06)
    low = (-0.17, 0.12) if step_through else (-0.22, -0.18)
    for start, end in ((rear, crank), (rear, low), (crank, saddle), (crank, head), (head, front)):
        pen.line(polygon(start, end), width, paint)
    pen.line(polygon(low, (head[0] + 0.01, head[1] + 0.07)), width, paint)
    pen.line(polygon(head, (0.36, -0.44)), width, paint)
    _handlebar(pen, rng)
    seat = outline([(-0.42, -0.33), (-0.24, -0.36), (-0.06, -0.32), (-0.22, -0.27), (-0.4, -0.25)])
    pen.fill(seat, pick(rng, (BLACK, (128, 80, 44))))
    pen.line(circle(*crank, 0.1), 0.025, (120, 122, 128), closed=True)
    angle = between(rng, 0, 3.1)
    pedal = np.array([np.cos(angle), np.sin(angle)]) * 0.19
    pen.line(polygon(tuple(crank - pedal), tuple(crank + pedal)), 0.03, (80, 82, 88))
    for x, y in (crank - pedal, crank + pedal):
        pen.line(polygon((x - 0.06, y), (x + 0.06, y)), 0.04, BLACK)
    pen.line(polygon((-0.55, 0.33), (-0.08, 0.31)), 0.012, (90, 92, 98))


def _handlebar(pen: Pen, rng: Rng) -> None:
    style = whole(rng, 0, 2)
    if style == 0:
        pen.line(curve([(0.36, -0.44), (0.54, -0.45), (0.6, -0.34), (0.5, -0.25)]), 0.04, BLACK)
        return
    pen.line(curve([(0.36, -0.44), (0.42, -0.56), (0.3, -0.6), (0.2, -0.56)]), 0.04, BLACK)
    if style == 2:
        basket = polygon((0.46, -0.52), (0.86, -0.52), (0.78, -0.2), (0.52, -0.2))
        with pen.inside(basket):
            pen.fill(basket, Ramp((214, 172, 110), (150, 104, 58)))
            for step in np.arange(0.46, 0.9, 0.06):
                pen.line(polygon((step, -0.55), (step, -0.15)), 0.012, (120, 80, 44))
            for step in np.arange(-0.5, -0.2, 0.07):
                pen.line(polygon((0.4, step), (0.9, step)), 0.012, (120, 80, 44))


def _penny_farthing(pen: Pen, paint: Colour) -> None:
    _spoked(pen, 0.18, 0.14, 0.64, BLACK, spokes=24)
    _spoked(pen, -0.7, 0.6, 0.19, BLACK, spokes=12)
    pen.line(curve([(-0.7, 0.6), (-0.62, 0.1), (-0.35, -0.4), (0.16, -0.64)]), 0.055, paint)
    pen.line(polygon((0.18, 0.14), (0.16, -0.68)), 0.055, paint)
    pen.line(curve([(0.05, -0.62), (0.16, -0.74), (0.32, -0.66)]), 0.045, BLACK)
    pen.fill(ellipse(-0.14, -0.6, 0.18, 0.05, turn_deg=-12), (110, 66, 36))
    pen.line(polygon((0.06, 0.26), (0.3, 0.02)), 0.04, (80, 82, 88))


# --- rocket ---


def draw_rocket(pen: Pen, rng: Rng) -> None:
    """Draw an upright rocket with fins, portholes, stripes and, most often, a flame."""
    body = pick(rng, (WHITE, (206, 210, 216), pale(rng), vivid(rng)))
    trim = vivid(rng)
    width = between(rng, 0.2, 0.32)
    if chance(rng, 0.75):
        _flame(pen, rng, width)
    _fins(pen, rng, width, trim)
    nose = between(rng, 0.9, 1.0)
    right = [(0.0, -nose), (width * 0.62, -0.55), (width, -0.05), (width * 0.86, 0.45)]
    left = [(-x, y) for x, y in right[::-1]]
    foot = width * 0.66
    points = np.concatenate([curve([*right, (foot, 0.6)]), curve([(-foot, 0.6), *left])])
    pen.fill(rectangle(-width * 0.55, 0.55, width * 0.55, 0.68), Ramp(BLACK, (120, 122, 130), 0))
    with pen.inside(points):
        pen.fill(points, Ramp(lighter(body, 0.4), darker(body, 0.42), 0))
        cone = between(rng, -0.62, -0.42)
        pen.fill(rectangle(-1, -1.2, 1, cone), Ramp(lighter(trim, 0.25), darker(trim, 0.35), 0))
        for y in np.linspace(0.2, 0.5, whole(rng, 0, 3)):
            pen.fill(rectangle(-1, y, 1, y + 0.06), Ramp(trim, darker(trim, 0.4), 0))
    for index in range(whole(rng, 1, 3)):
        _porthole(pen, -0.25 + 0.22 * index, width * (0.5 if index == 0 else 0.3))


def _flame(pen: Pen, rng: Rng, width: float) -> None:
    length = between(rng, 0.85, 1.05)
    for share, colour in ((1.0, (240, 96, 30)), (0.68, (252, 176, 50)), (0.38, (255, 244, 190))):
        reach = 0.6 + (length - 0.6) * share
        wide = width * 0.85 * share
        tongue = [(-wide, 0.62), (-wide * 1.1, 0.72), (0, reach), (wide * 1.1, 0.72), (wide, 0.62)]
        pen.fill(outline(tongue), colour)


def _fins(pen: Pen, rng: Rng, width: float, colour: Colour) -> None:
    reach, drop = between(rng, 0.22, 0.42), between(rng, 0.6, 0.82)
    fin = np.concatenate(
        [
            curve([(width * 0.85, 0.1), (width + reach * 0.7, 0.32), (width + reach, drop)]),
            curve([(width + reach * 0.4, drop - 0.14), (width * 0.6, 0.55)]),
        ]
    )
    pen.fill(fin, Ramp(colour, darker(colour, 0.45), 0))
    pen.fill(fin * np.array([-1, 1]), Ramp(lighter(colour, 0.3), colour, 0))
    if chance(rng, 0.6):
        pen.fill(rectangle(-0.04, 0.35, 0.04, drop, radius=0.03), darker(colour, 0.2))


def _porthole(pen: Pen, y: float, radius: float) -> None:
    pen.fill(circle(0, y, radius), Ramp((220, 222, 228), (90, 94, 104), 60))
    pen.fill(circle(0, y, radius * 0.72), Glow((150, 210, 240), (24, 60, 110), -0.3, -0.3))


# --- hot-air balloon ---


def draw_balloon(pen: Pen, rng: Rng) -> None:
    """Draw a hot-air balloon with gores, bands, a zigzag or checks; sometimes others far away."""
    for _ in range(pick(rng, (0, 0, 0, 1, 2))):
        x, y = pick(rng, (-0.8, 0.8)) + between(rng, -0.1, 0.1), between(rng, -0.4, 0.6)
        with pen.placed(placement(x, y, between(rng, 0.14, 0.24))):
            _one_balloon(pen, rng)
    _one_balloon(pen, rng)


def _one_balloon(pen: Pen, rng: Rng) -> None:
    wide = between(rng, 0.56, 0.72)
    mouth, low = 0.14, 0.45
    right = [(0.0, -0.98), (wide * 0.66, -0.82), (wide, -0.35), (wide * 0.72, 0.08), (mouth, low)]
    side = curve(right)
    points = np.concatenate([side, (side * np.array([-1, 1]))[::-1]])
    colours = [vivid(rng), pick(rng, (WHITE, pale(rng), vivid(rng))), vivid(rng)]
    for x in (-0.11, 0.11):
        pen.line(polygon((x * 1.2, low), (x, 0.78)), 0.014, (90, 70, 50))
    basket = polygon((-0.13, 0.76), (0.13, 0.76), (0.1, 0.96), (-0.1, 0.96))
    with pen.inside(points):
        _balloon_pattern(pen, rng, side, colours)
        pen.fill(points, Ramp(WHITE, WHITE), alpha=0.05)
        shade = np.concatenate([side, moved(side, -0.16, 0.0)[::-1]])
        pen.fill(shade, BLACK, alpha=0.16)
    pen.fill(ellipse(0, low, mouth, 0.04), darker(colours[0], 0.6))
    pen.fill(basket, Ramp((190, 132, 74), (112, 70, 36)))
    pen.line(polygon((-0.14, 0.76), (0.14, 0.76)), 0.035, (84, 50, 28))


def _balloon_pattern(pen: Pen, rng: Rng, side: Points, colours: list[Colour]) -> None:
    style = whole(rng, 0, 3)
    gores = whole(rng, 3, 6) * 2
    edges = np.sin(np.linspace(-np.pi / 2, np.pi / 2, gores + 1))
    for index, (left, right) in enumerate(pairwise(edges)):
        gore = np.concatenate([side * np.array([left, 1]), (side * np.array([right, 1]))[::-1]])
        colour = colours[index % 2] if style in (0, 3) else colours[0]
        shade = 0.22 * abs(left + right) / 2
        pen.fill(gore, Ramp(lighter(colour, 0.2), darker(colour, 0.15 + shade)))
    if style in (1, 3):
        for y in (-0.62, -0.3, 0.02)[: whole(rng, 1, 3)]:
            upper = arc(0, y, 0.9, 0.1, start_deg=0, end_deg=180)
            lower = arc(0, y + 0.14, 0.9, 0.1, start_deg=180, end_deg=0)
            pen.fill(np.concatenate([upper, lower]), mix(colours[2], colours[1], 0.15))
    if style == 2:
        zigzag = [(-1 + 0.2 * i, -0.35 + (0.16 if i % 2 else -0.16)) for i in range(11)]
        pen.line(polygon(*zigzag), 0.13, colours[1])
        pen.line(polygon(*((x, y + 0.28) for x, y in zigzag)), 0.07, colours[2])
