"""Colours: from hue, mixed, lighter, darker, and drawn by chance."""

from __future__ import annotations

import colorsys

from lookalike.demonstration.dice import Rng, between, chance, pick

__all__ = [
    "BLACK",
    "WHITE",
    "Colour",
    "darker",
    "greyish",
    "hsv",
    "lighter",
    "metal",
    "mix",
    "pale",
    "vivid",
    "wood",
]

Colour = tuple[int, int, int]

WHITE: Colour = (250, 250, 248)
BLACK: Colour = (28, 28, 32)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Make a colour of hue (a full turn is 1), saturation and value in [0, 1]."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours; share 0 is the first alone, 1 the second alone."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """Mix a colour with a bluish black."""
    return mix(colour, (14, 14, 30), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    """Mix a colour with a warm white."""
    return mix(colour, (255, 253, 246), share)


def vivid(rng: Rng) -> Colour:
    """Draw a strong colour of any hue, greens and purples held back lest they glare."""
    hue = rng.random()
    glaring = 0.2 < hue < 0.52 or 0.7 < hue < 0.92
    saturation, value = between(rng, 0.55, 0.88), between(rng, 0.65, 0.97)
    return hsv(hue, saturation * (0.8 if glaring else 1), value * (0.85 if glaring else 1))


def pale(rng: Rng) -> Colour:
    """Draw a pastel colour of any hue."""
    return hsv(rng.random(), between(rng, 0.06, 0.3), between(rng, 0.85, 0.99))


def greyish(rng: Rng) -> Colour:
    """Draw a muted colour, dark or light."""
    return hsv(rng.random(), between(rng, 0.05, 0.3), between(rng, 0.2, 0.85))


def wood(rng: Rng) -> Colour:
    """Draw a wood tone, from birch to walnut."""
    return hsv(between(rng, 0.05, 0.1), between(rng, 0.35, 0.7), between(rng, 0.35, 0.85))


def metal(rng: Rng) -> Colour:
    """Draw a metal tone: brass, copper, steel or iron."""
    tones: tuple[Colour, ...] = ((205, 165, 70), (184, 115, 60), (188, 194, 202), (92, 96, 104))
    colour = pick(rng, tones)
    return lighter(colour, 0.2) if chance(rng, 0.3) else colour
