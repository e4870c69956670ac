"""Things about the house: clock, cup, guitar, key, umbrella."""

from __future__ import annotations

import numpy as np

from lookalike.demonstration.canvas import Glow, Pen, Ramp, placement
from lookalike.demonstration.colours import (
    BLACK,
    WHITE,
    Colour,
    darker,
    lighter,
    metal,
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
    outline,
    polygon,
    rectangle,
    star,
    turned,
)

__all__ = ["draw_clock", "draw_cup", "draw_guitar", "draw_key", "draw_umbrella"]


# --- clock ---


def draw_clock(pen: Pen, rng: Rng) -> None:
    """Draw a clock: on a wall, an alarm clock with bells, a pocket watch, or a pendulum clock."""
    style = pick(rng, ("wall", "wall", "alarm", "pocket", "pendulum"))
    frame = pick(rng, (vivid(rng), metal(rng), wood(rng), BLACK))
    if style == "wall":
        _clock_face(pen, rng, frame, square=chance(rng, 0.35))
        return
    {"alarm": _alarm, "pocket": _pocket, "pendulum": _pendulum}[style](pen, frame)
    y, size = {"alarm": (0.1, 0.68), "pocket": (0.22, 0.72), "pendulum": (-0.4, 0.4)}[style]
    with pen.placed(placement(0, y, size)):
        _clock_face(pen, rng, frame, square=False)


def _alarm(pen: Pen, frame: Colour) -> None:
    for side in (-1, 1):
        pen.line(polygon((0.4 * side, 0.6), (0.58 * side, 0.92)), 0.11, darker(frame, 0.3))
        bell = turned(arc(0, 0, 0.3, 0.26, start_deg=180, end_deg=360), 32 * side)
        pen.fill(bell + np.array([0.4 * side, -0.58]), Ramp(lighter(frame, 0.5), darker(frame)))
    pen.line(arc(0, -0.72, 0.16, 0.2, start_deg=180, end_deg=360), 0.05, darker(frame, 0.4))
    pen.line(polygon((0, -0.5), (0, -0.78)), 0.05, (120, 122, 130))
    pen.fill(rectangle(-0.1, -0.86, 0.1, -0.74, radius=0.04), (150, 152, 160))


def _pocket(pen: Pen, frame: Colour) -> None:
    pen.line(circle(0, -0.72, 0.16), 0.06, frame, closed=True)
    pen.fill(rectangle(-0.08, -0.62, 0.08, -0.42, radius=0.03), Ramp(lighter(frame), darker(frame)))
    links = curve([(0.12, -0.82), (0.5, -0.95), (0.8, -0.6), (0.95, -0.8)], steps=5)
    for x, y in links:
        pen.line(ellipse(float(x), float(y), 0.05, 0.035), 0.018, frame, closed=True)


def _pendulum(pen: Pen, frame: Colour) -> None:
    case = rectangle(-0.52, -0.86, 0.52, 0.95, radius=0.05)
    pen.fill(polygon((-0.6, -0.82), (0, -1.0), (0.6, -0.82)), darker(frame, 0.25))
    pen.fill(case, Ramp(lighter(frame, 0.2), darker(frame, 0.35), 0))
    pen.fill(rectangle(-0.34, 0.08, 0.34, 0.84, radius=0.04), darker(frame, 0.7))
    pen.line(polygon((0, 0.08), (0.1, 0.62)), 0.03, (214, 180, 90))
    pen.fill(circle(0.1, 0.64, 0.14), Glow((255, 236, 160), (180, 130, 40), -0.3, -0.3))


def _clock_face(pen: Pen, rng: Rng, frame: Colour, *, square: bool) -> None:
    dial = pick(rng, (WHITE, (250, 244, 222), pale(rng), BLACK, vivid(rng)))
    ink = WHITE if sum(dial) < 380 else pick(rng, (BLACK, BLACK, (60, 40, 30)))
    rim = between(rng, 0.78, 0.9)
    for size, fill in ((0.96, Ramp(lighter(frame, 0.4), darker(frame, 0.4), 50)),
                       (rim + 0.02, Ramp(darker(frame, 0.5), lighter(frame, 0.1), 50)),
                       (rim, Glow(lighter(dial, 0.3), darker(dial, 0.08)))):  # fmt: skip
        pen.fill(rectangle(-size, -size, size, size, radius=0.12) if square
                 else circle(0, 0, size), fill)  # fmt: skip
    _numerals(pen, rng, ink, rim)
    _hands(pen, rng, ink, rim)


def _numerals(pen: Pen, rng: Rng, ink: Colour, rim: float) -> None:
    style = whole(rng, 0, 2)
    for tick in range(60 if style == 0 else 12):
        hour = style > 0 or tick % 5 == 0
        angle = tick * (6 if style == 0 else 30)
        mark = polygon((0, -rim * 0.93), (0, -rim * (0.76 if hour else 0.87)))
        if style == 1:
            pen.fill(turned(circle(0, -rim * 0.82, 0.055 if tick % 3 == 0 else 0.035), angle), ink)
        else:
            pen.line(turned(mark, angle), 0.045 if hour else 0.015, ink)
        if style == 2:
            for offset in (-0.06, 0.06)[: 2 if tick % 3 == 0 else 0]:
                pen.line(turned(mark + np.array([offset, 0]), angle), 0.03, ink)


def _hands(pen: Pen, rng: Rng, ink: Colour, rim: float) -> None:
    minute = between(rng, 0, 360)
    hour = 30 * whole(rng, 0, 11) + minute / 12
    width = between(rng, 0.03, 0.06)
    for angle, length, wide in ((hour, 0.5, width * 1.4), (minute, 0.76, width)):
        hand = polygon((-wide, 0.1), (0, -rim * length), (wide, 0.1))
        pen.fill(turned(hand, angle), ink)
    if chance(rng, 0.6):
        pen.line(
            turned(polygon((0, 0.16), (0, -rim * 0.8)), between(rng, 0, 360)), 0.016, (214, 40, 40)
        )
    pen.fill(circle(0, 0, 0.06), ink)
    pen.fill(circle(0, 0, 0.025), (214, 176, 90))


# --- cup ---


def draw_cup(pen: Pen, rng: Rng) -> None:
    """Draw a cup or mug with a drink, seen a little from above; with saucer, steam or neither."""
    colour = pick(rng, (WHITE, pale(rng), vivid(rng), vivid(rng), BLACK))
    wide, foot = between(rng, 0.5, 0.62), between(rng, 0.3, 0.56)
    top, low = between(rng, -0.55, -0.25), between(rng, 0.55, 0.72)
    flat = between(rng, 0.12, 0.2)
    if chance(rng, 0.5):
        _saucer(pen, rng, colour, low)
    handle = curve([(wide * 0.92, top + 0.18), (wide + 0.34, top + 0.16),
                    (wide + 0.3, (top + low) / 2 + 0.1), (wide * 0.75, low - 0.2)])  # fmt: skip
    pen.line(handle, 0.13, darker(colour, 0.35))
    pen.line(handle - np.array([0.0, 0.015]), 0.09, darker(colour, 0.08))
    body = np.concatenate(
        [
            curve([(-wide, top), (-(wide + foot) / 2 - 0.05, (top + low) / 2), (-foot, low)]),
            arc(0, low, foot, flat * 0.7, start_deg=180, end_deg=0, n=24),
            curve([(foot, low), ((wide + foot) / 2 + 0.05, (top + low) / 2), (wide, top)]),
        ]
    )
    with pen.inside(body):
        pen.fill(body, Ramp(lighter(colour, 0.35), darker(colour, 0.35), 0))
        _cup_pattern(pen, rng, top, low)
        pen.fill(rectangle(foot * 0.7, -1, 2, 2), BLACK, alpha=0.1)
    _drink(pen, rng, colour, top, wide, flat)
    if chance(rng, 0.5):
        for x in (-0.2, 0.05, 0.28):
            steam = curve([(x, top - 0.08), (x + 0.09, top - 0.2), (x - 0.06, top - 0.32),
                           (x + 0.06, top - 0.44)])  # fmt: skip
            pen.line(steam, 0.045, WHITE, alpha=0.6)


def _saucer(pen: Pen, rng: Rng, colour: Colour, low: float) -> None:
    shade = pick(rng, (colour, WHITE))
    pen.fill(ellipse(0, low + 0.08, 0.92, 0.24), Ramp(darker(shade, 0.4), darker(shade, 0.2)))
    pen.fill(ellipse(0, low + 0.04, 0.92, 0.23), Ramp(lighter(shade, 0.3), darker(shade, 0.12)))
    pen.fill(ellipse(0, low + 0.05, 0.58, 0.13), darker(shade, 0.2))
    if chance(rng, 0.4):
        pen.line(polygon((0.4, low + 0.2), (0.95, low - 0.02)), 0.035, (190, 194, 202))
        pen.fill(ellipse(0.36, low + 0.21, 0.1, 0.05, turn_deg=-20), (206, 210, 216))


def _cup_pattern(pen: Pen, rng: Rng, top: float, low: float) -> None:
    ink, style = vivid(rng), whole(rng, 0, 5)
    middle = (top + low) / 2 + 0.1
    if style == 0:
        for y in np.linspace(top + 0.28, low - 0.1, whole(rng, 1, 4)):
            pen.line(arc(0, float(y), 0.8, 0.16, start_deg=0, end_deg=180), 0.09, ink)
    elif style == 1:
        for row, y in enumerate(np.arange(top + 0.2, low + 0.2, 0.2)):
            for x in np.arange(-0.7, 0.8, 0.22) + 0.11 * (row % 2):
                pen.fill(circle(float(x), float(y), 0.055), ink)
    elif style == 2:
        heart = outline([(0, 0.25), (0.25, 0), (0.2, -0.2), (0.05, -0.19), (0, -0.1),
                         (-0.05, -0.19), (-0.2, -0.2), (-0.25, 0)])  # fmt: skip
        pen.fill(heart + np.array([0, middle]), ink)
    elif style == 3:
        pen.fill(star(0, middle, 0.28, 0.12, points=whole(rng, 5, 8)), ink)
    elif style == 4:
        for x in np.arange(-0.6, 0.7, 0.2):
            pen.line(polygon((x * 1.1, top), (x * 0.8, low + 0.2)), 0.07, ink)


def _drink(pen: Pen, rng: Rng, colour: Colour, top: float, wide: float, flat: float) -> None:
    drinks: tuple[Colour, ...] = ((70, 40, 22), (150, 96, 56), (196, 120, 40), (120, 150, 60))
    drink = pick(rng, drinks)
    pen.fill(ellipse(0, top, wide, flat), Ramp(darker(colour, 0.12), lighter(colour, 0.4), 0))
    pen.fill(ellipse(0, top, wide * 0.93, flat * 0.88), Ramp(darker(colour, 0.4), colour, 90))
    pen.fill(ellipse(0, top + flat * 0.16, wide * 0.86, flat * 0.7),
             Glow(lighter(drink, 0.25), darker(drink, 0.2)))  # fmt: skip


# --- guitar ---


def draw_guitar(pen: Pen, rng: Rng) -> None:
    """Draw a guitar, upright: acoustic, electric or a small ukulele."""
    with pen.placed(placement(0, 0, 1.0, stretch=between(rng, 1.15, 1.4))):
        _one_guitar(pen, rng, electric=chance(rng, 0.45))


def _one_guitar(pen: Pen, rng: Rng, *, electric: bool) -> None:
    neck_top = between(rng, -0.82, -0.6)
    body = _electric_body(rng) if electric else _acoustic_body(rng)
    tone = pick(rng, (vivid(rng), vivid(rng), BLACK, WHITE)) if electric else \
        pick(rng, (wood(rng), wood(rng), lighter(wood(rng), 0.3), vivid(rng)))  # fmt: skip
    pen.fill(body, Glow(lighter(tone, 0.3), darker(tone, 0.35), -0.1, 0.1))
    pen.line(body, 0.03, darker(tone, 0.6), closed=True)
    (_electric_top if electric else _acoustic_top)(pen, rng, tone)
    _neck(pen, rng, neck_top, electric)


def _acoustic_body(rng: Rng) -> Points:
    upper, waist, lower = between(rng, 0.3, 0.38), between(rng, 0.22, 0.28), between(rng, 0.42, 0.5)
    right = [(0.1, 0.0), (upper, 0.1), (waist, 0.36), (lower, 0.66), (0.24, 0.94)]
    return outline([*right, *((-x, y) for x, y in right[::-1])])


def _electric_body(rng: Rng) -> Points:
    horn = between(rng, -0.2, -0.02)
    if chance(rng, 0.3):
        return polygon((0.08, 0.1), (0.56, 0.95), (0.0, 0.62), (-0.56, 0.95), (-0.08, 0.1))
    return outline([(0.08, 0.14), (0.2, 0.1), (0.36, horn + 0.1), (0.32, 0.32), (0.44, 0.72),
                    (0.22, 0.94), (-0.2, 0.96), (-0.46, 0.74), (-0.33, 0.36), (-0.44, horn),
                    (-0.2, 0.06), (-0.08, 0.14)])  # fmt: skip


def _acoustic_top(pen: Pen, rng: Rng, tone: Colour) -> None:
    pen.fill(circle(0, 0.34, 0.15), darker(tone, 0.35))
    pen.fill(circle(0, 0.34, 0.12), (30, 18, 12))
    if chance(rng, 0.4):
        guard = outline([(0.1, 0.42), (0.26, 0.42), (0.3, 0.56), (0.14, 0.52)])
        pen.fill(guard, (60, 30, 20))
    pen.fill(rectangle(-0.17, 0.68, 0.17, 0.75, radius=0.02), (52, 30, 20))


def _electric_top(pen: Pen, rng: Rng, tone: Colour) -> None:
    guard = pick(rng, (WHITE, BLACK, lighter(tone, 0.5)))
    if chance(rng, 0.6):
        pen.fill(outline([(-0.12, 0.2), (0.16, 0.22), (0.26, 0.5), (0.22, 0.78), (-0.1, 0.62)]),
                 guard)  # fmt: skip
    for y in (0.3, 0.44, 0.58)[: whole(rng, 2, 3)]:
        pen.fill(rectangle(-0.12, y, 0.12, y + 0.06, radius=0.02), (40, 40, 44))
    pen.fill(rectangle(-0.13, 0.7, 0.13, 0.76, radius=0.015), (200, 202, 208))
    for x, y in ((0.2, 0.66), (0.24, 0.76)):
        pen.fill(circle(x, y, 0.035), Glow(WHITE, (120, 122, 128)))


def _neck(pen: Pen, rng: Rng, top: float, electric: bool) -> None:
    board = pick(rng, ((66, 40, 26), (150, 104, 60), (40, 28, 24)))
    low = 0.24
    pen.fill(polygon((-0.055, top), (0.055, top), (0.07, low), (-0.07, low)),
             Ramp(lighter(board, 0.2), darker(board, 0.3), 0))  # fmt: skip
    head = outline([(-0.06, top), (-0.11, top - 0.16), (-0.02, top - 0.2), (0.12, top - 0.18),
                    (0.06, top)], steps=5) if electric else \
        polygon((-0.06, top), (-0.1, top - 0.2), (0.1, top - 0.2), (0.06, top))  # fmt: skip
    pen.fill(head, lighter(board, 0.1))
    for index in range(3):
        y = top - 0.04 - 0.055 * index
        for x in (-0.13, 0.13):
            pen.fill(ellipse(x, y, 0.035, 0.02), (206, 208, 214))
    reach = low - top
    for fret in range(1, 12):
        y = top + reach * (1 - 0.5 ** (fret / 7)) * 1.45
        if y < low:
            pen.line(polygon((-0.06, y), (0.06, y)), 0.012, (214, 206, 180))
    for x in np.linspace(-0.04, 0.04, 4):
        pen.line(polygon((x, top - 0.1), (x * 1.3, 0.71)), 0.008, (232, 228, 210))


# --- key ---


def draw_key(pen: Pen, rng: Rng) -> None:
    """Draw a key lying flat: old ones with a bow and bit, modern ones; sometimes two on a ring."""
    if chance(rng, 0.25):
        angle = between(rng, 28, 60)
        for turn in (-angle / 2, angle / 2):
            with (
                pen.placed(placement(0, -0.36, 0.78, turn_deg=turn)),
                pen.placed(placement(0, 0.72, 1.0)),
            ):
                _one_key(pen, rng)
        pen.line(circle(0, -0.58, 0.34), 0.045, metal(rng), closed=True)
        return
    with pen.placed(placement(0, 0, 1.0, turn_deg=90)):
        _one_key(pen, rng)


def _one_key(pen: Pen, rng: Rng) -> None:
    tone = metal(rng)
    sheen = Ramp(lighter(tone, 0.45), darker(tone, 0.35), 20)
    if chance(rng, 0.35):
        _modern_key(pen, rng, tone)
        return
    thick, end = between(rng, 0.05, 0.08), between(rng, 0.75, 0.95)
    pen.fill(rectangle(-thick, -0.4, thick, end, radius=0.04), Ramp(sheen.start, sheen.end, 0))
    for y in (-0.3, -0.18)[: whole(rng, 1, 2)]:
        pen.fill(rectangle(-thick * 1.8, y, thick * 1.8, y + 0.06, radius=0.03), sheen)
    deep = between(rng, 0.22, 0.36)
    for index in range(whole(rng, 2, 3)):
        y = end - 0.09 - 0.15 * index
        reach = deep * between(rng, 0.6, 1.0)
        pen.fill(rectangle(0, y - 0.05, thick + reach, y + 0.06), sheen)
    if chance(rng, 0.5):
        pen.fill(rectangle(0, end - 0.44, thick + deep * 0.45, end - 0.06), sheen)
    _bow(pen, rng, sheen)


def _bow(pen: Pen, rng: Rng, sheen: Ramp) -> None:
    style = pick(rng, ("ring", "oval", "trefoil", "heart"))
    if style == "trefoil":
        centres = ((-0.2, -0.55), (0.2, -0.55), (0.0, -0.8))
        for radius, paint in ((0.2, True), (0.1, False)):
            for x, y in centres:
                if paint:
                    pen.fill(circle(x, y, radius), sheen)
                else:
                    pen.cut(circle(x, y, radius))
        return
    shape = {
        "ring": circle(0, 0, 1),
        "oval": ellipse(0, 0, 1.25, 0.8),
        "heart": outline([(0, 1.1), (1, 0.1), (0.85, -0.75), (0.3, -0.85), (0, -0.5),
                          (-0.3, -0.85), (-0.85, -0.75), (-1, 0.1)]),
    }[style]  # fmt: skip
    size = between(rng, 0.24, 0.32)
    centre = np.array([0, -0.64])
    pen.fill(shape * size + centre, sheen)
    pen.cut(shape * size * between(rng, 0.5, 0.68) + centre)


def _modern_key(pen: Pen, rng: Rng, tone: Colour) -> None:
    grip = pick(rng, (tone, BLACK, vivid(rng)))
    teeth = [(0.1, -0.3)]
    for y in np.arange(-0.2, 0.78, 0.12):
        teeth += [(between(rng, 0.0, 0.11), float(y)), (0.1, float(y) + 0.06)]
    blade = polygon((-0.11, -0.3), *teeth, (0.06, 0.88), (-0.04, 0.94), (-0.11, 0.86))
    pen.fill(blade, Ramp(lighter(tone, 0.4), darker(tone, 0.3), 0))
    pen.line(polygon((-0.04, -0.3), (-0.04, 0.84)), 0.025, darker(tone, 0.4))
    shape = pick(rng, (rectangle(-0.3, -0.95, 0.3, -0.32, radius=0.14), circle(0, -0.62, 0.34),
                       turned(rectangle(-0.28, -0.28, 0.28, 0.28, radius=0.08), 45)
                       + np.array([0, -0.6])))  # fmt: skip
    pen.fill(shape, Ramp(lighter(grip, 0.35), darker(grip, 0.35), 40))
    pen.cut(ellipse(0, -0.8, 0.1, 0.06))


# --- umbrella ---


def draw_umbrella(pen: Pen, rng: Rng) -> None:
    """Draw an open umbrella with a curved handle, or a parasol with a straight pole."""
    first = pick(rng, (vivid(rng), vivid(rng), BLACK))
    second = pick(rng, (first, first, WHITE, vivid(rng)))
    top, hem = between(rng, -0.92, -0.7), between(rng, -0.12, 0.08)
    wide = between(rng, 0.8, 0.98)
    panels = pick(rng, (4, 5, 6, 8))
    shaft = pick(rng, (wood(rng), (90, 92, 98), BLACK))
    if chance(rng, 0.7):
        hook = curve([(0, hem), (0, 0.72), (0.06, 0.9), (0.2, 0.93), (0.3, 0.84), (0.3, 0.74)])
        pen.line(hook[:11], 0.035, (130, 132, 140))
        pen.line(hook[9:], 0.07, shaft)
    else:
        pen.line(polygon((0, hem), (0, 0.97)), 0.05, shaft)
    _canopy(pen, (first, second), panels=panels, wide=wide, top=top, hem=hem, rng=rng)
    pen.line(polygon((0, top), (0, top - 0.08)), 0.04, shaft)


def _canopy(
    pen: Pen,
    colours: tuple[Colour, Colour],
    *,
    panels: int,
    wide: float,
    top: float,
    hem: float,
    rng: Rng,
) -> None:
    edges = wide * np.sin(np.linspace(-np.pi / 2, np.pi / 2, panels + 1))
    dip = between(rng, 0.06, 0.13)
    pen.fill(ellipse(0, hem - 0.02, wide * 0.97, dip * 0.9), darker(colours[0], 0.65))
    ribs = [_rib(float(x), wide, top, hem) for x in edges]
    dotted, band = chance(rng, 0.25), chance(rng, 0.3)
    for index in range(panels):
        left, right = ribs[index], ribs[index + 1]
        middle = (edges[index] + edges[index + 1]) / 2
        scallop = curve([tuple(left[-1]), (middle, hem - dip), tuple(right[-1])])
        panel = np.concatenate([left, scallop, right[::-1]])
        colour = colours[index % 2]
        shade = 0.1 + 0.3 * max(0.0, middle / wide)
        with pen.inside(panel):
            pen.fill(panel, Ramp(lighter(colour, 0.3), darker(colour, shade)))
            if dotted:
                for _ in range(9):
                    spot = circle(between(rng, -wide, wide), between(rng, top, hem), 0.05)
                    pen.fill(spot, lighter(colours[1], 0.6))
            if band:
                pen.line(scallop - np.array([0, 0.14]), 0.06, lighter(colours[1], 0.5))
    for rib in ribs[1:-1]:
        pen.line(rib, 0.012, darker(colours[0], 0.5))


def _rib(x: float, wide: float, top: float, hem: float) -> Points:
    t = np.linspace(0, np.pi / 2, 16)
    return np.stack([x * np.sin(t) ** 0.9, hem - (hem - top) * np.cos(t)], axis=1)
