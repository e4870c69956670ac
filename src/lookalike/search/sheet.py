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
from lookalike.images import Picture, decode, thumbnail
from lookalike.images.regions import Region, cut_out
from lookalike.search.parts import QueryPart
from lookalike.search.query import Query
from lookalike.search.results import Results

__all__ = ["Tile", "contact_sheet", "save_sheet", "tile_sheet"]

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
WARNING = "#c2410c"
EMPTY = "#f3f4f7"
LINES = 8


@dataclass(frozen=True, slots=True)
class Tile:
    """One picture of a sheet with its two lines of text.

    Attributes:
        picture: What is drawn; None for words alone.
        title: The first line below.
        subtitle: The second.
        words: Drawn where there is no picture.
        region: Which part of the picture.
        frame: Colour of the frame that a query has.
    """

    picture: ImageInput | None
    title: str
    subtitle: str
    words: str = ""
    region: Region | None = None
    frame: str | None = None


def contact_sheet(answers: Sequence[tuple[ImageInput | Query, Results]]) -> PIL.Image.Image:
    """Draw one block of tiles for each query: the query first, then its hits.

    Of a ``Query`` every part has a tile: its pictures cut to their regions, its
    texts as text. A hit whose file cannot be read any more is drawn as an empty tile.
    """
    if not answers:
        raise UsageError("A contact sheet needs at least one query with its results.")
    return tile_sheet([tiles_of(picture, results) for picture, results in answers])


def tile_sheet(blocks: Sequence[Sequence[Tile]]) -> PIL.Image.Image:
    """Draw blocks of tiles, one below the other."""
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


def tiles_of(asked: ImageInput | Query, results: Results) -> list[Tile]:
    """Line up the query and its hits."""
    hits = [
        Tile(hit.path, f"{hit.rank}   {hit.score:.3f}", os.path.basename(hit.path))
        for hit in results
    ]
    if not isinstance(asked, Query):
        name = os.path.basename(results.query)
        return [Tile(asked, "query", name, frame=ACCENT), *hits]
    parts = [tile_of(part) for part in asked.items]
    return [*(parts or [Tile(None, "query", asked.label, asked.label, frame=ACCENT)]), *hits]


def tile_of(part: QueryPart) -> Tile:
    """Show one part of a query; what is taken away is framed in another colour."""
    size = abs(part.weight)
    title = ("minus" if part.is_minus else "query") + (f"   x {size:g}" if size != 1 else "")
    frame = WARNING if part.is_minus else ACCENT
    if part.picture is None:
        words = part.text or part.label
        return Tile(None, title, words, words, frame=frame)
    name = os.path.basename(part.picture) if isinstance(part.picture, str) else part.label
    return Tile(part.picture, title, name, region=part.region, frame=frame)


def draw_tile(sheet: PIL.Image.Image, tile: Tile, left: int, top: int) -> None:
    """Paste one picture, centred in its square, and write below it."""
    draw = PIL.ImageDraw.Draw(sheet)
    draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill=EMPTY)
    if tile.picture is None:
        draw_words(draw, tile.words, left, top)
    else:
        try:
            small = thumbnail(shown_part(tile.picture, tile.region), TILE)
            offset = ((TILE - small.width) // 2, (TILE - small.height) // 2)
            sheet.paste(small, (left + offset[0], top + offset[1]))
        except ImageError:
            draw.text((left + 8, top + 8), "not readable now", fill=FAINT, font=font(12))
    if tile.frame is not None:
        draw.rectangle(
            (left - 3, top - 3, left + TILE + 2, top + TILE + 2), outline=tile.frame, width=3
        )
    below = top + TILE + 5
    draw.text((left, below), tile.title, fill=tile.frame or INK, font=font(14))
    draw.text((left, below + 16), fitted(tile.subtitle, TILE), fill=FAINT, font=font(SMALL))


def shown_part(picture: ImageInput, region: Region | None) -> Picture:
    """Decode a picture, or the part of it that was searched with."""
    if region is None:
        return decode(picture, shortest_side=TILE)
    return decode(cut_out(decode(picture), region), shortest_side=TILE)


def draw_words(draw: PIL.ImageDraw.ImageDraw, words: str, left: int, top: int) -> None:
    """Write words into a tile, as many as fit."""
    face = font(14)
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= TILE - 16:
            lines[-1] = longer
        else:
            lines.append(word)
    for number, line in enumerate(lines[:LINES]):
        text = fitted(line, TILE - 16, size=14)
        draw.text((left + 8, top + 8 + 20 * number), text, fill=INK, font=face)


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


def fitted(text: str, width: int, *, size: int = SMALL) -> str:
    """Shorten a text in the middle until it fits; what cannot be drawn becomes a dot."""
    clean = text.encode("utf-8", "replace").decode("utf-8")
    clean = "".join(letter if is_drawable(letter) else "\u00b7" for letter in clean)
    face = font(size)
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
