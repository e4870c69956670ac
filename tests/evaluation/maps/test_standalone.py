"""The page: one file that asks for nothing, whatever the pictures are called."""

from __future__ import annotations

import base64
import json
import os
import re

import numpy as np
import pytest

from lookalike.evaluation.maps.columns import Quantities, categories_of
from lookalike.evaluation.maps.standalone import (
    MODULES,
    MapPage,
    map_facts,
    map_page,
    page_file,
    places_of,
)

KINDS = {"u16": "<u2", "u32": "<u4", "f32": "<f4", "f64": "<f8"}


def unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["data"]), KINDS[packed["kind"]])


def a_page(paths, **changes):
    count = len(paths)
    points = np.stack([np.arange(count), np.arange(count) / 2], axis=1).astype(np.float32)
    settings = {
        "title": "zoo", "remarks": ("Three pictures.",), "points": points, "paths": paths,
        "columns": [categories_of("cluster", ["a"] * count)], "shares": [0.5],
        "outliers": np.array([1]), "thumbnails": [None] * count,
    }  # fmt: skip
    return MapPage(**{**settings, **changes})


def facts_in(page):
    return json.loads(re.search(r'id="map-facts">(.*?)</script>', page)[1])


def test_numbers_are_packed_and_y_goes_down():
    facts = map_facts(a_page(["/p/a.jpg", "/p/b.jpg", "/q/c.jpg"]))
    assert unpacked(facts["x"]).tolist() == [0, 32768, 65535]
    assert unpacked(facts["y"]).tolist() == [32768, 16384, 0]
    assert (facts["width"], facts["height"]) == (65535, 32768)
    assert unpacked(facts["folder"]).tolist() == [0, 0, 1]
    assert facts["names"] == ["a.jpg", "b.jpg", "c.jpg"]
    assert unpacked(facts["outliers"]).tolist() == [1]


def test_columns_of_names_and_of_numbers():
    names = categories_of("kind", ["x", None, "y", "y"])
    numbers = Quantities("age", np.array([1, np.nan, 3, 5.0]))
    facts = map_facts(a_page([f"/p/{row}" for row in range(4)], columns=[names, numbers]))
    kind, age = facts["columns"]
    assert kind["values"] == ["y", "x"]
    assert unpacked(kind["codes"]).tolist() == [1, 65535, 0, 0]
    assert unpacked(kind["counts"]).tolist() == [2, 1]
    assert np.array_equal(unpacked(age["numbers"]), [1, np.nan, 3, 5], equal_nan=True)
    assert (age["least"], age["most"]) == (1, 5)


def test_each_thumbnail_is_found_by_its_letters():
    page = map_page(a_page(["/p/a", "/p/b", "/p/c"], thumbnails=[b"first", None, b"third!"]))
    letters = re.search(r'id="map-thumbnails">(.*?)</script>', page)[1]
    starts = unpacked(facts_in(page)["thumbnail_starts"])
    cut = [letters[starts[row] : starts[row + 1]] for row in range(3)]
    assert [base64.b64decode(each) for each in cut] == [b"first", b"", b"third!"]


@pytest.mark.skipif(os.name != "posix", reason="names of POSIX file systems")
def test_odd_names_cannot_break_out_of_the_page_and_have_addresses():
    name = "<script><b>&'\"\n\u2028#%?é.jpg"
    broken = os.fsdecode(b"\xff bytes.jpg")
    page = map_page(a_page([f"/odd <folder/script>/{name}", f"/\udcfe/{broken}"], title="<i>x</i>"))
    assert "<b>" not in page
    assert "<i>" not in page
    facts = facts_in(page)
    assert facts["names"] == [name, "\ufffd bytes.jpg"]
    assert facts["folders"][0]["url"] == "file:///odd%20%3Cfolder/script%3E/"
    assert facts["folders"][1]["url"] == "file:///%FE/"
    assert facts["odd_names"] == {"1": "%FF%20bytes.jpg"}


def test_nothing_is_asked_for_from_elsewhere():
    page = map_page(a_page(["/p/a"]))
    assert not re.search(r"https?://", page)
    assert not re.search(r"<(?:script|link|img)[^>]* (?:src|href)=\"(?!data:)", page)
    assert "import " not in re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)[1]


@pytest.mark.parametrize("module", MODULES)
def test_modules_import_only_earlier_ones(module):
    imported = re.findall(r'from "\./(\w+)\.js"', page_file(f"{module}.js"))
    assert all(MODULES.index(name) < MODULES.index(module) for name in imported)


def test_one_picture_and_equal_places():
    facts = map_facts(a_page(["/p/a"], outliers=np.zeros(0, np.int64)))
    assert (facts["width"], facts["height"]) == (0, 0)
    same = map_facts(a_page(["/a", "/b"], points=np.ones((2, 2), np.float32)))
    assert unpacked(same["x"]).tolist() == [0, 0]


def test_a_name_goes_where_its_pictures_are():
    column = categories_of("kind", ["a", "a", "a", "b", None])
    points = np.array([[0, 0], [1, 0], [9, 9], [5, 5], [7, 7]], dtype=np.float32)
    assert places_of(column, points).tolist() == [[1, 0], [5, 5]]
