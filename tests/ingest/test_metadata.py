"""Columns that somebody wrote beside the pictures."""

from __future__ import annotations

import datetime

import pytest

from lookalike.errors import UsageError
from lookalike.ingest import MetadataTable, load_metadata


@pytest.fixture
def table(tmp_path):
    """Write a file and load it."""

    def load(name, text):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_metadata(file)

    return load


def test_csv_numbers_stay_numbers_and_names_stay_text(table):
    rows = table("m.csv", "path,price,weight,code,size,odd\na.png,12,0.5,007,1e3,nan\n")
    assert rows.row("a.png") == {
        "price": 12, "weight": 0.5, "code": "007", "size": "1e3", "odd": "nan",
    }  # fmt: skip


def test_csv_with_a_byte_order_mark_quotes_and_line_breaks(table):
    rows = table("m.csv", '\ufefffile_name,title\r\n"a, b.png","two\nlines"\r\n')
    assert rows.row("a, b.png") == {"title": "two\nlines"}


def test_tsv(table):
    assert table("m.tsv", "Path\tTag\na.png\tred, green\n").row("a.png") == {"Tag": "red, green"}


def test_json_lines(table):
    first = '{"image": "a.png", "tags": ["x", 1], "n": NaN}'
    rows = table("m.jsonl", f'{first}\n\n{{"image": "b.png"}}\n')
    assert rows.row("a.png") == {"tags": ["x", 1], "n": None}
    assert rows.row("b.png") == {}


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    from pyarrow import table

    day = datetime.date(2024, 5, 1)
    columns = {"path": ["a.png"], "price": [2.5], "day": [day], "days": [[day]], "code": ["007"]}
    parquet.write_table(table(columns), tmp_path / "m.parquet")
    assert load_metadata(tmp_path / "m.parquet").row("a.png") == {
        "price": 2.5, "day": "2024-05-01", "days": ["2024-05-01"], "code": "007",
    }  # fmt: skip


def test_a_row_is_found_by_the_name_that_it_has(table):
    rows = table("m.csv", "path,n\na.png,1\ntrip/a.png,2\n./b.png,3\ntrip\\c.png,4\n")
    assert rows.row("trip/a.png") == {"n": 2}
    assert rows.row("a.png") == {"n": 1}
    assert rows.row("b.png") == {"n": 3}
    assert rows.row("trip/c.png") == {"n": 4}
    assert rows.named("nowhere.png") is None


def test_a_row_without_columns_is_still_the_pictures_own():
    rows = MetadataTable({"trip/a.png": {}, "a.png": {"n": 1}})
    assert rows.row("trip/a.png") == {}


def test_a_name_that_looks_like_a_number(table):
    assert table("m.csv", "name,n\n12,1\n").row("12") == {"n": 1}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "title,n\nx,1\n", r"no column that names the pictures.*title, n"),
        ("m.csv", b"path,n\na\xff.png,1\n", "cannot be read"),
        ("m.xlsx", "", r"unknown kind: use one of \.csv"),
        ("m.jsonl", '{"path": "a.png"}\n[1]\n', "line 2 is not an object"),
        ("m.jsonl", '{"path": \n', "cannot be read"),
        ("m.parquet", "PAR1 no", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(table, name, text, says):
    with pytest.raises(UsageError, match=says) as caught:
        table(name, text)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(UsageError, match="no metadata file at"):
        load_metadata(tmp_path / "m.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        load_metadata(tmp_path / "folder.csv")


def test_metadata_survives_change_and_rename(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    both = MetadataTable({"a.png": {"n": 1}, "b.png": {"n": 2}})
    assert update(metadata=both) == {"added": 2, "described": 2}
    photos.add("a.png", 3)
    photos.rename("b.png", "c.png")
    assert update() == {"changed": 1, "renamed": 1}
    assert [image.metadata for image in gallery.images()] == [{"n": 1}, {"n": 2}]


def test_indexing_again_describes_every_picture_whatever_became_of_it(photos, gallery, update):
    names = ["changed.png", "old.png", "same.png", "touched.png"]
    for number, name in enumerate(names, start=1):
        photos.add(name, number)
    update()
    photos.add("changed.png", 9)
    photos.touch("touched.png")
    photos.rename("old.png", "new.png")
    photos.add("undescribed.png", 7)
    described = ["changed.png", "new.png", "same.png", "touched.png"]
    rows = MetadataTable({name: {"name": name} for name in described})
    assert update(metadata=rows) == {
        "changed": 1, "renamed": 1, "unchanged": 2, "added": 1, "described": 4,
    }  # fmt: skip
    for image in gallery.images():
        expected = {"name": image.path} if image.path in described else {}
        assert image.metadata == expected


def test_a_picture_that_is_not_in_the_new_file_keeps_what_it_has(photos, gallery, update):
    photos.add("a.png", 1)
    update(metadata=MetadataTable({"a.png": {"n": 1}}))
    update(metadata=MetadataTable({"b.png": {"n": 2}}))
    assert gallery.image(1).metadata == {"n": 1}


def test_the_same_file_again_changes_nothing(photos, gallery, update):
    photos.add("a.png", 1)
    rows = MetadataTable({"a.png": {"n": 1}})
    update(metadata=rows)
    generation = gallery.generation
    assert update(metadata=rows) == {"unchanged": 1, "described": 1}
    assert gallery.generation == generation
