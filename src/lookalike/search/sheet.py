"""Contact sheets: the query and its hits side by side, as one picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from lookalike.encoders import ImageInput
from lookalike.errors import ImageError, UsageError
from lookalike.images import decode, thumbnail
from lookalike.search.results import Results

__all__ = ["contact_sheet", "save_sheet"]

TILE = 176
GAP = 12
CAPTION = 34
SMALL = 11
TYPEFACES = ("NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "arial.ttf")
COLUMNS = 6
BACKGROUND = "#ffffff"
INK = "#1f2430"
FAINT = "#7a8294"
ACCENT = "#2f6fed"


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet with its two lines of text."""

    picture: ImageInput
    title: str
    subtitle: str
    is_query: bool = False


def contact_sheet(answers: Sequence[tuple[ImageInput, Results]]) -> PIL.Image.Image:
    """Draw one block of tiles for each query: the query first, then its hits.

    A hit whose file cannot be read any more is drawn as an empty tile.
    """
    if not answers:
        raise UsageError("A contact sheet needs at least one query with its results.")
    blocks = [tiles_of(picture, results) for picture, results in answers]
    columns = min(COLUMNS, max(len(tiles) for tiles in blocks))
    heights = [-(-len(tiles) // columns) * (TILE + CAPTION + GAP) for tiles in blocks]
    width = columns * (TILE + GAP) + GAP
    height = sum(heights) + GAP + GAP * (len(blocks) - 1)
    sheet = PIL.Image.new("RGB", (width, height), BACKGROUND)
    top = GAP
    for tiles, block_height in zip(blocks, heights, strict=True):
        for position, tile in enumerate(tiles):
            row, column = divmod(position, columns)
            left = GAP + column * (TILE + GAP)
            draw_tile(sheet, tile, left, top + row * (TILE + CAPTION + GAP))
        top += block_height + GAP
    return sheet


def save_sheet(sheet: PIL.Image.Image, file: str | os.PathLike[str]) -> None:
    """Write a sheet in the format that its file name asks for.

    Raises:
        UsageError: The name's ending is no picture format, or it cannot be written.
    """
    try:
        sheet.save(Path(file), quality=90)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The contact sheet {file} cannot be written: {reason}.") from error


def tiles_of(picture: ImageInput, results: Results) -> list[Tile]:
    """Line up the query and its hits."""
    name = os.path.basename(results.query)
    query = Tile(picture, "query", name, is_query=True)
    hits = [
        Tile(hit.path, f"{hit.rank}   {hit.score:.3f}", os.path.basename(hit.path))
        for hit in results
    ]
    return [query, *hits]


def draw_tile(sheet: PIL.Image.Image, tile: Tile, left: int, top: int) -> None:
    """Paste one picture, centred in its square, and write below it."""
    draw = PIL.ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill="#f3f4f7")
    try:
        small = thumbnail(decode(tile.picture, shortest_side=TILE), TILE)
        offset = ((TILE - small.width) // 2, (TILE - small.height) // 2)
        sheet.paste(small, (left + offset[0], top + offset[1]))
    except ImageError:
        draw.text((left + 8, top + 8), "not readable now", fill=FAINT, font=font(12))
    if tile.is_query:
        draw.rectangle(
            (left - 3, top - 3, left + TILE + 2, top + TILE + 2), outline=ACCENT, width=3
        )
    below = top + TILE + 5
    draw.text((left, below), tile.title, fill=ACCENT if tile.is_query else INK, font=font(14))
    draw.text((left, below + 16), fitted(tile.subtitle, TILE), fill=FAINT, font=font(SMALL))


@lru_cache
def font(size: int) -> PIL.ImageFont.FreeTypeFont | PIL.ImageFont.ImageFont:
    """Load a typeface with many letters where the system has one, else Pillow's own."""
    for name in TYPEFACES:
        with suppress(OSError):
            return PIL.ImageFont.truetype(name, size)
    return PIL.ImageFont.load_default(size)


@lru_cache(maxsize=4096)
def is_drawable(letter: str) -> bool:
    """Tell whether the typeface has a letter: what it lacks looks like what nobody has."""
    if letter == " " or not letter.isprintable():
        return letter == " "
    face = font(SMALL)
    missing, mask = face.getmask("\U0010ffff"), face.getmask(letter)
    return (mask.size, bytes(mask)) != (missing.size, bytes(missing))


def fitted(text: str, width: int) -> str:
    """Shorten a file name in the middle until it fits; what cannot be drawn becomes a dot."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    clean = "".join(letter if is_drawable(letter) else "\u00b7" for letter in clean)
    face = font(SMALL)
    if face.getlength(clean) <= width:
        return clean
    keep = len(clean)
    while keep > 4 and face.getlength(shortened(clean, keep)) > width:
        keep -= 1
    return shortened(clean, keep)


def shortened(text: str, keep: int) -> str:
    """Keep the first and last letters."""
    half = keep // 2
    return f"{text[:half]}...{text[-half:]}"
