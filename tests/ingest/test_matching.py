"""Which row describes which picture: never one that might be meant for another."""

from __future__ import annotations

import os
import unicodedata

import pytest

from lookalike.images import Source
from lookalike.ingest import MetadataTable, load_metadata, update_paths
from lookalike.ingest.matching import match

A, B = {"n": "a"}, {"n": "b"}
DECOMPOSED = unicodedata.normalize("NFD", "é.png")

CASES = {
    "by path": ({"trip/a.png": A}, ["trip/a.png", "b.png"], {"trip/a.png": A}),
    "by file name": ({"a.png": A}, ["trip/a.png", "b.png"], {"trip/a.png": A}),
    "the path wins": (
        {"a.png": A, "trip/a.png": B}, ["home/a.png", "trip/a.png"],
        {"home/a.png": A, "trip/a.png": B},
    ),
    "by absolute path": ({"/photos/trip/a.png": A}, ["trip/a.png", "a.png"], {"trip/a.png": A}),
    "an absolute path elsewhere": ({"/other/a.png": A}, ["a.png"], {}),
    "a path in another folder": ({"other/a.png": A}, ["trip/a.png", "a.png"], {}),
    "a file name that two have": ({"a.png": A}, ["home/a.png", "trip/a.png"], {}),
    "a file at the root, and one below": ({"a.png": A}, ["a.png", "trip/a.png"], {"a.png": A}),
    "an accent as a letter of its own": ({"é.png": A}, [DECOMPOSED], {DECOMPOSED: A}),
    "other letters": ({"A.PNG": A}, ["a.png"], {}),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "paths", "expected"), CASES.values(), ids=CASES.keys())
@pytest.mark.skipif(os.name == "nt", reason="the table's paths are POSIX")
def test_each_picture_has_its_row(rows, paths, expected):
    found = match(MetadataTable(rows), Source("folder", "/photos"), paths)
    assert found.rows == expected


def test_a_row_for_several_pictures_is_told_with_them():
    table = MetadataTable({"a.png": A, "b.png": B})
    found = match(table, Source("folder", "/photos"), ["x/a.png", "y/a.png", "y/b.png"])
    assert found.ambiguous == {"a.png": ("x/a.png", "y/a.png")}
    assert found.named == {"b.png"}


def test_pictures_out_of_view_count_for_a_bare_name():
    asked = []

    def others(names):
        asked.append(names)
        return ["y/a.png"]

    table = MetadataTable({"a.png": A, "x/b.png": B})
    source = Source("folder", "/photos")
    found = match(table, source, ["x/a.png", "x/b.png"], others_called=others)
    assert found.rows == {"x/b.png": B}
    assert asked == [{"a.png"}]
    match(table, source, ["x/b.png"], others_called=others)
    assert len(asked) == 1  # where every row gives a path, nobody looks


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights on Windows")
def test_an_absolute_path_may_go_by_a_link(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    table = MetadataTable({str(tmp_path / "photos" / "a.png"): A})
    assert match(table, Source("folder", str(tmp_path / "link")), ["a.png"]).rows == {"a.png": A}


def described(gallery):
    return {image.path: image.metadata for image in gallery.images() if image.metadata}


def test_an_update_describes_none_of_two_pictures_of_a_name(photos, gallery, update):
    photos.add("home/a.png", 1)
    photos.add("trip/a.png", 2)
    photos.add("trip/b.png", 3)
    rows = MetadataTable({"a.png": A, str(photos.folder / "trip" / "b.png"): B})
    assert update(metadata=rows) == {"added": 3, "described": 1}
    assert update(metadata=rows) == {"unchanged": 3, "described": 1}
    assert described(gallery) == {"trip/b.png": B}


def test_an_update_of_one_path_sees_its_namesakes(photos, gallery, update, encoder):
    photos.add("home/a.png", 1)
    update()
    photos.add("trip/a.png", 2)
    table = MetadataTable({"a.png": A})
    report = update_paths(gallery, encoder, photos.folder, ["trip/a.png"], metadata=table)
    assert sorted(report.ambiguous["a.png"]) == ["home/a.png", "trip/a.png"]
    assert described(gallery) == {}
    photos.delete("home/a.png")
    update_paths(gallery, encoder, photos.folder, ["home/a.png", "trip/a.png"], metadata=table)
    assert described(gallery) == {"trip/a.png": A}


def test_a_name_that_comes_twice_is_remembered(tmp_path):
    (tmp_path / "m.csv").write_text("path,n\na.png,1\nb.png,2\n./a.png,3\n")
    table = load_metadata(tmp_path / "m.csv")
    assert table.row("a.png") == {"n": 3}
    assert table.repeated == ("a.png",)
