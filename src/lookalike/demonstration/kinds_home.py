"""House and pizza."""

from __future__ import annotations

import numpy as np

from lookalike.demonstration.canvas import Glow, Pen, Ramp
from lookalike.demonstration.colours import (
    WHITE,
    Colour,
    darker,
    greyish,
    hsv,
    lighter,
    pale,
    vivid,
    wood,
)
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.shapes import (
    Points,
    arc,
    circle,
    ellipse,
    moved,
    outline,
    polygon,
    rectangle,
)

__all__ = ["draw_house", "draw_pizza"]


# --- house ---


def draw_house(pen: Pen, rng: Rng) -> None:
    """Draw a house: gabled or hipped, one to three storeys, from the front or a corner."""
    wall = pick(rng, (pale(rng), pale(rng), greyish(rng), (196, 112, 84), wood(rng)))
    tiles: tuple[Colour, ...] = ((176, 66, 48), (120, 60, 48), (70, 76, 88), (206, 120, 70))
    roof = pick(rng, (*tiles, vivid(rng)))
    storeys = pick(rng, (1, 1, 2, 2, 3))
    eaves = 0.9 - 0.46 * storeys - between(rng, 0, 0.1)
    ridge = max(-1.0, eaves - between(rng, 0.4, 0.7))
    deep = between(rng, 0.35, 0.6) if chance(rng, 0.6) else 0.0
    left, right = -0.85, 0.85 - deep
    if chance(rng, 0.7):
        _chimney(pen, rng, x=between(rng, -0.45, right - 0.35), top=ridge - 0.02, low=eaves)
    if deep:
        _side(pen, rng, wall, roof, right, right + deep, eaves, ridge, storeys)
    _front(pen, rng, wall, left, right, eaves)
    _roof(pen, rng, roof, wall, left, right, eaves, ridge, gable=deep > 0 or chance(rng, 0.5))
    _openings(pen, rng, left, right, eaves, storeys)
    if chance(rng, 0.5):
        for x in (-0.9, -0.62, right + deep - 0.05)[: whole(rng, 1, 3)]:
            bush = hsv(between(rng, 0.22, 0.36), 0.6, between(rng, 0.35, 0.65))
            pen.fill(ellipse(x, 0.86, 0.17, 0.13), Glow(lighter(bush, 0.25), darker(bush), 0, -0.4))


def _chimney(pen: Pen, rng: Rng, *, x: float, top: float, low: float) -> None:
    brick = darker(pick(rng, ((176, 90, 66), (150, 150, 150), (206, 196, 180))), 0.1)
    high = top + between(rng, 0, 0.12)
    pen.fill(rectangle(x, high, x + 0.15, low), Ramp(lighter(brick, 0.2), darker(brick), 0))
    pen.fill(rectangle(x - 0.02, high - 0.04, x + 0.17, high + 0.02), darker(brick, 0.3))
    if chance(rng, 0.4):
        for index in range(3):
            spot = circle(x + 0.1 + 0.08 * index, high - 0.12 - 0.1 * index, 0.06 + 0.03 * index)
            pen.fill(spot, WHITE, alpha=0.5 - 0.12 * index)


def _side(
    pen: Pen,
    rng: Rng,
    wall: Colour,
    roof: Colour,
    left: float,
    right: float,
    eaves: float,
    ridge: float,
    storeys: int,
) -> None:
    """Draw the long wall that recedes to the right, and the roof above it."""
    lift = 0.08
    face = polygon((left, eaves), (right, eaves + lift * 0.4), (right, 0.9 - lift), (left, 0.9))
    pen.fill(face, Ramp(darker(wall, 0.22), darker(wall, 0.4), 0))
    for row in range(storeys):
        y = 0.9 - 0.46 * (row + 1) + 0.13
        for share in (0.2, 0.6):
            x = left + (right - left) * share
            wide = (right - left) * 0.24
            pen.fill(rectangle(x, y, x + wide, y + 0.2), (244, 240, 230))
            pen.fill(rectangle(x + 0.02, y + 0.02, x + wide - 0.02, y + 0.18), (70, 100, 126))
    middle = (left - 0.85) / 2
    slope = polygon((middle, ridge), (right - 0.08, ridge + lift * 0.5),
                    (right + 0.07, eaves + lift), (left + 0.06, eaves + 0.04))  # fmt: skip
    _tiled(pen, slope, darker(roof, 0.12), ridge, eaves)


def _tiled(pen: Pen, slope: Points, colour: Colour, ridge: float, eaves: float) -> None:
    with pen.inside(slope):
        pen.fill(slope, Ramp(lighter(colour, 0.15), darker(colour, 0.25)))
        for y in np.linspace(ridge, eaves + 0.1, 8):
            pen.line(polygon((-1.2, y), (1.2, y)), 0.014, darker(colour, 0.4), alpha=0.8)


def _front(pen: Pen, rng: Rng, wall: Colour, left: float, right: float, eaves: float) -> None:
    face = rectangle(left, eaves, right, 0.9)
    style = whole(rng, 0, 3)
    with pen.inside(face):
        pen.fill(face, Ramp(lighter(wall, 0.3), darker(wall, 0.1), 30))
        line = darker(wall, 0.18)
        if style == 1:
            for y in np.arange(eaves, 0.9, 0.08):
                pen.line(polygon((left, y), (right, y)), 0.012, line)
        elif style == 2:
            for row, y in enumerate(np.arange(eaves, 0.9, 0.07)):
                pen.line(polygon((left, y), (right, y)), 0.008, line)
                for x in np.arange(left, right, 0.16) + 0.08 * (row % 2):
                    pen.line(polygon((x, y), (x, y + 0.07)), 0.008, line)
        elif style == 3:
            beam = (92, 60, 40)
            for x in np.linspace(left, right, 5):
                pen.line(polygon((x, eaves), (x, 0.9)), 0.035, beam)
            pen.line(polygon((left, (eaves + 0.9) / 2), (right, (eaves + 0.9) / 2)), 0.035, beam)


def _roof(
    pen: Pen,
    rng: Rng,
    roof: Colour,
    wall: Colour,
    left: float,
    right: float,
    eaves: float,
    ridge: float,
    *,
    gable: bool,
) -> None:
    middle = (left + right) / 2
    if gable:
        pen.fill(polygon((left, eaves + 0.01), (middle, ridge), (right, eaves + 0.01)),
                 Ramp(lighter(wall, 0.15), lighter(wall, 0.3)))  # fmt: skip
        rake = polygon((left - 0.09, eaves + 0.07), (middle, ridge), (right + 0.09, eaves + 0.07))
        pen.line(rake, 0.09, darker(roof, 0.1))
        y = eaves - (eaves - ridge) * 0.35
        pen.fill(circle(middle, y, 0.09), WHITE)
        pen.fill(circle(middle, y, 0.065), (70, 100, 126))
        return
    inset = between(rng, 0.15, 0.5) * (right - left) / 2
    slope = polygon((left - 0.1, eaves + 0.05), (left + inset, ridge), (right - inset, ridge),
                    (right + 0.1, eaves + 0.05))  # fmt: skip
    _tiled(pen, slope, roof, ridge, eaves)


def _openings(pen: Pen, rng: Rng, left: float, right: float, eaves: float, storeys: int) -> None:
    columns = 3 if right - left > 1.25 else 2
    frame = pick(rng, (WHITE, WHITE, (92, 60, 40)))
    glass = pick(rng, ((88, 128, 160), (60, 80, 104), (250, 220, 130)))
    shutters = vivid(rng) if chance(rng, 0.4) else None
    door_column = whole(rng, 0, columns - 1)
    cell = (right - left) / columns
    for row in range(storeys):
        for column in range(columns):
            x = left + cell * (column + 0.5)
            y = 0.9 - 0.46 * (row + 1) + 0.08
            if row == 0 and column == door_column:
                _door(pen, rng, x)
            else:
                _window(pen, x, y, min(0.13, cell * 0.3), frame, glass, shutters)


def _door(pen: Pen, rng: Rng, x: float) -> None:
    paint = pick(rng, (vivid(rng), wood(rng), darker(vivid(rng), 0.4)))
    pen.fill(rectangle(x - 0.14, 0.5, x + 0.14, 0.9), WHITE)
    pen.fill(rectangle(x - 0.11, 0.53, x + 0.11, 0.9), Ramp(paint, darker(paint, 0.25)))
    pen.fill(rectangle(x - 0.06, 0.57, x + 0.06, 0.68), (120, 150, 170))
    pen.fill(circle(x + 0.07, 0.74, 0.02), (230, 200, 110))
    pen.fill(rectangle(x - 0.18, 0.88, x + 0.18, 0.93), (160, 158, 154))


def _window(
    pen: Pen,
    x: float,
    y: float,
    half: float,
    frame: Colour,
    glass: Colour,
    shutters: Colour | None,
) -> None:
    if shutters:
        for side in (x - half * 1.75, x + half * 1.05):
            pen.fill(rectangle(side, y, side + half * 0.7, y + 0.27), shutters)
    pen.fill(rectangle(x - half, y, x + half, y + 0.27), frame)
    pane = rectangle(x - half + 0.025, y + 0.025, x + half - 0.025, y + 0.245)
    pen.fill(pane, Ramp(lighter(glass, 0.45), glass, 60))
    pen.line(polygon((x, y), (x, y + 0.27)), 0.018, frame)
    pen.line(polygon((x - half, y + 0.13), (x + half, y + 0.13)), 0.018, frame)
    pen.fill(rectangle(x - half - 0.02, y + 0.26, x + half + 0.02, y + 0.3), darker(frame, 0.12))


# --- pizza ---


def draw_pizza(pen: Pen, rng: Rng) -> None:
    """Draw a pizza from above: whole, with a slice gone, or one slice; toppings vary."""
    style = pick(rng, ("whole", "whole", "gone", "gone", "slice"))
    if style == "slice":
        half = between(rng, 18, 28)
        wedge = np.concatenate([polygon((0.0, 0.9)), _rim(rng, 0.9, 1.75, -90 - half, -90 + half)])
        crust = np.concatenate([polygon((0.0, 0.9)), _rim(rng, 0.9, 1.58, -90 - half, -90 + half)])
        _bake(pen, rng, wedge, crust, y=-0.2, reach=0.75)
        return
    if chance(rng, 0.5):
        board = pick(rng, (wood(rng), WHITE, pale(rng)))
        pen.fill(circle(0, 0, 0.99), Glow(lighter(board, 0.2), darker(board, 0.25)))
    gap = between(rng, 40, 62) if style == "gone" else 0.0
    start = between(rng, 0, 360)
    pieces = [_rim(rng, 0.0, radius, start + gap, start + 360) for radius in (0.9, 0.78)]
    if gap:
        pieces = [np.concatenate([polygon((0.0, 0.0)), piece]) for piece in pieces]
    _bake(pen, rng, *pieces, y=0.0, reach=0.72)
    if chance(rng, 0.6):
        for angle in np.radians(start + gap + np.arange(0, 360 - gap, 45)):
            tip = (0.9 * np.cos(angle), 0.9 * np.sin(angle))
            pen.line(polygon((0, 0), tip), 0.016, (150, 84, 40), alpha=0.8)


def _rim(rng: Rng, y: float, radius: float, start: float, end: float) -> Points:
    points = arc(0, 0, radius, radius, start_deg=start, end_deg=end, n=60)
    bumps = 1 + 0.012 * np.sin(np.linspace(0, between(rng, 40, 70), 60))
    return moved(points * bumps[:, None], 0, y)


def _bake(pen: Pen, rng: Rng, dough: Points, cheese: Points, *, y: float, reach: float) -> None:
    brown = hsv(between(rng, 0.07, 0.1), between(rng, 0.5, 0.65), between(rng, 0.7, 0.88))
    sauce = pick(rng, ((206, 70, 36), (224, 120, 50), (240, 222, 170), (120, 150, 60)))
    pen.fill(dough, Glow(lighter(brown, 0.3), darker(brown, 0.15)))
    with pen.inside(cheese):
        pen.fill(cheese, sauce)
        melted = pick(rng, ((250, 206, 96), (252, 226, 150), (246, 236, 206)))
        for _ in range(whole(rng, 14, 40)):
            x, up = between(rng, -reach, reach), between(rng, -reach, reach) + y
            size = between(rng, 0.08, 0.2)
            blob = ellipse(x, up, size, size * 0.8, turn_deg=between(rng, 0, 180))
            pen.fill(blob, Glow(lighter(melted, 0.2), melted))
        toppings = (_salami, _olive, _basil, _pepper, _slice_of_mushroom, _tomato)
        chosen = rng.permutation(len(toppings))[: whole(rng, 1, 3)]
        for index in range(whole(rng, 12, 26)):
            radius, angle = reach * np.sqrt(rng.random()), index * 2.4 + between(rng, 0, 0.5)
            x, up = float(radius * np.cos(angle)), float(radius * np.sin(angle)) + y
            toppings[chosen[index % len(chosen)]](pen, rng, x, up)


def _salami(pen: Pen, rng: Rng, x: float, y: float) -> None:
    pen.fill(circle(x, y, 0.13), (136, 28, 24))
    pen.fill(circle(x, y, 0.115), Glow((216, 84, 66), (178, 44, 36)))
    for _ in range(4):
        dot = circle(x + between(rng, -0.07, 0.07), y + between(rng, -0.07, 0.07), 0.014)
        pen.fill(dot, (240, 160, 130))


def _olive(pen: Pen, rng: Rng, x: float, y: float) -> None:
    pen.line(circle(x, y, 0.045), 0.035, pick(rng, ((36, 32, 40), (98, 110, 40))), closed=True)


def _basil(pen: Pen, rng: Rng, x: float, y: float) -> None:
    leaf = outline([(x - 0.13, y), (x, y - 0.065), (x + 0.14, y), (x, y + 0.065)])
    pen.fill(leaf, Ramp((96, 168, 70), (36, 100, 44)))
    pen.line(polygon((x - 0.12, y), (x + 0.12, y)), 0.01, (150, 200, 110))


def _pepper(pen: Pen, rng: Rng, x: float, y: float) -> None:
    start = between(rng, 0, 360)
    colour = pick(rng, ((60, 150, 60), (230, 180, 40), (206, 50, 40)))
    pen.line(arc(x, y, 0.11, 0.09, start_deg=start, end_deg=start + 210, n=14), 0.04, colour)


def _slice_of_mushroom(pen: Pen, rng: Rng, x: float, y: float) -> None:
    cap = np.concatenate([arc(x, y, 0.1, 0.09, start_deg=180, end_deg=360, n=14),
                          polygon((x + 0.035, y + 0.01), (x + 0.035, y + 0.1),
                                  (x - 0.035, y + 0.1), (x - 0.035, y + 0.01))])  # fmt: skip
    pen.fill(cap, (238, 222, 196))
    pen.line(cap, 0.012, (150, 118, 84), closed=True)


def _tomato(pen: Pen, rng: Rng, x: float, y: float) -> None:
    pen.fill(circle(x, y, 0.12), (200, 40, 32))
    pen.fill(circle(x, y, 0.1), (236, 96, 70))
    for angle in np.arange(5) * 1.257:
        seed = ellipse(x + 0.055 * np.cos(angle), y + 0.055 * np.sin(angle), 0.026, 0.02)
        pen.fill(seed, (250, 200, 130))
