"""The register of kinds: what the demonstration collection shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from lookalike.demonstration.canvas import Pen
from lookalike.demonstration.dice import Rng
from lookalike.demonstration.kinds_animals import draw_butterfly, draw_cat, draw_fish, draw_owl
from lookalike.demonstration.kinds_home import draw_house, draw_pizza
from lookalike.demonstration.kinds_nature import draw_flower, draw_mushroom, draw_tree
from lookalike.demonstration.kinds_scenes import (
    paint_city,
    paint_galaxy,
    paint_mountains,
    paint_sunset,
    paint_tartan,
)
from lookalike.demonstration.kinds_things import (
    draw_clock,
    draw_cup,
    draw_guitar,
    draw_key,
    draw_umbrella,
)
from lookalike.demonstration.kinds_vehicles import (
    draw_balloon,
    draw_bicycle,
    draw_boat,
    draw_car,
    draw_rocket,
)

__all__ = ["KINDS", "Kind", "Scene", "Thing"]


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind that is one thing before a background.

    Attributes:
        name: Its folder's name.
        foreign: Its name in another script, for file names.
        draw: Draws it within the unit square [-1, 1], upright.
        backgrounds: Names of the backgrounds that suit it.
        turn_deg: How far it may be turned to either side.
        floats: Whether it hangs in the air even where there is ground.
    """

    name: str
    foreign: str
    draw: Callable[[Pen, Rng], None]
    backgrounds: tuple[str, ...]
    turn_deg: float = 12.0
    floats: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind that fills the whole picture.

    Attributes:
        name: Its folder's name.
        foreign: Its name in another script, for file names.
        paint: Paints an RGB picture of a size (width, height).
    """

    name: str
    foreign: str
    paint: Callable[[tuple[int, int], Rng], Image.Image]


Kind = Thing | Scene

KINDS: tuple[Kind, ...] = (
    Thing("balloon", "воздушный шар", draw_balloon, ("sky", "sky", "meadow"), floats=True),
    Thing("bicycle", "自転車", draw_bicycle, ("street", "bricks", "meadow", "plaster")),
    Thing("boat", "парусник", draw_boat, ("sea", "sea", "sea", "gradient")),
    Thing("butterfly", "蝴蝶", draw_butterfly, ("lawn", "sky", "bokeh", "gradient"), 180),
    Thing("car", "車", draw_car, ("street", "street", "meadow", "plain"), 8),
    Thing("cat", "猫", draw_cat, ("room", "lawn", "plain", "table", "meadow")),
    Scene("city", "夜の街", paint_city),
    Thing("clock", "ساعة", draw_clock, ("room", "bricks", "dots", "stripes", "table"), 15),
    Thing("cup", "чашка", draw_cup, ("table", "table", "wood", "room"), 8),
    Thing("fish", "ψάρι", draw_fish, ("underwater", "underwater", "plain"), 30, floats=True),
    Thing("flower", "花", draw_flower, ("lawn", "bokeh", "meadow", "table", "spotlight"), 20),
    Scene("galaxy", "銀河", paint_galaxy),
    Thing("guitar", "κιθάρα", draw_guitar, ("room", "bricks", "wood", "spotlight"), 70),
    Thing("house", "дом", draw_house, ("meadow", "meadow", "street", "sky"), 4),
    Thing("key", "ключ", draw_key, ("wood", "plaster", "stripes", "plain"), 180),
    Scene("mountains", "山", paint_mountains),
    Thing("mushroom", "гриб", draw_mushroom, ("lawn", "meadow", "bokeh", "gradient")),
    Thing("owl", "сова", draw_owl, ("bokeh", "sky", "meadow", "space", "gradient")),
    Thing("pizza", "піца", draw_pizza, ("wood", "plaster", "dots", "stripes", "plain"), 180),
    Thing("rocket", "ракета", draw_rocket, ("space", "space", "sky"), 50, floats=True),
    Scene("sunset", "закат", paint_sunset),
    Scene("tartan", "ταρτάν", paint_tartan),
    Thing("tree", "δέντρο", draw_tree, ("meadow", "meadow", "sky", "street"), 4),
    Thing("umbrella", "傘", draw_umbrella, ("sky", "street", "bokeh", "bricks"), 40),
)
"""Every kind, in the order of the alphabet."""
