"""Contact sheets, looked at pixel by pixel."""

from __future__ import annotations

import os

import numpy as np
import PIL.Image
import pytest

from lookalike import Query, QueryPart
from lookalike.errors import UsageError
from lookalike.ingest import add_images
from lookalike.search import Results, contact_sheet, save_sheet
from lookalike.search.sheet import CAPTION, GAP, TILE

FRAME = (0x2F, 0x6F, 0xED)
EMPTY = (0xF3, 0xF4, 0xF7)
WHITE = (255, 255, 255)
STEP = TILE + GAP
LINE = TILE + CAPTION + GAP


def middle(sheet, column, line=0, *, block=0):
    left, top = GAP + column * STEP, GAP + line * LINE + block * (LINE + GAP)
    return sheet.getpixel((left + TILE // 2, top + TILE // 2))


def is_framed(sheet, column):
    return sheet.getpixel((GAP + column * STEP - 2, GAP + TILE // 2)) == FRAME


def test_the_query_is_framed_and_the_hits_follow(searcher, photos):
    query = str(photos / "red.png")
    sheet = contact_sheet([(query, searcher.search(query, 4))])
    assert sheet.size == (5 * STEP + GAP, LINE + GAP)
    colours = [middle(sheet, column) for column in range(5)]
    assert colours == [(200, 0, 0), (200, 0, 0), (200, 0, 0), (100, 50, 0), (204, 102, 51)]
    assert [is_framed(sheet, column) for column in range(5)] == [True, False, False, False, False]


def test_captions_are_written_below(searcher, photos):
    query = str(photos / "red.png")
    sheet = contact_sheet([(query, searcher.search(query, 1))])
    for column in range(2):
        left, top = GAP + column * STEP, GAP + TILE + 4
        caption = sheet.crop((left, top, left + TILE, top + CAPTION - 4))
        assert caption.getextrema() != ((255, 255),) * 3


def test_more_than_a_line_of_hits_goes_on_below(searcher, photos, gallery, encoder, square):
    for number in range(4):
        (photos / f"z{number}.png").write_bytes(square((200 + number, 0, 0)))
    add_images(gallery, photos, encoder)
    query = str(photos / "red.png")
    sheet = contact_sheet([(query, searcher.search(query, 9))])
    # ten tiles, six a line
    assert sheet.size == (6 * STEP + GAP, 2 * LINE + GAP)
    assert middle(sheet, 3, line=1) == (0, 0, 200)
    assert middle(sheet, 4, line=1) == WHITE


def test_each_query_has_its_block(searcher, photos):
    queries = [str(photos / "red.png"), str(photos / "blue.png")]
    answers = searcher.search_many(queries, 2)
    sheet = contact_sheet(list(zip(queries, answers, strict=True)))
    assert sheet.size == (3 * STEP + GAP, 2 * LINE + GAP + GAP)
    assert middle(sheet, 0, block=1) == (0, 0, 200)


def test_a_hit_whose_file_is_gone_is_an_empty_tile(searcher, photos):
    results = searcher.search(5, 4)
    (photos / "orange.png").unlink()
    sheet = contact_sheet([(str(photos / "red.png"), results)])
    assert middle(sheet, 3) == EMPTY
    assert middle(sheet, 4) == (204, 102, 51)
    left = GAP + 3 * STEP
    assert sheet.crop((left, GAP, left + TILE, GAP + 30)).getextrema() != (
        (0xF3, 0xF3), (0xF4, 0xF4), (0xF7, 0xF7),
    )  # fmt: skip


def test_a_query_without_hits_stands_alone(photos):
    query = str(photos / "red.png")
    sheet = contact_sheet([(query, Results([], query=query))])
    assert sheet.size == (STEP + GAP, LINE + GAP)
    assert is_framed(sheet, 0)


@pytest.mark.parametrize(
    "name",
    ["a" * 150 + ".png", "صورة.png", "🐈.png", "line\nbreak\rand\ttab.png",
     os.fsdecode(b"caf\xe9.png")],
)  # fmt: skip
def test_odd_names_are_drawn_within_their_tile(photos, square, name):
    file = photos / name
    file.write_bytes(square((200, 0, 0)))
    sheet = contact_sheet([(str(file), Results([], query=str(file)))])
    assert sheet.size == (STEP + GAP, LINE + GAP)
    margin = sheet.crop((GAP + TILE + 4, 0, *sheet.size))
    assert margin.getextrema() == ((255, 255),) * 3


def test_a_sheet_is_saved_as_its_name_asks(photos, tmp_path):
    query = str(photos / "red.png")
    sheet = contact_sheet([(query, Results([], query=query))])
    for ending, form in [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")]:
        save_sheet(sheet, tmp_path / f"sheet.{ending}")
        with PIL.Image.open(tmp_path / f"sheet.{ending}") as saved:
            assert (saved.format, saved.size) == (form, sheet.size)
    for place in ("sheet.nothing", "sheet", "no/folder/sheet.png"):
        with pytest.raises(UsageError, match="cannot be written"):
            save_sheet(sheet, tmp_path / place)


def test_no_answers_make_no_sheet():
    with pytest.raises(UsageError, match="at least one query"):
        contact_sheet([])


def test_every_part_of_a_query_has_its_tile(searcher, photos):
    red = QueryPart(picture=str(photos / "red.png"), weight=2)
    blue = QueryPart(picture=str(photos / "blue.png"), weight=-1)
    query = Query([red, blue, QueryPart(image_id=3)], k=2)
    sheet = contact_sheet([(query, searcher.search(query))])
    assert sheet.size == (5 * STEP + GAP, LINE + GAP)
    assert [middle(sheet, column) for column in range(2)] == [(200, 0, 0), (0, 0, 200)]
    assert is_framed(sheet, 0)
    taken_away = sheet.getpixel((GAP + STEP - 2, GAP + TILE // 2))
    assert taken_away == (0xC2, 0x41, 0x0C)
    # an image_id is written, since only the gallery knows its file
    words = sheet.crop((GAP + 2 * STEP, GAP, GAP + 2 * STEP + TILE, GAP + 40))
    assert words.getextrema() != ((0xF3, 0xF3), (0xF4, 0xF4), (0xF7, 0xF7))


def test_a_region_is_drawn_alone():
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, 40:] = (0, 0, 200)
    query = Query(QueryPart(picture=pixels, region="50%,0%,50%,100%"))
    sheet = contact_sheet([(query, Results([], query=query.label))])
    tile = sheet.crop((GAP + TILE // 2 - 18, GAP + TILE // 2 - 18) + (GAP + TILE // 2 + 18,) * 2)
    assert tile.getextrema() == ((0, 0), (0, 0), (200, 200))


@pytest.mark.parametrize("text", ["night", "word " * 200, "a" * 300, "夜の海"])
def test_texts_are_written_within_their_tile(text):
    query = Query(QueryPart(text=text))
    sheet = contact_sheet([(query, Results([], query=query.label))])
    assert sheet.size == (STEP + GAP, LINE + GAP)
    margin = sheet.crop((GAP + TILE + 4, 0, *sheet.size))
    assert margin.getextrema() == ((255, 255),) * 3
    tile = sheet.crop((GAP, GAP, GAP + TILE, GAP + 40))
    assert tile.getextrema() != ((0xF3, 0xF3), (0xF4, 0xF4), (0xF7, 0xF7))
