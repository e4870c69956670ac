"""Animals: fish, butterfly, cat, owl."""

from __future__ import annotations

import numpy as np

from lookalike.demonstration.canvas import Glow, Pen, Ramp, placement
from lookalike.demonstration.colours import (
    BLACK,
    WHITE,
    Colour,
    darker,
    greyish,
    hsv,
    lighter,
    mix,
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
    mirrored,
    outline,
    polygon,
    rectangle,
)

__all__ = ["draw_butterfly", "draw_cat", "draw_fish", "draw_owl"]


# --- fish ---


def draw_fish(pen: Pen, rng: Rng) -> None:
    """Draw a fish from the side: slim to round, striped, spotted, scaled or plain."""
    tall = between(rng, 0.24, 0.58)
    colour = pick(rng, (vivid(rng), vivid(rng), (240, 128, 40), greyish(rng)))
    second = pick(rng, (vivid(rng), WHITE, BLACK, lighter(colour)))
    fin = mix(colour, second, between(rng, 0.1, 0.9))
    _tail(pen, rng, fin, tall)
    _back_fins(pen, rng, fin, tall)
    body = outline(
        [(-0.9, 0.02), (-0.6, -tall * 0.72), (-0.15, -tall), (0.35, -tall * 0.5), (0.62, -0.07),
         (0.62, 0.07), (0.35, tall * 0.52), (-0.15, tall * 0.95), (-0.6, tall * 0.68)]
    )  # fmt: skip
    with pen.inside(body):
        pen.fill(body, Ramp(darker(colour, 0.2), lighter(colour, 0.5)))
        _fish_pattern(pen, rng, second, colour)
        pen.line(curve([(-0.5, -0.5), (-0.4, 0), (-0.5, 0.5)]), 0.02, darker(colour, 0.5))
    side = outline([(-0.2, 0.06), (0.1, 0.02), (0.16, 0.2), (-0.02, 0.22)])
    pen.fill(side, Ramp(fin, darker(fin, 0.3), 0))
    _fish_face(pen, rng, colour, tall)


def _tail(pen: Pen, rng: Rng, colour: Colour, tall: float) -> None:
    reach = between(rng, 0.24, 0.55)
    notch = between(rng, 0.72, 0.92)
    tail = outline(
        [(0.5, 0.0), (0.72, -reach * 0.6), (1.0, -reach), (notch, 0.0), (1.0, reach),
         (0.72, reach * 0.6)]
    )  # fmt: skip
    with pen.inside(tail):
        pen.fill(tail, Ramp(colour, lighter(colour, 0.45), 0))
        for y in np.linspace(-reach, reach, 9):
            pen.line(polygon((0.5, 0), (1.05, y)), 0.01, darker(colour, 0.4), alpha=0.7)


def _back_fins(pen: Pen, rng: Rng, colour: Colour, tall: float) -> None:
    high = tall + between(rng, 0.12, 0.36)
    back = outline([(-0.5, -tall * 0.6), (-0.2, -high), (0.25, -high * 0.9), (0.42, -tall * 0.3)])
    belly = outline([(-0.1, tall * 0.7), (0.12, high * 0.95), (0.34, high * 0.8), (0.36, 0.2)])
    for fin in (back, belly):
        with pen.inside(fin):
            pen.fill(fin, Ramp(lighter(colour, 0.2), darker(colour, 0.25), 60))
            for x in np.arange(-0.5, 0.6, 0.09):
                pen.line(
                    polygon((x, 0), (x + 0.2, np.sign(fin[:, 1].mean()))),
                    0.01,
                    darker(colour, 0.45),
                    alpha=0.6,
                )


def _fish_pattern(pen: Pen, rng: Rng, second: Colour, colour: Colour) -> None:
    style = whole(rng, 0, 4)
    if style == 0:
        for x in np.linspace(-0.35, 0.5, whole(rng, 2, 5)):
            wide = between(rng, 0.04, 0.09)
            pen.fill(outline([(x - wide, -1), (x + wide, -0.2), (x + wide, 0.4), (x - wide, 1)]),
                     second)  # fmt: skip
    elif style == 1:
        for _ in range(whole(rng, 12, 30)):
            x, y = between(rng, -0.35, 0.5), between(rng, -0.45, 0.4)
            pen.fill(circle(x, y, between(rng, 0.02, 0.06)), second)
    elif style == 2:
        for x in np.arange(-0.4, 0.6, 0.11):
            for row, y in enumerate(np.arange(-0.6, 0.6, 0.1)):
                scale = arc(x + 0.055 * (row % 2), y, 0.07, 0.07, start_deg=90, end_deg=270, n=9)
                pen.line(scale, 0.014, darker(colour, 0.3), alpha=0.8)
    elif style == 3:
        for y in np.linspace(-0.25, 0.25, whole(rng, 1, 4)):
            pen.line(curve([(-0.6, y), (0, y * 1.3), (0.65, y * 0.3)]), 0.05, second)


def _fish_face(pen: Pen, rng: Rng, colour: Colour, tall: float) -> None:
    eye = between(rng, 0.055, 0.095)
    y = -tall * 0.22
    pen.fill(circle(-0.62, y, eye), WHITE)
    pen.fill(circle(-0.635, y, eye * 0.62), BLACK)
    pen.fill(circle(-0.66, y - eye * 0.25, eye * 0.2), WHITE)
    mouth = curve([(-0.88, 0.07), (-0.8, 0.11), (-0.72, 0.1)])
    pen.line(mouth, 0.025, darker(colour, 0.6))


# --- butterfly ---


def draw_butterfly(pen: Pen, rng: Rng) -> None:
    """Draw a butterfly from above, its wings wide open or half folded."""
    colour, rim = vivid(rng), pick(rng, (BLACK, BLACK, (80, 44, 24), vivid(rng)))
    spots = pick(rng, (WHITE, vivid(rng), (250, 210, 90)))
    folded = between(rng, 0.6, 1.0)
    tip, drop = between(rng, -0.9, -0.6), between(rng, 0.6, 0.95)
    upper = outline([(0.04, -0.12), (0.35, -0.55), (0.8, tip), (0.98, tip + 0.22),
                     (0.84, -0.12), (0.5, 0.08), (0.05, 0.06)])  # fmt: skip
    lower = [(0.04, 0.02), (0.5, 0.06), (0.78, 0.26), (0.7, drop * 0.8), (0.4, drop), (0.2, 0.5)]
    if chance(rng, 0.35):
        lower = [*lower[:4], (0.62, drop + 0.1), (0.5, drop * 0.8), *lower[4:]]
    pattern = rng.integers(1 << 31)
    for flip in (1.0, -1.0):
        with pen.placed(placement(0, 0, 1.0, stretch=folded * flip)):
            again = np.random.default_rng(pattern)
            _wing(pen, again, outline(lower), mix(colour, rim, 0.12), rim, spots)
            _wing(pen, again, upper, colour, rim, spots)
    _butterfly_body(pen, rng)


def _wing(pen: Pen, rng: Rng, wing: Points, colour: Colour, rim: Colour, spots: Colour) -> None:
    middle = wing.mean(axis=0)
    with pen.inside(wing):
        pen.fill(wing, rim)
        inner = middle + (wing - middle) * between(rng, 0.72, 0.9)
        inner = inner + (np.array([0.03, 0.0]) - middle) * 0.1
        pen.fill(inner, Glow(lighter(colour, 0.35), darker(colour, 0.15), -0.7, 0.2))
        for point in wing[:: whole(rng, 6, 10)]:
            pen.line(np.stack([np.array([0.04, 0.0]), point]), 0.016, rim)
        style = whole(rng, 0, 2)
        if style > 0:
            for point in (middle + (wing - middle) * 0.88)[::6]:
                pen.fill(circle(point[0], point[1], 0.03), spots)
        if style == 2:
            x, y = float(middle[0]) + 0.1, float(middle[1])
            for radius, ink in ((0.14, rim), (0.1, spots), (0.055, rim)):
                pen.fill(circle(x, y, radius), ink)


def _butterfly_body(pen: Pen, rng: Rng) -> None:
    colour = pick(rng, (BLACK, (70, 46, 30), (96, 84, 66)))
    for side in (-1, 1):
        feeler = curve([(0.02 * side, -0.25), (0.1 * side, -0.5), (0.24 * side, -0.68)])
        pen.line(feeler, 0.016, colour)
        pen.fill(circle(0.24 * side, -0.68, 0.026), colour)
    pen.fill(ellipse(0, 0.2, 0.05, 0.36), Ramp(lighter(colour, 0.25), colour, 0))
    pen.fill(ellipse(0, -0.12, 0.065, 0.13), Ramp(lighter(colour, 0.3), colour, 0))
    pen.fill(circle(0, -0.27, 0.06), colour)


# --- cat ---


def _fur(rng: Rng) -> Colour:
    tones: tuple[Colour, ...] = (
        (52, 50, 54), (120, 122, 130), (228, 150, 70), (238, 232, 222), (150, 104, 70),
        (204, 170, 130),
    )  # fmt: skip
    return mix(pick(rng, tones), greyish(rng), 0.12)


def draw_cat(pen: Pen, rng: Rng) -> None:
    """Draw a cat: its face alone, or the whole cat sitting, seen from the front."""
    fur = _fur(rng)
    second = pick(rng, (WHITE, darker(fur, 0.4), lighter(fur, 0.5), _fur(rng)))
    if chance(rng, 0.5):
        with pen.placed(placement(0, 0.08, 0.95)):
            _cat_head(pen, rng, fur, second)
        return
    _cat_body(pen, rng, fur, second)
    with pen.placed(placement(0, -0.38, 0.5, turn_deg=between(rng, -14, 14))):
        _cat_head(pen, rng, fur, second)


def _cat_body(pen: Pen, rng: Rng, fur: Colour, second: Colour) -> None:
    swing = pick(rng, (-1, 1))
    tail = [(0.25, 0.85), (0.62, 0.8), (0.72, 0.45), (0.6, 0.2), (0.72, between(rng, -0.1, 0.1))]
    line = curve(tail) * np.array([swing, 1])
    pen.line(line, 0.13, darker(fur, 0.15))
    body = outline([(0, -0.2), (0.26, 0.05), (0.42, 0.55), (0.38, 0.9), (0, 0.94),
                    (-0.38, 0.9), (-0.42, 0.55), (-0.26, 0.05)])  # fmt: skip
    with pen.inside(body):
        pen.fill(body, Glow(lighter(fur, 0.2), darker(fur, 0.3), -0.2, -0.1))
        pen.fill(ellipse(0, 0.25, 0.16, 0.34), lighter(second, 0.2), alpha=0.8)
        if chance(rng, 0.5):
            for y in np.arange(0.1, 0.8, 0.14):
                for side in (-1, 1):
                    pen.line(curve([(0.46 * side, y), (0.3 * side, y + 0.03), (0.2 * side, y)]),
                             0.045, darker(fur, 0.45))  # fmt: skip
    for x in (-0.15, 0.15):
        pen.line(polygon((x, 0.4), (x, 0.84)), 0.15, lighter(fur, 0.06))
        pen.fill(ellipse(x, 0.9, 0.13, 0.075), second)


def _cat_head(pen: Pen, rng: Rng, fur: Colour, second: Colour) -> None:
    high = between(rng, -0.98, -0.8)
    for side in (-1, 1):
        ear = polygon((-0.72, -0.2), (-0.66, high), (-0.12, -0.56)) * np.array([side, 1])
        pen.fill(ear, darker(fur, 0.1))
        pen.fill(ear * 0.62 + ear.mean(axis=0) * 0.38, (226, 160, 156))
    wide = between(rng, 0.74, 0.9)
    head = outline([(0, -0.62), (0.5, -0.5), (wide, 0.05), (0.62, 0.5), (0.2, 0.7),
                    (-0.2, 0.7), (-0.62, 0.5), (-wide, 0.05), (-0.5, -0.5)])  # fmt: skip
    with pen.inside(head):
        pen.fill(head, Glow(lighter(fur, 0.25), darker(fur, 0.2), 0, -0.1))
        _cat_markings(pen, rng, fur, second)
        pen.fill(ellipse(0, 0.42, 0.34, 0.24), mix(second, WHITE, 0.5), alpha=0.9)
    _cat_face(pen, rng)


def _cat_markings(pen: Pen, rng: Rng, fur: Colour, second: Colour) -> None:
    style = whole(rng, 0, 3)
    if style == 0:
        for x in (-0.2, 0, 0.2):
            pen.line(polygon((x, -0.7), (x * 0.6, -0.3)), 0.06, darker(fur, 0.5))
        for side in (-1, 1):
            for y in (-0.02, 0.16, 0.34):
                pen.line(polygon((0.95 * side, y), (0.6 * side, y)), 0.05, darker(fur, 0.5))
    elif style == 1:
        pen.fill(ellipse(0.45, -0.25, 0.5, 0.5), second)
    elif style == 2:
        pen.fill(polygon((-0.12, -0.7), (0.12, -0.7), (0.4, 0.8), (-0.4, 0.8)), second)


def _cat_face(pen: Pen, rng: Rng) -> None:
    iris = pick(rng, ((120, 190, 90), (236, 190, 60), (90, 170, 220), (206, 130, 50)))
    tall, slit = between(rng, 0.13, 0.18), between(rng, 0.03, 0.09)
    for x in (-0.34, 0.34):
        pen.fill(ellipse(x, -0.05, 0.17, tall + 0.025), BLACK)
        pen.fill(ellipse(x, -0.05, 0.15, tall), Glow(lighter(iris), darker(iris, 0.15)))
        pen.fill(ellipse(x, -0.05, slit, tall * 0.9), BLACK)
        pen.fill(circle(x - 0.05, -0.1, 0.035), WHITE)
    pen.fill(outline([(-0.09, 0.24), (0.09, 0.24), (0, 0.34)], steps=4), (214, 120, 120))
    for side in (-1, 1):
        pen.line(curve([(0, 0.33), (0.06 * side, 0.46), (0.2 * side, 0.44)]), 0.025, BLACK)
        for y in (0.3, 0.4, 0.5):
            whisker = curve([(0.2 * side, 0.4), (0.6 * side, y), (0.98 * side, y + 0.02)])
            pen.line(whisker, 0.012, (240, 240, 240))


# --- owl ---


def draw_owl(pen: Pen, rng: Rng) -> None:
    """Draw an owl from the front, sitting on a branch or standing alone."""
    hue = pick(rng, (between(rng, 0.04, 0.1), between(rng, 0.04, 0.1), rng.random()))
    plumage = hsv(hue, between(rng, 0.1, 0.55), between(rng, 0.35, 0.9))
    belly = lighter(plumage, between(rng, 0.35, 0.7))
    wide = between(rng, 0.46, 0.62)
    if chance(rng, 0.7):
        pen.line(curve([(-1, 0.84), (-0.3, 0.8), (0.4, 0.86), (1, 0.78)]), 0.12, wood(rng))
    body = outline([(0, -0.78), (wide * 0.8, -0.7), (wide, -0.2), (wide * 1.02, 0.3),
                    (wide * 0.6, 0.78), (0, 0.86), (-wide * 0.6, 0.78), (-wide * 1.02, 0.3),
                    (-wide, -0.2), (-wide * 0.8, -0.7)])  # fmt: skip
    if chance(rng, 0.75):
        for side in (-1, 1):
            tuft = polygon((0.1, -0.7), (wide * 0.95, -1.0), (wide * 0.95, -0.4))
            pen.fill(tuft * np.array([side, 1]), darker(plumage, 0.2))
    with pen.inside(body):
        pen.fill(body, Ramp(plumage, darker(plumage, 0.25)))
        pen.fill(ellipse(0, 0.42, wide * 0.68, 0.52), belly)
        _breast_feathers(pen, wide, darker(plumage, 0.15), chance(rng, 0.5))
    _owl_wings(pen, wide, darker(plumage, 0.3))
    _owl_face(pen, rng, wide, lighter(plumage, 0.45))
    for x in (-0.2, 0.2):
        for toe in (-0.07, 0, 0.07):
            pen.fill(ellipse(x + toe, 0.84, 0.035, 0.075), (226, 160, 60))


def _breast_feathers(pen: Pen, wide: float, ink: Colour, pointed: bool) -> None:
    for row, y in enumerate(np.arange(0.06, 0.8, 0.13)):
        for x in np.arange(-0.45, 0.5, 0.15) + 0.075 * (row % 2):
            if abs(x) < wide * 0.6:
                drop = [(x - 0.05, y), (x, y + 0.06), (x + 0.05, y)]
                pen.line(polygon(*drop) if pointed else curve(drop), 0.025, ink)


def _owl_wings(pen: Pen, wide: float, colour: Colour) -> None:
    wing = outline([(wide * 0.86, -0.22), (wide * 1.16, 0.1), (wide * 1.08, 0.55),
                    (wide * 0.72, 0.82), (wide * 0.74, 0.3)])  # fmt: skip
    for side in (wing, mirrored(wing)):
        with pen.inside(side):
            pen.fill(side, Ramp(lighter(colour, 0.15), darker(colour, 0.3)))
            for y in np.arange(0.0, 0.8, 0.14):
                pen.line(arc(0, y, 0.9, 0.2, start_deg=0, end_deg=180), 0.02, darker(colour, 0.5))


def _owl_face(pen: Pen, rng: Rng, wide: float, disc: Colour) -> None:
    eye = between(rng, 0.14, 0.19)
    iris = pick(rng, ((250, 196, 40), (240, 130, 30), (120, 80, 40), (250, 220, 110)))
    pupil = between(rng, 0.4, 0.65)
    x = wide * 0.44
    for side in (-x, x):
        pen.fill(circle(side, -0.38, eye * 1.65), Glow(WHITE, disc))
    for side in (-x, x):
        pen.fill(circle(side, -0.38, eye * 1.08), BLACK)
        pen.fill(circle(side, -0.38, eye), Glow(lighter(iris), iris))
        pen.fill(circle(side, -0.38, eye * pupil), BLACK)
        pen.fill(circle(side - eye * 0.3, -0.38 - eye * 0.35, eye * 0.22), WHITE)
    beak = polygon((-0.08, -0.3), (0.08, -0.3), (0, -0.08))
    pen.fill(beak, Ramp((250, 200, 80), (210, 130, 30)))
    brow = rectangle(-0.02, -0.7, 0.02, -0.4)
    pen.fill(brow, darker(disc, 0.25))
