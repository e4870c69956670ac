"""One picture: a kind, posed, before a background, in some light, partly covered."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from lookalike.demonstration.backgrounds import BACKGROUNDS
from lookalike.demonstration.canvas import Matrix, Pen, Ramp, placement
from lookalike.demonstration.colours import WHITE, darker, greyish, hsv, lighter, vivid
from lookalike.demonstration.dice import Rng, between, chance, pick, whole
from lookalike.demonstration.kinds import Kind, Scene, Thing
from lookalike.demonstration.shapes import circle, moved, outline, polygon, rectangle, turned
from lookalike.demonstration.textures import clouds, frame_pen, ramp

__all__ = ["draw_picture"]

Size = tuple[int, int]


def draw_picture(kind: Kind, size: Size, rng: Rng, *, cut_out: bool = False) -> Image.Image:
    """Draw a picture of a kind.

    Args:
        kind: What it shows.
        size: Width and height in pixels.
        rng: Decides everything that may vary.
        cut_out: Leave the background transparent.

    Returns:
        The picture: RGB, or RGBA where it is cut out.
    """
    if isinstance(kind, Scene):
        picture = _photographed(_framed(kind, size, rng), rng)
        return _vignette_cut(picture) if cut_out else picture
    if cut_out:
        return _lit(_drawn(kind, _pose(kind, size, rng, on_ground=False), size, rng), rng)
    return _photographed(_staged(kind, size, rng), rng)


# --- scenes ---


def _framed(scene: Scene, size: Size, rng: Rng) -> Image.Image:
    """Paint a scene, sometimes with the camera held askew, sometimes mirrored."""
    angle = between(rng, -7, 7) if chance(rng, 0.35) else 0.0
    margin = 1.25 if angle else 1.0
    large = round(size[0] * margin), round(size[1] * margin)
    picture = scene.paint(large, rng)
    if angle:
        picture = picture.rotate(angle, Image.Resampling.BICUBIC)
        left, top = (large[0] - size[0]) // 2, (large[1] - size[1]) // 2
        picture = picture.crop((left, top, left + size[0], top + size[1]))
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chance(rng, 0.5) else picture


def _vignette_cut(picture: Image.Image) -> Image.Image:
    mask = Image.new("L", picture.size)
    inset = min(picture.size) // 20
    box = (inset, inset, picture.width - inset, picture.height - inset)
    ImageDraw.Draw(mask).rounded_rectangle(box, radius=min(picture.size) // 4, fill=255)
    cut = picture.convert("RGBA")
    cut.putalpha(mask.filter(ImageFilter.GaussianBlur(inset / 3)))
    return cut


# --- things ---


def _staged(thing: Thing, size: Size, rng: Rng) -> Image.Image:
    suits = chance(rng, 0.82)
    name = pick(rng, thing.backgrounds if suits else sorted(BACKGROUNDS))
    background = BACKGROUNDS[name]
    below = background.paint(size, rng).convert("RGBA")
    on_ground = background.has_ground and not thing.floats
    layer = _lit(_drawn(thing, _pose(thing, size, rng, on_ground=on_ground), size, rng), rng)
    if name not in ("sky", "space", "underwater"):
        below.alpha_composite(_shadow(layer, rng, on_ground=on_ground))
    below.alpha_composite(layer)
    picture = below.convert("RGB")
    return _covered(picture, rng) if chance(rng, 0.13) else picture


def _drawn(thing: Thing, pose: Matrix, size: Size, rng: Rng) -> Image.Image:
    pen = Pen(size, pose, oversampling=3 if min(size) < 300 else 2)
    thing.draw(pen, rng)
    return pen.image()


def _pose(thing: Thing, size: Size, rng: Rng, *, on_ground: bool) -> Matrix:
    """Choose place, size, turn, mirroring, shear and perspective."""
    width, height = size
    share = pick(rng, (between(rng, 0.7, 0.97),) * 6 + (between(rng, 0.42, 0.62),
                       between(rng, 1.02, 1.3)))  # fmt: skip
    scale = share * min(size) / 2
    loose_x = max(width / 2 - scale, 0.12 * width)
    x = width / 2 + between(rng, -0.6, 0.6) * loose_x
    if on_ground and share < 1:
        y = height * between(rng, 0.84, 0.98) - 0.93 * scale
    else:
        y = height / 2 + between(rng, -0.6, 0.6) * max(height / 2 - scale, 0.06 * height)
    reach = min(thing.turn_deg, 6.0) if on_ground else thing.turn_deg
    lens = np.eye(3)
    lens[2, :2] = between(rng, -0.14, 0.14), between(rng, -0.14, 0.14)
    lens[0, 1] = between(rng, -0.12, 0.12)
    mirror = pick(rng, (-1.0, 1.0)) * between(rng, 0.88, 1.1)
    stand = placement(x, y, scale, turn_deg=between(rng, -reach, reach))
    pose: Matrix = stand @ lens @ np.diag([mirror, 1.0, 1.0])
    return pose


def _lit(layer: Image.Image, rng: Rng) -> Image.Image:
    """Round a flat layer by light from one side, found from its blurred outline."""
    alpha = layer.getchannel("A")
    reach = max(2, min(layer.size) // whole(rng, 28, 50))
    soft = alpha.filter(ImageFilter.GaussianBlur(reach))
    angle = between(rng, 0, 2 * np.pi)
    dx, dy = round(reach * np.cos(angle)), round(reach * np.sin(angle))
    relief = ImageChops.subtract(
        ImageChops.offset(soft, dx, dy), ImageChops.offset(soft, -dx, -dy), scale=2.0, offset=128
    )
    light = (np.asarray(relief, dtype=np.float32) - 128) / 128 * between(rng, 0.15, 0.5)
    pixels = np.asarray(layer).copy()
    colour = pixels[..., :3].astype(np.float32)
    bright = colour + light[..., None] * np.where(light[..., None] > 0, 255 - colour, colour)
    pixels[..., :3] = np.clip(bright, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def _shadow(layer: Image.Image, rng: Rng, *, on_ground: bool) -> Image.Image:
    """Cast the layer's shadow: beside it on a flat ground, or slanted from its foot."""
    alpha, side = layer.getchannel("A"), min(layer.size)
    blur = side / between(rng, 25, 90)
    if on_ground:
        box = alpha.getbbox()
        foot = box[3] if box else layer.height
        slant, squash = between(rng, -1.2, 1.2), between(rng, 2.2, 4.0)
        # Row y of the shadow shows row foot - (foot - y) * squash of the thing, moved aside.
        matrix = (1, -slant, slant * foot, 0, squash, foot * (1 - squash))
        alpha = alpha.transform(layer.size, Image.Transform.AFFINE, matrix)
    else:
        reach = side * between(rng, 0.01, 0.07)
        angle = between(rng, 0, 2 * np.pi)
        matrix = (1, 0, -reach * np.cos(angle), 0, 1, -reach * np.sin(angle))
        alpha = alpha.transform(layer.size, Image.Transform.AFFINE, matrix)
    strength = between(rng, 0.15, 0.6)
    mask = alpha.filter(ImageFilter.GaussianBlur(blur)).point(
        [round(v * strength) for v in range(256)]
    )
    shadow = Image.new("RGBA", layer.size, (12, 12, 28, 0))
    shadow.putalpha(mask)
    return shadow


# --- what stands in the way ---


def _covered(picture: Image.Image, rng: Rng) -> Image.Image:
    pen, reach = frame_pen(picture.size)
    cover = pick(rng, (_blades, _corner_leaves, _fence, _tape, _drops))
    cover(pen, rng, reach)
    layer = pen.image()
    blur = min(picture.size) / between(rng, 60, 400)
    picture = picture.convert("RGBA")
    picture.alpha_composite(layer.filter(ImageFilter.GaussianBlur(blur)))
    return picture.convert("RGB")


def _blades(pen: Pen, rng: Rng, reach: float) -> None:
    green = hsv(between(rng, 0.2, 0.35), 0.6, between(rng, 0.3, 0.6))
    for x in np.arange(-reach, reach, 0.05):
        tip = (float(x) + between(rng, -0.15, 0.15), between(rng, 0.3, 0.8))
        blade = polygon((float(x) - 0.025, 1.1), tip, (float(x) + 0.025, 1.1))
        pen.fill(blade, darker(green, between(rng, 0, 0.4)))


def _corner_leaves(pen: Pen, rng: Rng, reach: float) -> None:
    side, green = pick(rng, (-1, 1)), hsv(between(rng, 0.08, 0.36), 0.6, between(rng, 0.35, 0.7))
    for _ in range(whole(rng, 5, 9)):
        leaf = outline([(0, 0), (0.2, -0.14), (0.55, 0), (0.2, 0.14)])
        x = side * reach * between(rng, 0.7, 1.05)
        placed = moved(turned(leaf, between(rng, 0, 360)), x, between(rng, -1.1, -0.5))
        pen.fill(placed, Ramp(lighter(green, 0.2), darker(green, between(rng, 0.1, 0.5))))


def _fence(pen: Pen, rng: Rng, reach: float) -> None:
    colour = pick(rng, (WHITE, greyish(rng), darker(greyish(rng), 0.5)))
    wide = between(rng, 0.03, 0.08)
    for x in np.arange(-reach + between(rng, 0, 0.4), reach, between(rng, 0.35, 0.6)):
        bar = rectangle(float(x), -1.1, float(x) + wide, 1.1)
        pen.fill(bar, Ramp(lighter(colour, 0.3), darker(colour, 0.3), 0))


def _tape(pen: Pen, rng: Rng, reach: float) -> None:
    band = rectangle(-2.2 * reach, -0.09, 2.2 * reach, 0.09)
    place = (between(rng, -0.4, 0.4) * reach, between(rng, -0.5, 0.5))
    pen.fill(turned(band, between(rng, -60, 60)) + place, vivid(rng), alpha=0.85)


def _drops(pen: Pen, rng: Rng, reach: float) -> None:
    for _ in range(whole(rng, 25, 70)):
        x, y = between(rng, -reach, reach), between(rng, -1, 1)
        pen.fill(circle(x, y, between(rng, 0.012, 0.04)), WHITE, alpha=0.75)


# --- the camera ---


def _photographed(picture: Image.Image, rng: Rng) -> Image.Image:
    """Add uneven light, a tint, darker corners, and at times blur or grain."""
    if chance(rng, 0.12):
        picture = picture.filter(ImageFilter.GaussianBlur(min(picture.size) / 250))
    light = 1 + between(rng, 0.05, 0.3) * (ramp(picture.size, between(rng, 0, 360)) - 0.5)
    light = light * between(rng, 0.92, 1.14)
    if chance(rng, 0.4):
        across = ramp(picture.size, 0) * 2 - 1
        down = ramp(picture.size, 90) * 2 - 1
        light = light * (1 - between(rng, 0.08, 0.22) * (across**2 + down**2))
    if chance(rng, 0.15):
        light = light * (0.75 + 0.4 * clouds(picture.size, rng, cells=(3, 3), octaves=1))
    warmth = between(rng, -0.06, 0.06)
    tint = np.array([1 + warmth, 1.0, 1 - warmth], dtype=np.float32)
    pixels = np.asarray(picture, dtype=np.float32) * light[..., None].astype(np.float32) * tint
    if chance(rng, 0.12):
        pixels += rng.standard_normal(pixels.shape[:2], dtype=np.float32)[..., None] * 6
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
