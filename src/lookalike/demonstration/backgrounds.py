"""What lies behind a thing: plain colours, cloth, wood, bricks, sky, sea, meadow, room and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from lookalike.demonstration.canvas import Glow, Ramp
from lookalike.demonstration.colours import (
    WHITE,
    Colour,
    darker,
    greyish,
    hsv,
    lighter,
    mix,
    pale,
    vivid,
    wood,
)
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.shapes import circle, curve, ellipse, moved, polygon, rectangle, star
from lookalike.demonstration.textures import clouds, coloured, flattened, frame_pen, ramp

__all__ = ["BACKGROUNDS", "Background"]

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Background:
    """One way to paint what lies behind a thing.

    Attributes:
        paint: Paints an RGB picture of a size (width, height).
        has_ground: Whether things stand on it upright, rather than lie or float.
    """

    paint: Callable[[Size, Rng], Image.Image]
    has_ground: bool = False


def _any_colour(rng: Rng) -> Colour:
    return pick(rng, (pale(rng), pale(rng), greyish(rng), lighter(vivid(rng), 0.4), WHITE))


def _plain(size: Size, rng: Rng) -> Image.Image:
    return Image.new("RGB", size, _any_colour(rng))


def _gradient(size: Size, rng: Rng) -> Image.Image:
    return coloured(ramp(size, between(rng, 0, 360)), _any_colour(rng), _any_colour(rng))


def _spotlight(size: Size, rng: Rng) -> Image.Image:
    colour = _any_colour(rng)
    pen, reach = frame_pen(size, oversampling=1)
    frame = ellipse(0, 0, reach * 1.4, 1.4)
    pen.fill(frame, Glow(lighter(colour, 0.5), darker(colour, 0.45), 0, -0.15))
    return flattened(Image.new("RGB", size, darker(colour, 0.45)), pen)


def _plaster(size: Size, rng: Rng) -> Image.Image:
    colour = _any_colour(rng)
    cells = between(rng, 3, 40)
    field = clouds(size, rng, cells=(cells, cells), octaves=4)
    return coloured(field, darker(colour, 0.35), colour, lighter(colour, 0.3))


def _wooden(size: Size, rng: Rng) -> Image.Image:
    colour = wood(rng)
    planks = whole(rng, 2, 6)
    grain = clouds(size, rng, cells=(3, 70), octaves=3)
    knots = clouds(size, rng, cells=(2, 6), octaves=2)
    field = 0.5 * grain + 0.5 * (0.5 + 0.5 * np.sin(knots * 28))
    rows = np.arange(size[1]) * planks // size[1]
    tone = rng.uniform(-0.14, 0.14, planks)[rows][:, None]
    seam = np.minimum(np.arange(size[1]) * planks % size[1], size[1]) < 2.2 * planks
    field = np.clip(field * 0.8 + 0.1 + tone, 0, 1) - 0.7 * seam[:, None]
    picture = coloured(np.clip(field, 0, 1), darker(colour, 0.5), colour, lighter(colour, 0.3))
    return _quarter_turned(picture, size, rng)


def _quarter_turned(picture: Image.Image, size: Size, rng: Rng) -> Image.Image:
    if chance(rng, 0.5):
        return picture
    return picture.transpose(Image.Transpose.ROTATE_90).resize(size)


def _bricks(size: Size, rng: Rng) -> Image.Image:
    colour = pick(rng, ((176, 84, 60), (150, 96, 76), (206, 196, 186), (110, 112, 122), pale(rng)))
    mortar = lighter(greyish(rng), 0.4)
    pen, reach = frame_pen(size)
    high = between(rng, 0.12, 0.28)
    wide = high * between(rng, 1.9, 2.6)
    for row, y in enumerate(np.arange(-1, 1, high)):
        for x in np.arange(-reach - wide, reach, wide) + wide / 2 * (row % 2):
            tone = between(rng, -0.22, 0.22)
            brick = lighter(colour, tone) if tone > 0 else darker(colour, -tone)
            box = rectangle(float(x) + 0.012, float(y) + 0.012, float(x) + wide, float(y) + high)
            pen.fill(box, brick)
    return _rough(flattened(Image.new("RGB", size, mortar), pen), rng, 14)


def _rough(picture: Image.Image, rng: Rng, strength: float) -> Image.Image:
    """Add fine noise of a strength in grey levels."""
    noise = rng.normal(0, strength, (picture.height, picture.width, 1)).astype(np.float32)
    pixels = np.asarray(picture, dtype=np.float32) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _bokeh(size: Size, rng: Rng) -> Image.Image:
    dark = darker(vivid(rng), between(rng, 0.3, 0.75))
    pen, reach = frame_pen(size, oversampling=1)
    warm = vivid(rng)
    for _ in range(whole(rng, 18, 45)):
        spot = circle(between(rng, -reach, reach), between(rng, -1, 1), between(rng, 0.06, 0.28))
        pen.fill(spot, lighter(pick(rng, (warm, vivid(rng))), 0.3), alpha=between(rng, 0.15, 0.5))
    below = coloured(ramp(size, 90), dark, darker(dark, 0.4))
    blur = ImageFilter.GaussianBlur(min(size) / between(rng, 50, 150))
    return flattened(below, pen).filter(blur)


def _dotted(size: Size, rng: Rng) -> Image.Image:
    pen, reach = frame_pen(size)
    ink, step, style = _any_colour(rng), between(rng, 0.16, 0.42), whole(rng, 0, 2)
    for row, y in enumerate(np.arange(-1, 1 + step, step)):
        for x in np.arange(-reach, reach + step, step) + step / 2 * (row % 2):
            if style == 2:
                pen.fill(star(float(x), float(y), step * 0.3, step * 0.13, points=5), ink)
            else:
                pen.fill(circle(float(x), float(y), step * (0.16 + 0.14 * style)), ink)
    return flattened(Image.new("RGB", size, _any_colour(rng)), pen)


def _striped(size: Size, rng: Rng) -> Image.Image:
    first, second = _any_colour(rng), _any_colour(rng)
    field = np.sin(ramp(size, between(rng, 0, 180)) * between(rng, 12, 60))
    return coloured(np.clip(field * 12 + 0.5, 0, 1).astype(np.float32), first, second)


def _sky(size: Size, rng: Rng) -> Image.Image:
    hue = pick(rng, (0.57, 0.58, 0.6, 0.55, 0.61, 0.06, 0.9))
    rich = between(rng, 0.3, 0.65) * (1.0 if 0.5 < hue < 0.7 else 0.6)
    top, low = hsv(hue, rich, between(rng, 0.65, 0.95)), hsv(hue, 0.12, 0.98)
    below = coloured(ramp(size, 90), top, low)
    field = clouds(size, rng, cells=(between(rng, 2, 4), between(rng, 2, 6)), octaves=5)
    cover = np.clip((field - between(rng, 0.42, 0.7)) * 3, 0, 0.9)
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    return Image.composite(Image.new("RGB", size, (250, 250, 252)), below, mask)


def _space(size: Size, rng: Rng) -> Image.Image:
    hue = rng.random()
    field = clouds(size, rng, cells=(2, 2), octaves=3)
    below = coloured(field, (8, 8, 22), (18, 16, 44), hsv(hue, 0.5, between(rng, 0.2, 0.45)))
    pen, reach = frame_pen(size)
    for _ in range(whole(rng, 40, 120)):
        radius = between(rng, 0.004, 0.014)
        pen.fill(circle(between(rng, -reach, reach), between(rng, -1, 1), radius), WHITE)
    if chance(rng, 0.35):
        planet, colour = between(rng, 0.2, 0.5), vivid(rng)
        ball = circle(pick(rng, (-0.8, 0.8)) * reach, between(rng, -0.9, 0.9), planet)
        pen.fill(ball, Glow(lighter(colour, 0.3), darker(colour, 0.65), -0.4, -0.4))
    return flattened(below, pen)


def _underwater(size: Size, rng: Rng) -> Image.Image:
    hue = between(rng, 0.46, 0.62)
    light, deep = hsv(hue, 0.45, 0.9), hsv(hue + 0.03, 0.8, between(rng, 0.3, 0.6))
    pen, reach = frame_pen(size)
    for _ in range(whole(rng, 2, 5)):
        x = between(rng, -reach, reach)
        ray = polygon((x, -1.1), (x + 0.2, -1.1), (x + 0.7, 1.1), (x - 0.1, 1.1))
        pen.fill(ray, WHITE, alpha=0.08)
    for _ in range(whole(rng, 0, 7)):
        x, green = between(rng, -reach, reach), hsv(between(rng, 0.25, 0.45), 0.6, 0.45)
        weed = curve([(x, 1.1), (x + 0.12, 0.8), (x - 0.08, 0.55), (x + 0.1, between(rng, 0, 0.4))])
        pen.line(weed, between(rng, 0.03, 0.08), mix(green, deep, 0.4))
    for _ in range(whole(rng, 4, 16)):
        x, y = between(rng, -reach, reach), between(rng, -1, 1)
        pen.line(circle(x, y, between(rng, 0.02, 0.06)), 0.012, WHITE, closed=True, alpha=0.6)
    if chance(rng, 0.5):
        pen.fill(ellipse(0, 1.1, reach * 1.4, between(rng, 0.15, 0.4)), (226, 206, 160), alpha=0.8)
    return flattened(coloured(ramp(size, 90), light, deep), pen)


def _lawn(size: Size, rng: Rng) -> Image.Image:
    green = hsv(between(rng, 0.2, 0.34), between(rng, 0.45, 0.7), between(rng, 0.35, 0.65))
    pen, reach = frame_pen(size)
    for _ in range(420):
        x, y = between(rng, -reach, reach), between(rng, -1, 1.15)
        blade = polygon((x, y), (x + between(rng, -0.09, 0.09), y - between(rng, 0.08, 0.2)))
        tone = between(rng, 0, 0.35)
        pen.line(blade, 0.014, pick(rng, (lighter(green, tone), darker(green, tone))))
    for _ in range(pick(rng, (0, 0, 10, 24))):
        x, y = between(rng, -reach, reach), between(rng, -1, 1)
        pen.fill(circle(x, y, 0.03), pick(rng, (WHITE, (250, 220, 90))))
    return flattened(coloured(ramp(size, 90), darker(green, 0.15), green), pen)


# --- with a ground to stand on ---


def _meadow(size: Size, rng: Rng) -> Image.Image:
    snowy = chance(rng, 0.15)
    below = _sky(size, rng)
    pen, reach = frame_pen(size)
    horizon = between(rng, 0.1, 0.45)
    green = hsv(between(rng, 0.15, 0.36), between(rng, 0.35, 0.65), between(rng, 0.45, 0.78))
    ground = (236, 240, 246) if snowy else green
    for index in range(3):
        level = horizon + 0.12 * index
        hills = curve([(x, level - between(rng, 0, 0.22)) for x in np.linspace(-1.1, 1.1, 6)])
        line = np.concatenate(
            [hills * (reach, 1), polygon((reach * 1.1, 1.1), (-reach * 1.1, 1.1))]
        )
        near = mix(ground, (150, 180, 206), 0.5 - 0.25 * index)
        pen.fill(line, Ramp(lighter(near, 0.15), darker(near, 0.1 + 0.05 * index)))
    for _ in range(pick(rng, (0, 8, 30))):
        x, y = between(rng, -reach, reach), between(rng, horizon + 0.3, 1)
        pen.fill(circle(x, y, 0.02), pick(rng, (WHITE, vivid(rng))))
    return flattened(below, pen)


def _open_sea(size: Size, rng: Rng) -> Image.Image:
    below = _sky(size, rng)
    pen, reach = frame_pen(size)
    hue, horizon = between(rng, 0.5, 0.62), between(rng, 0.0, 0.45)
    far = hsv(hue, between(rng, 0.3, 0.6), between(rng, 0.6, 0.85))
    near = hsv(hue + 0.03, 0.7, between(rng, 0.35, 0.6))
    if chance(rng, 0.4):
        hills = curve([(-1.1, 0), (-0.5, -0.1), (0.1, -0.03), (0.6, -0.16), (1.1, 0)]) * (reach, 1)
        pen.fill(moved(hills, 0, horizon + 0.01), mix(far, (90, 110, 120), 0.6))
    pen.fill(rectangle(-reach * 1.1, horizon, reach * 1.1, 1.1), Ramp(far, near))
    for _ in range(90):
        depth = between(rng, 0, 1)
        x, y = between(rng, -reach, reach), horizon + depth * (1 - horizon)
        wave = ellipse(x, y, 0.04 + 0.14 * depth, 0.004 + 0.01 * depth)
        pen.fill(wave, lighter(far, between(rng, 0, 0.6)), alpha=0.5)
    return flattened(below, pen)


def _tabletop(size: Size, rng: Rng) -> Image.Image:
    wall = pick(rng, (_plain, _gradient, _plaster, _bokeh, _striped, _dotted))(size, rng)
    wall = wall.filter(ImageFilter.GaussianBlur(min(size) / 120))
    edge = round(size[1] * between(rng, 0.5, 0.75))
    top = pick(rng, (_wooden, _plaster, _plain))((size[0], size[1]), rng)
    wall.paste(top.resize((size[0], size[1] - edge)), (0, edge))
    return wall


def _room(size: Size, rng: Rng) -> Image.Image:
    paper = pick(rng, (_plain, _striped, _dotted, _plaster))(size, rng)
    pen, reach = frame_pen(size)
    floor = between(rng, 0.5, 0.8)
    tone = wood(rng)
    pen.fill(rectangle(-reach * 1.1, floor, reach * 1.1, 1.1), Ramp(tone, lighter(tone, 0.2)))
    for x in np.linspace(-2, 2, 13):
        pen.line(polygon((x * reach * 0.6, floor), (x * reach * 1.3, 1.1)), 0.01, darker(tone, 0.3))
    pen.fill(rectangle(-reach * 1.1, floor - 0.07, reach * 1.1, floor), WHITE)
    if chance(rng, 0.5):
        left, top = between(rng, -reach, reach * 0.4), between(rng, -0.9, -0.4)
        pen.fill(rectangle(left, top, left + 0.7, top + 0.6), tone)
        pen.fill(rectangle(left + 0.05, top + 0.05, left + 0.65, top + 0.55),
                 Ramp((150, 200, 236), (226, 240, 246)))  # fmt: skip
    return flattened(paper, pen)


def _street(size: Size, rng: Rng) -> Image.Image:
    below = _sky(size, rng)
    pen, reach = frame_pen(size)
    curb = between(rng, 0.35, 0.6)
    x = -reach
    while x < reach:
        wide, wall = between(rng, 0.4, 0.8), lighter(greyish(rng), 0.3)
        top = curb - between(rng, 0.5, 1.3)
        pen.fill(rectangle(x, top, x + wide, curb), Ramp(lighter(wall, 0.2), wall))
        for y in np.arange(top + 0.12, curb - 0.2, 0.28):
            for left in np.arange(x + 0.06, x + wide - 0.12, 0.2):
                pane = rectangle(float(left), float(y), float(left) + 0.1, float(y) + 0.16)
                pen.fill(pane, darker(wall, 0.4))
        x += wide
    pen.fill(rectangle(-reach * 1.1, curb - 0.02, reach * 1.1, 1.1), (176, 172, 166))
    pen.fill(
        rectangle(-reach * 1.1, curb + 0.08, reach * 1.1, 1.1), Ramp((110, 112, 118), (74, 76, 84))
    )
    for mark in np.arange(-reach, reach, 0.6):
        dash = rectangle(float(mark), 0.9, float(mark) + 0.32, 0.94)
        pen.fill(dash, (230, 230, 224))
    blur = ImageFilter.GaussianBlur(min(size) / between(rng, 90, 300))
    return flattened(below, pen).filter(blur)


BACKGROUNDS: dict[str, Background] = {
    "plain": Background(_plain),
    "gradient": Background(_gradient),
    "spotlight": Background(_spotlight),
    "plaster": Background(_plaster),
    "wood": Background(_wooden),
    "bricks": Background(_bricks),
    "bokeh": Background(_bokeh),
    "dots": Background(_dotted),
    "stripes": Background(_striped),
    "sky": Background(_sky),
    "space": Background(_space),
    "underwater": Background(_underwater),
    "lawn": Background(_lawn),
    "meadow": Background(_meadow, has_ground=True),
    "sea": Background(_open_sea, has_ground=True),
    "table": Background(_tabletop, has_ground=True),
    "room": Background(_room, has_ground=True),
    "street": Background(_street, has_ground=True),
}
"""Every background by its name."""
