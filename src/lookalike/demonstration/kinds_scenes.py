"""Whole pictures: mountains, sunset by the sea, city at night, tartan, galaxy."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from lookalike.demonstration.canvas import Pen, Ramp
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
)
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.shapes import Points, circle, curve, ellipse, polygon, rectangle
from lookalike.demonstration.textures import clouds, coloured, flattened, frame_pen, ramp

__all__ = ["paint_city", "paint_galaxy", "paint_mountains", "paint_sunset", "paint_tartan"]

Size = tuple[int, int]

_SKIES: tuple[tuple[Colour, Colour, Colour], ...] = (
    # top, middle, horizon
    ((70, 130, 206), (140, 186, 230), (226, 238, 246)),
    ((52, 76, 140), (190, 140, 170), (250, 206, 160)),
    ((110, 128, 146), (170, 184, 196), (216, 222, 226)),
    ((24, 34, 84), (74, 84, 148), (180, 150, 180)),
    ((90, 160, 190), (180, 216, 210), (250, 240, 206)),
)


def _ridge(rng: Rng, reach: float, base: float, height: float, rough: float) -> Points:
    """Build a jagged line by halving: (n, 2) from left to right."""
    heights = rng.uniform(-1, 1, whole(rng, 3, 6))
    step = 0.5
    for _ in range(5):
        middle = (heights[1:] + heights[:-1]) / 2 + rng.uniform(-1, 1, len(heights) - 1) * step
        heights = np.insert(heights, np.arange(1, len(heights)), middle)
        step *= rough
    x = np.linspace(-reach * 1.05, reach * 1.05, len(heights))
    return np.stack([x, base - height * (heights + 1) / 2], axis=1)


def _down_to(line: Points, y: float) -> Points:
    return np.concatenate([line, polygon((float(line[-1, 0]), y), (float(line[0, 0]), y))])


# --- mountains ---


def paint_mountains(size: Size, rng: Rng) -> Image.Image:
    """Paint ranges of mountains one behind the other, with snow, and a lake or a wood below."""
    sky = pick(rng, _SKIES)
    below = coloured(ramp(size, 90) * 1.5, *sky)
    pen, reach = frame_pen(size)
    if chance(rng, 0.5):
        _disc(pen, between(rng, -reach, reach) * 0.7, between(rng, -0.8, -0.4), (255, 248, 220))
    rock = hsv(between(rng, 0.55, 0.72), between(rng, 0.15, 0.4), between(rng, 0.3, 0.5))
    ranges, shore = whole(rng, 2, 4), between(rng, 0.35, 0.75)
    snow = between(rng, 0.12, 0.5) if chance(rng, 0.8) else 0.0
    for index in range(ranges):
        share = (index + 1) / ranges
        base = shore - 0.5 * (1 - share)
        line = _ridge(rng, reach, base, between(rng, 0.55, 1.15), 0.52)
        _mountain(pen, rng, line, mix(sky[2], rock, 0.35 + 0.65 * share), base + 0.6, snow)
    if chance(rng, 0.55):
        picture = _with_lake(flattened(below, pen), size, shore, sky)
        pen, reach = frame_pen(size)
    else:
        picture = flattened(below, pen)
        pen, reach = frame_pen(size)
        meadow = hsv(between(rng, 0.2, 0.36), between(rng, 0.3, 0.6), between(rng, 0.3, 0.6))
        pen.fill(_down_to(_ridge(rng, reach, shore + 0.08, 0.1, 0.3), 1.1),
                 Ramp(meadow, darker(meadow, 0.5)))  # fmt: skip
    if chance(rng, 0.7):
        _wood(pen, rng, reach, between(rng, 0.86, 1.0))
    return flattened(picture, pen)


def _disc(pen: Pen, x: float, y: float, colour: Colour) -> None:
    for radius, alpha in ((0.3, 0.12), (0.21, 0.18), (0.13, 1.0)):
        pen.fill(circle(x, y, radius), colour, alpha=alpha)


def _mountain(pen: Pen, rng: Rng, line: Points, colour: Colour, low: float, snow: float) -> None:
    body = _down_to(line, low)
    with pen.inside(body):
        pen.fill(body, Ramp(colour, mix(colour, (200, 206, 220), 0.25)))
        for x, y in line[2::5]:
            flank = polygon((float(x), float(y) - 0.02), (float(x) + 0.32, low), (float(x), low))
            pen.fill(flank, darker(colour, 0.35), alpha=0.35)
        if snow:
            top = float(line[:, 1].min())
            edge = line.copy()
            edge[:, 1] = top + snow + rng.uniform(-0.07, 0.07, len(line))
            pen.fill(np.concatenate([line - (0, 0.1), edge[::-1]]),
                     Ramp(WHITE, (206, 216, 234), 20), alpha=0.93)  # fmt: skip


def _with_lake(
    picture: Image.Image, size: Size, shore: float, sky: tuple[Colour, Colour, Colour]
) -> Image.Image:
    edge = round((shore + 1) / 2 * size[1])
    depth = size[1] - edge
    mirror = picture.crop((0, max(0, edge - depth), size[0], edge))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((size[0], depth))
    tint = Image.new("RGB", mirror.size, mix(sky[1], (20, 60, 90), 0.5))
    picture.paste(Image.blend(mirror.filter(ImageFilter.BoxBlur(2)), tint, 0.35), (0, edge))
    return picture


def _wood(pen: Pen, rng: Rng, reach: float, ground: float) -> None:
    colour = darker(hsv(between(rng, 0.3, 0.45), 0.5, 0.3), between(rng, 0.1, 0.5))
    x = -reach
    dense = between(rng, 0.06, 0.2)
    while x < reach:
        tall = between(rng, 0.2, 0.5)
        for tier in range(3):
            top = ground - tall * (1 - 0.25 * tier)
            half = tall * (0.1 + 0.07 * tier)
            low = top + tall * 0.45
            pen.fill(polygon((x, top), (x + half, low), (x - half, low)), colour)
        x += between(rng, dense * 0.5, dense * 1.8)
    pen.fill(rectangle(-reach * 1.1, ground - 0.05, reach * 1.1, 1.2), colour)


# --- sunset by the sea ---


def paint_sunset(size: Size, rng: Rng) -> Image.Image:
    """Paint the sun low over the sea, its path on the water, clouds, birds, sometimes a shore."""
    warm = between(rng, 0.97, 1.11)
    top = hsv(between(rng, 0.6, 0.85), between(rng, 0.35, 0.6), between(rng, 0.3, 0.65))
    middle, low = hsv(warm, 0.62, 0.92), hsv(warm + 0.06, between(rng, 0.35, 0.6), 0.99)
    horizon = between(rng, -0.05, 0.4)
    below = coloured(ramp(size, 90) * 2 / (horizon + 1), top, middle, low)
    below = _cloudy(below, size, rng, mix(middle, top, between(rng, 0, 0.7)))
    pen, reach = frame_pen(size)
    x, radius = between(rng, -0.6, 0.6) * reach, between(rng, 0.12, 0.3)
    y = horizon - between(rng, -0.5, 1.6) * radius
    for share, alpha in ((2.6, 0.1), (1.9, 0.14), (1.4, 0.2)):
        pen.fill(circle(x, y, radius * share), (255, 226, 150), alpha=alpha)
    pen.fill(circle(x, y, radius), Ramp((255, 250, 214), hsv(warm + 0.07, 0.5, 1.0)))
    _sea(pen, rng, reach, horizon, mix(middle, (30, 40, 80), 0.55), mix(low, top, 0.2))
    _glitter(pen, rng, x, horizon, radius)
    _silhouettes(pen, rng, reach, horizon)
    return flattened(below, pen)


def _cloudy(below: Image.Image, size: Size, rng: Rng, colour: Colour) -> Image.Image:
    field = clouds(size, rng, cells=(between(rng, 1, 3), between(rng, 3, 9)), octaves=4)
    cover = np.clip((field - between(rng, 0.45, 0.65)) * 3.5, 0, 0.85)
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    return Image.composite(Image.new("RGB", size, colour), below, mask)


def _sea(pen: Pen, rng: Rng, reach: float, horizon: float, near: Colour, far: Colour) -> None:
    pen.fill(rectangle(-reach * 1.1, horizon, reach * 1.1, 1.1), Ramp(far, near))
    for _ in range(60):
        depth = between(rng, 0, 1) ** 1.5
        y = horizon + depth * (1 - horizon)
        x, wide = between(rng, -reach, reach), 0.06 + 0.3 * depth
        wave = ellipse(x, y, wide, 0.004 + 0.012 * depth)
        pen.fill(wave, pick(rng, (darker(near, 0.4), lighter(far, 0.2))), alpha=0.35)


def _glitter(pen: Pen, rng: Rng, x: float, horizon: float, radius: float) -> None:
    spread = between(rng, 0.8, 1.6)
    for _ in range(80):
        depth = between(rng, 0, 1)
        y = horizon + 0.01 + depth * (1 - horizon)
        at = x + rng.normal() * radius * (0.35 + spread * 0.5 * depth)
        glint = ellipse(at, y, 0.03 + 0.09 * depth, 0.006 + 0.012 * depth)
        pen.fill(glint, (255, 232, 170), alpha=0.65)


def _silhouettes(pen: Pen, rng: Rng, reach: float, horizon: float) -> None:
    dark = (38, 26, 44)
    if chance(rng, 0.45):
        side = pick(rng, (-1, 1))
        island = curve([(1.2, -0.02), (0.9, -0.16), (0.65, -0.09), (0.35, -0.02), (0.2, 0.02)])
        pen.fill(_down_to(island * (side * reach, 1.0) + (0, horizon), horizon + 0.02), dark)
    if chance(rng, 0.3):
        shore = _ridge(rng, reach, 1.0, 0.25, 0.4)
        pen.fill(_down_to(shore, 1.2), dark)
    for _ in range(pick(rng, (0, 0, 3, 5, 8))):
        x, y = between(rng, -reach, reach) * 0.8, between(rng, -0.85, horizon - 0.2)
        span = between(rng, 0.03, 0.08)
        for wing in (-1, 1):
            bird = curve([(x, y), (x + wing * span * 0.6, y - span * 0.5), (x + wing * span, y)])
            pen.line(bird, 0.012, dark)


# --- city at night ---


def paint_city(size: Size, rng: Rng) -> Image.Image:
    """Paint a skyline at night: towers with lit windows, stars or a moon, water or a street."""
    glow = hsv(between(rng, 0.55, 1.1), between(rng, 0.3, 0.6), between(rng, 0.35, 0.75))
    below = coloured(ramp(size, 90), (10, 12, 34), mix((22, 26, 60), glow, 0.3), glow)
    pen, reach = frame_pen(size)
    for _ in range(whole(rng, 0, 60)):
        star = circle(between(rng, -reach, reach), between(rng, -1, 0), between(rng, 0.003, 0.009))
        pen.fill(star, WHITE)
    if chance(rng, 0.5):
        x, y = between(rng, -reach, reach) * 0.7, between(rng, -0.8, -0.5)
        _disc(pen, x, y, (250, 244, 214))
    water = chance(rng, 0.5)
    ground = between(rng, 0.35, 0.6) if water else between(rng, 1.0, 1.1)
    for layer in range(2):
        _towers(pen, rng, reach, ground, layer)
    picture = flattened(below, pen)
    if water:
        picture = _with_lake(picture, size, ground, ((0, 0, 0), (16, 18, 50), (0, 0, 0)))
    return picture


def _towers(pen: Pen, rng: Rng, reach: float, ground: float, layer: int) -> None:
    lights: tuple[Colour, ...] = ((255, 220, 130), (255, 240, 190), (190, 220, 255), (255, 180, 90))
    light = pick(rng, lights)
    x = -reach * 1.05
    while x < reach * 1.05:
        wide = between(rng, 0.14, 0.36)
        tall = between(rng, 0.35, 1.3 - 0.35 * layer)
        wall = mix((24, 26, 52), greyish(rng), 0.2 if layer else 0.4)
        wall = darker(wall, 0.45 if layer else 0.2)
        top = ground - tall
        _tower_top(pen, rng, x, x + wide, top, wall)
        pen.fill(rectangle(x, top, x + wide, ground + 0.02), Ramp(lighter(wall, 0.1), wall, 0))
        _lit_windows(pen, rng, (x, top, x + wide, ground), light)
        x += wide + between(rng, -0.03, 0.08)


def _tower_top(pen: Pen, rng: Rng, left: float, right: float, top: float, wall: Colour) -> None:
    style, middle = whole(rng, 0, 4), (left + right) / 2
    if style == 0:
        pen.fill(polygon((left, top), (middle, top - 0.22), (right, top)), wall)
    elif style == 1:
        pen.line(polygon((middle, top), (middle, top - 0.25)), 0.018, wall)
        pen.fill(circle(middle, top - 0.25, 0.016), (255, 80, 70))
    elif style == 2:
        pen.fill(rectangle(left + 0.05, top - 0.1, right - 0.05, top + 0.02), wall)
    elif style == 3:
        pen.fill(ellipse(middle, top, (right - left) / 2, 0.12), wall)


def _lit_windows(pen: Pen, rng: Rng, box: tuple[float, float, float, float], light: Colour) -> None:
    step_x, step_y = between(rng, 0.05, 0.08), between(rng, 0.06, 0.1)
    busy = between(rng, 0.25, 0.75)
    for y in np.arange(box[1] + 0.05, box[3] - 0.04, step_y):
        for x in np.arange(box[0] + 0.025, box[2] - step_x * 0.8, step_x):
            if chance(rng, busy):
                pane = rectangle(
                    float(x), float(y), float(x) + step_x * 0.55, float(y) + step_y * 0.5
                )
                pen.fill(pane, mix(light, (120, 90, 60), between(rng, 0, 0.5)))


# --- tartan ---


def paint_tartan(size: Size, rng: Rng) -> Image.Image:
    """Paint woven tartan cloth: a sett of stripes in both directions, turned, with folds."""
    side = int(np.hypot(*size)) + 8
    pattern = _sett(rng, period=whole(rng, 50, 150) * side / 500)
    across = pattern[np.arange(side) % len(pattern)]
    weave = max(1, round(side / 500))
    y, x = np.mgrid[0:side, 0:side] // weave
    over = ((x + y) % 4) < 2
    cloth = np.where(over[..., None], across[None, :], across[:, None]).astype(np.uint8)
    angle = pick(rng, (0.0, 45.0, between(rng, -45, 45)))
    picture = Image.fromarray(cloth).rotate(angle, Image.Resampling.BICUBIC)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    picture = picture.crop((left, top, left + size[0], top + size[1]))
    return _folded(picture, size, rng)


def _sett(rng: Rng, *, period: float) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    ground: tuple[Colour, ...] = ((150, 24, 32), (22, 70, 48), (24, 40, 92), (196, 170, 124))
    colours = [pick(rng, (*ground, vivid(rng))), darker(vivid(rng), 0.4), BLACK, WHITE, vivid(rng)]
    widths = rng.dirichlet([5, 3, 2, 0.7, 0.7, 2])
    order = [0, 1, 2, 3, *rng.permutation([4, 1]).tolist()]
    half = np.concatenate(
        [
            np.tile(colours[c], (max(2, round(w * period)), 1))
            for c, w in zip(order, widths, strict=True)
        ]
    )
    return np.concatenate([half, half[::-1]]).astype(np.uint8)


def _folded(picture: Image.Image, size: Size, rng: Rng) -> Image.Image:
    if chance(rng, 0.3):
        return picture
    angle, waves = between(rng, 0, 180), between(rng, 1.5, 5)
    field = ramp(size, angle) + 0.12 * clouds(size, rng, cells=(2, 2), octaves=2)
    depth = between(rng, 0.15, 0.4)
    light = 1 - depth * (0.5 + 0.5 * np.sin(field * waves * 2 * np.pi + between(rng, 0, 6)))
    shade = Image.fromarray((light * 255).astype(np.uint8)).convert("RGB")
    return ImageChops.multiply(picture, shade)


# --- galaxy ---


def paint_galaxy(size: Size, rng: Rng) -> Image.Image:
    """Paint a spiral galaxy among stars: arms, tilt, twist and tint vary."""
    hue = between(rng, 0.5, 0.95)
    sky = clouds(size, rng, cells=(2, 2), octaves=3)
    night = np.asarray(coloured(sky, (4, 4, 14), (14, 10, 34), hsv(hue, 0.5, 0.22)), np.float32)
    radius, angle = _galaxy_plane(size, rng)
    arms, twist = pick(rng, (2, 2, 3, 4)), between(rng, 2.2, 4.5) * pick(rng, (-1, 1))
    phase = arms * (angle - twist * np.log(radius + 0.08))
    dust = clouds(size, rng, cells=(9, 9), octaves=3)
    falloff = np.exp(-((radius / between(rng, 0.42, 0.6)) ** 2) * 1.6)
    arm = (0.5 + 0.5 * np.cos(phase)) ** between(rng, 1.4, 3.0) * falloff * (0.45 + 0.8 * dust)
    core = np.exp(-((radius / between(rng, 0.09, 0.18)) ** 2))
    warm, cool = hsv(between(rng, 0.05, 0.14), 0.35, 1.0), hsv(hue, between(rng, 0.3, 0.6), 1.0)
    light = (
        night + 0.85 * arm[..., None] * np.array(cool) + 0.25 * falloff[..., None] * np.array(warm)
    )
    light += core[..., None] * np.array(warm)
    _sprinkle(light, arm, rng)
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def _galaxy_plane(size: Size, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's distance from and angle around the middle, in the galaxy's plane."""
    half = min(size) / 2 * between(rng, 1.2, 2.1)
    middle_x = size[0] / 2 + between(rng, -0.25, 0.25) * size[0]
    middle_y = size[1] / 2 + between(rng, -0.2, 0.2) * size[1]
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    x, y = (x - middle_x) / half, (y - middle_y) / half
    turn, tilt = between(rng, 0, np.pi), between(rng, 0.35, 1.0)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = (y * np.cos(turn) - x * np.sin(turn)) / tilt
    return np.hypot(along, across), np.arctan2(across, along)


def _sprinkle(light: np.ndarray, arm: np.ndarray, rng: Rng) -> None:
    """Add single stars in place, more of them in the arms."""
    high, wide = arm.shape
    count = round(high * wide * between(rng, 0.002, 0.006))
    rows, columns = rng.integers(1, high - 1, count), rng.integers(1, wide - 1, count)
    keep = rng.random(count) < 0.25 + arm[rows, columns]
    rows, columns = rows[keep], columns[keep]
    bright = rng.uniform(60, 255, len(rows))[:, None] * np.array([1.0, 0.96, 0.92])
    light[rows, columns] += bright
    large = rng.random(len(rows)) < 0.12
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        light[rows[large] + dy, columns[large] + dx] += bright[large] * 0.6
