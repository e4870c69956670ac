"""Plants and what grows: tree, flower, mushroom."""

from __future__ import annotations

import numpy as np

from lookalike.demonstration.canvas import Glow, Pen, Ramp, placement
from lookalike.demonstration.colours import (
    WHITE,
    Colour,
    darker,
    hsv,
    lighter,
    mix,
    pale,
    vivid,
    wood,
)
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.shapes import (
    arc,
    circle,
    curve,
    ellipse,
    outline,
    polygon,
    rectangle,
    turned,
)

__all__ = ["draw_flower", "draw_mushroom", "draw_tree"]


# --- tree ---


def draw_tree(pen: Pen, rng: Rng) -> None:
    """Draw a tree: broad-leaved, fir, palm, poplar or bare."""
    season = pick(rng, (0.28, 0.3, 0.24, 0.2, 0.09, 0.03, 0.94, 0.16))
    leaf = hsv(season + between(rng, -0.02, 0.02), between(rng, 0.45, 0.8), between(rng, 0.4, 0.85))
    style = pick(rng, (_broadleaf, _broadleaf, _fir, _palm, _poplar, _bare))
    style(pen, rng, leaf)


def _trunk(pen: Pen, rng: Rng, top: float, width: float) -> Colour:
    bark = darker(wood(rng), 0.3)
    trunk = np.concatenate(
        [
            curve([(-width * 1.9, 0.97), (-width, 0.8), (-width * 0.7, top)]),
            curve([(width * 0.7, top), (width, 0.8), (width * 1.9, 0.97)]),
        ]
    )
    pen.fill(trunk, Ramp(lighter(bark, 0.2), darker(bark, 0.4), 0))
    return bark


def _leaves(
    pen: Pen, rng: Rng, leaf: Colour, *, y: float, rx: float, ry: float, count: int
) -> None:
    """Fill an oval with overlapping dabs, dark ones below and behind, light ones above."""
    for index in range(count):
        angle, reach = between(rng, 0, 2 * np.pi), np.sqrt(rng.random())
        x, up = rx * reach * np.cos(angle), ry * reach * np.sin(angle)
        light = 0.5 - 0.38 * (up / ry) - 0.2 * (x / rx) + 0.35 * (index / count - 0.5)
        colour = lighter(leaf, light * 0.7 - 0.3) if light > 0.45 else darker(leaf, 0.5 - light)
        radius = between(rng, 0.08, 0.15)
        pen.fill(ellipse(x, y + up, radius, radius * 0.8), colour)


def _broadleaf(pen: Pen, rng: Rng, leaf: Colour) -> None:
    rx, ry = between(rng, 0.5, 0.78), between(rng, 0.42, 0.62)
    bark = _trunk(pen, rng, -0.2, between(rng, 0.06, 0.11))
    for side in (-1, 1):
        branch = curve([(0, 0.3), (0.2 * side, 0.05), (0.4 * side, -0.2)])
        pen.line(branch, 0.06, bark)
    _leaves(pen, rng, leaf, y=-0.3, rx=rx, ry=ry, count=whole(rng, 90, 170))
    if chance(rng, 0.25):
        fruit = vivid(rng)
        for _ in range(whole(rng, 8, 16)):
            x, y = between(rng, -rx, rx) * 0.7, between(rng, -ry, ry) * 0.7 - 0.3
            pen.fill(circle(x, y, 0.045), Glow(lighter(fruit), fruit, -0.3, -0.3))


def _poplar(pen: Pen, rng: Rng, leaf: Colour) -> None:
    _trunk(pen, rng, 0.3, 0.05)
    _leaves(pen, rng, leaf, y=-0.12, rx=between(rng, 0.16, 0.3), ry=0.72, count=110)


def _fir(pen: Pen, rng: Rng, leaf: Colour) -> None:
    _trunk(pen, rng, 0.5, between(rng, 0.05, 0.08))
    green = mix(leaf, (26, 92, 62), 0.65)
    tiers, wide = whole(rng, 3, 6), between(rng, 0.45, 0.68)
    snowy = chance(rng, 0.3)
    for tier in range(tiers):
        share = 1 - tier / tiers
        low = 0.72 - 1.35 * tier / tiers
        top = max(low - between(rng, 0.55, 0.75), -0.98)
        hem = np.linspace(-wide * share, wide * share, 13)
        edge = [(float(x), low + (0.05 if i % 2 else -0.03)) for i, x in enumerate(hem)]
        points = polygon((0.0, top), *reversed(edge))
        pen.fill(points, Ramp(lighter(green, 0.22), darker(green, 0.35), 30))
        if snowy:
            cap = [(x * 0.55, top + (low - top) * 0.5 + (0.07 if i % 2 else 0))
                   for i, x in enumerate(hem)]  # fmt: skip
            pen.fill(polygon((0.0, top), *reversed(cap)), WHITE)


def _palm(pen: Pen, rng: Rng, leaf: Colour) -> None:
    lean = between(rng, -0.35, 0.35)
    bark = wood(rng)
    spine = curve([(-lean * 0.6, 0.97), (-lean * 0.3, 0.4), (lean * 0.6, -0.3)], steps=14)
    pen.line(spine, 0.12, bark)
    for x, y in spine[::3]:
        pen.line(polygon((x - 0.06, y), (x + 0.06, y - 0.01)), 0.02, darker(bark, 0.4))
    top_x, top_y = lean * 0.6, -0.32
    green = mix(leaf, (60, 140, 60), 0.6)
    for angle in np.linspace(-205, 25, whole(rng, 7, 11)):
        length, bend = between(rng, 0.55, 0.72), 0.35 * np.cos(np.radians(angle))
        frond = np.concatenate(
            [
                curve([(0, 0), (length * 0.5, -0.13), (length, 0.06)]),
                curve([(length, 0.06), (length * 0.5, 0.03), (0, 0)]),
            ]
        )
        points = turned(frond * (1, 1 if bend > 0 else -1), -angle) * (1, 0.8) + (top_x, top_y)
        shade = abs(bend) + between(rng, -0.1, 0.2)
        pen.fill(points, Ramp(green, darker(green, 0.2 + 0.4 * max(shade, 0))))
    for x in (-0.06, 0.05):
        pen.fill(circle(top_x + x, top_y + 0.06, 0.06), (110, 70, 40))


def _bare(pen: Pen, rng: Rng, leaf: Colour) -> None:
    bark = darker(wood(rng), 0.45)
    depth = 5

    def grow(x: float, y: float, angle: float, length: float, level: int) -> None:
        tip_x, tip_y = x + length * np.cos(angle), y + length * np.sin(angle)
        pen.line(polygon((x, y), (tip_x, tip_y)), 0.11 * 0.62 ** (depth - level), bark)
        if level == 0:
            if sparse:
                pen.fill(circle(tip_x, tip_y, 0.035), mix(leaf, WHITE, between(rng, 0, 0.4)))
            return
        for bend in (-between(rng, 0.2, 0.6), between(rng, 0.2, 0.6)):
            grow(tip_x, tip_y, angle + bend, length * between(rng, 0.66, 0.84), level - 1)

    sparse = chance(rng, 0.5)
    grow(0.0, 0.97, -np.pi / 2, 0.5, depth)


# --- flower ---


def draw_flower(pen: Pen, rng: Rng) -> None:
    """Draw a flower: a daisy-like one from the front, a tulip, a rose, or a small bunch."""
    style = pick(rng, ("daisy", "daisy", "daisy", "tulip", "rose", "bunch"))
    if style == "bunch":
        for x, y, size in ((-0.42, 0.1, 0.5), (0.45, -0.02, 0.5), (0.0, -0.4, 0.56)):
            _stem(pen, rng, x, y, leaves=False)
            with pen.placed(placement(x, y, size)):
                _daisy(pen, rng)
        return
    y = between(rng, -0.42, -0.25)
    if chance(rng, 0.75) or style == "tulip":
        _stem(pen, rng, 0.0, y, leaves=True)
        size = between(rng, 0.5, 0.62)
    else:
        y, size = 0.0, 0.95
    with pen.placed(placement(0, y, size)):
        {"daisy": _daisy, "tulip": _tulip, "rose": _rose}[style](pen, rng)


def _stem(pen: Pen, rng: Rng, x: float, y: float, *, leaves: bool) -> None:
    green = hsv(between(rng, 0.24, 0.38), between(rng, 0.45, 0.75), between(rng, 0.35, 0.65))
    bend = between(rng, -0.12, 0.12)
    pen.line(curve([(x, y), (x * 0.6 + bend, 0.4), (x * 0.2, 1.0)]), 0.055, green)
    if not leaves:
        return
    for side in (-1, 1)[: whole(rng, 1, 2)]:
        low = between(rng, 0.6, 0.9)
        leaf = outline([(0.02, low), (0.28, low - 0.3), (0.6, low - 0.38), (0.4, low - 0.1)])
        leaf = leaf * np.array([side, 1])
        pen.fill(leaf, Ramp(lighter(green, 0.25), darker(green, 0.3)))
        vein = curve([(0.02, low), (0.3, low - 0.2), (0.58, low - 0.37)]) * np.array([side, 1])
        pen.line(vein, 0.014, darker(green, 0.3))


def _daisy(pen: Pen, rng: Rng) -> None:
    petals = pick(rng, (5, 6, 8, 10, 13, 16, 21))
    colour = pick(rng, (WHITE, pale(rng), vivid(rng), vivid(rng), (250, 204, 50)))
    heart = pick(rng, ((244, 190, 40), (90, 56, 32), (250, 226, 120), (130, 60, 90)))
    core = between(rng, 0.18, 0.36)
    wide = min(0.42, 2.6 / petals) * between(rng, 0.8, 1.2)
    notch = between(rng, 0.86, 1.04)
    start = between(rng, 0, 360)
    for layer in range(pick(rng, (1, 1, 2))):
        reach = 1.0 - 0.24 * layer
        petal = outline([(0, 0.1), (wide * 0.6, -0.42 * reach), (wide * 0.5, -0.88 * reach),
                         (0, -notch * reach), (-wide * 0.5, -0.88 * reach),
                         (-wide * 0.6, -0.42 * reach)], steps=7)  # fmt: skip
        shade = darker(colour, 0.28) if layer == 0 else darker(colour, 0.12)
        for index in range(petals):
            angle = start + (index + 0.5 * layer) * 360 / petals
            pen.fill(turned(petal, angle), Ramp(lighter(colour, 0.3), shade, angle + 90))
            rib = turned(polygon((0, -0.3), (0, -0.8 * reach)), angle)
            pen.line(rib, 0.015, darker(colour, 0.25), alpha=0.6)
    pen.fill(circle(0, 0, core), Glow(lighter(heart, 0.25), darker(heart, 0.35), -0.2, -0.3))
    for index in range(26):
        angle, radius = index * 2.4, core * 0.9 * np.sqrt(index / 26)
        dot = circle(radius * np.cos(angle), radius * np.sin(angle), core * 0.09)
        pen.fill(dot, darker(heart, 0.4) if index % 2 else lighter(heart, 0.4))


def _tulip(pen: Pen, rng: Rng) -> None:
    colour = pick(rng, (vivid(rng), vivid(rng), (236, 60, 70), (250, 200, 70), pale(rng)))
    wide = between(rng, 0.55, 0.75)
    back = outline([(0, 0.6), (wide * 0.6, 0.1), (0.3, -0.85), (0, -0.4), (-0.3, -0.85),
                    (-wide * 0.6, 0.1)])  # fmt: skip
    pen.fill(back, darker(colour, 0.35))
    for side in (-1, 1):
        petal = outline([(0, 0.72), (0.5, 0.5), (wide, -0.1), (wide * 0.9, -0.8), (0.2, -0.15)])
        petal = petal * np.array([side, 1])
        pen.fill(petal, Ramp(lighter(colour, 0.25), darker(colour, 0.2)))
    front = outline([(0, 0.74), (0.34, 0.35), (0.28, -0.25), (0, -0.75), (-0.28, -0.25),
                     (-0.34, 0.35)])  # fmt: skip
    pen.fill(front, Ramp(lighter(colour, 0.45), colour))


def _rose(pen: Pen, rng: Rng) -> None:
    warm: tuple[Colour, ...] = ((214, 40, 60), (250, 160, 176), (250, 214, 120), (240, 120, 90))
    colour = pick(rng, (*warm, pale(rng)))
    start = between(rng, 0, 360)
    rings = whole(rng, 4, 6)
    for ring in range(rings):
        reach = 0.95 * (1 - ring / rings) + 0.1
        count = max(3, 7 - ring)
        for index in range(count):
            angle = start + ring * 37 + index * 360 / count
            x = 0.5 * reach * np.cos(np.radians(angle))
            y = 0.5 * reach * np.sin(np.radians(angle))
            petal = ellipse(x, y, 0.52 * reach, 0.6 * reach, turn_deg=-angle)
            light = lighter(colour, 0.42 - 0.06 * ring)
            pen.fill(petal, Glow(darker(colour, 0.12 + 0.07 * ring), light, 0, 0))
            pen.line(petal, 0.012, darker(colour, 0.35), closed=True, alpha=0.5)


# --- mushroom ---


def draw_mushroom(pen: Pen, rng: Rng) -> None:
    """Draw one mushroom or a group: broad, bell-shaped or flat caps, dotted or plain."""
    caps: tuple[Colour, ...] = ((206, 44, 36), (150, 92, 50), (226, 140, 50), (232, 214, 186))
    cap = pick(rng, (*caps, vivid(rng)))
    state = rng.integers(1 << 31)
    dotted = chance(rng, 0.6)
    for _ in range(pick(rng, (0, 0, 1, 2, 3))):
        x, size = pick(rng, (-0.55, 0.55)) + between(rng, -0.15, 0.15), between(rng, 0.3, 0.5)
        with pen.placed(placement(x, 0.93 - size * 0.93, size, turn_deg=-12 * np.sign(x))):
            _one_mushroom(pen, np.random.default_rng(state), cap, dotted)
    _one_mushroom(pen, np.random.default_rng(state), cap, dotted)


def _one_mushroom(pen: Pen, rng: Rng, cap: Colour, dotted: bool) -> None:
    wide, top = between(rng, 0.5, 0.85), between(rng, -0.95, -0.55)
    rim = between(rng, -0.12, 0.12)
    thick, bulb = between(rng, 0.1, 0.2), between(rng, 1.1, 1.7)
    flesh = pick(rng, ((244, 236, 218), (232, 214, 184), (222, 200, 170)))
    stem = np.concatenate(
        [
            curve([(-thick, rim), (-thick * 0.9, 0.4), (-thick * bulb, 0.85), (-thick, 0.95)]),
            curve([(thick, 0.95), (thick * bulb, 0.85), (thick * 0.9, 0.4), (thick, rim)]),
        ]
    )
    pen.fill(stem, Ramp(lighter(flesh, 0.4), darker(flesh, 0.3), 0))
    under = ellipse(0, rim, wide, 0.14)
    with pen.inside(under):
        pen.fill(under, darker(flesh, 0.12))
        for x in np.linspace(-wide, wide, 22):
            pen.line(polygon((0, rim - 0.1), (float(x), rim + 0.14)), 0.012, darker(flesh, 0.35))
    if chance(rng, 0.5):
        upper = arc(0, rim + 0.22, thick * 1.2, 0.04, start_deg=180, end_deg=360)
        lower = arc(0, rim + 0.33, thick * 1.8, 0.06, start_deg=0, end_deg=180)
        ring = np.concatenate([upper, lower])
        pen.fill(ring, Ramp(lighter(flesh, 0.5), darker(flesh, 0.2)))
    _cap(pen, rng, cap, wide=wide, top=top, rim=rim, dotted=dotted)


def _cap(
    pen: Pen, rng: Rng, colour: Colour, *, wide: float, top: float, rim: float, dotted: bool
) -> None:
    shoulder = between(rng, 0.5, 0.8)
    edge = arc(0, rim, wide, 0.08, start_deg=0, end_deg=180, n=20)
    dome = curve([(-wide, rim), (-wide * shoulder, (rim + top) / 2 - 0.08), (0, top),
                  (wide * shoulder, (rim + top) / 2 - 0.08), (wide, rim)])  # fmt: skip
    cap = np.concatenate([dome, edge])
    with pen.inside(cap):
        pen.fill(cap, Glow(lighter(colour, 0.35), darker(colour, 0.3), -0.25, -0.3))
        if dotted:
            for _ in range(whole(rng, 9, 18)):
                x, y = between(rng, -wide, wide), between(rng, top, rim)
                size = between(rng, 0.035, 0.085)
                pen.fill(ellipse(x, y, size * 1.2, size), lighter((250, 240, 220), 0.3))
        pen.fill(rectangle(-1, rim + 0.06, 1, 1), darker(colour, 0.4), alpha=0.5)
