"""What points are coloured by: folders, metadata, the catalog's columns."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.maps.columns import (
    NO_VALUE,
    Categories,
    Quantities,
    categories_of,
    column_of,
    folder_labels,
    labels_of,
    offered_columns,
)
from lookalike.gallery import ImageRecord


def record(number: int, path: str, **values) -> ImageRecord:
    settings = {
        "content_hash": "", "size_bytes": 1, "mtime_ns": 1, "width": 2, "height": 2,
        "format": "PNG", "indexed_at": "2026-01-01T00:00:00Z", "taken": None, "camera": None,
        "latitude": None, "longitude": None, "metadata": {},
    }  # fmt: skip
    return ImageRecord(image_id=number, source_id=1, path=path, **{**settings, **values})


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["cat/1.jpg", "dog/2.jpg"], ["cat", "dog"]),
        (["train/cat/images/1.jpg", "train/dog/images/2.jpg"], ["cat", "dog"]),
        (["a/x/1.jpg", "a/y/z/2.jpg"], ["x", "y/z"]),
        (["cat/1.jpg", "2.jpg"], ["cat", None]),
        (["all/here/1.jpg", "all/here/2.jpg"], ["here", "here"]),
        (["1.jpg", "2.jpg"], [None, None]),
        (["c/1.jpg", "c/c/2.jpg"], [None, "c"]),
    ],
)
def test_folders_as_labels(paths, labels):
    assert folder_labels(paths) == labels


def test_values_are_numbered_by_frequency_and_name():
    found = categories_of("kind", ["b", None, "c", "a", "c", "b"])
    assert found.values == ("b", "c", "a")
    assert found.codes.tolist() == [0, NO_VALUE, 1, 2, 1, 0]
    assert found.counts.tolist() == [2, 2, 1]


def test_folders_are_labels_only_where_they_hold_several_pictures():
    several = [record(row, f"{'ab'[row % 2]}/{row}.jpg") for row in range(6)]
    single = [record(row, f"{row}/x.jpg") for row in range(6)]
    assert labels_of(several, None).values == ("a", "b")
    assert labels_of(single, None) is None
    assert labels_of([record(1, "a/1.jpg"), record(2, "a/2.jpg")], None) is None
    assert len(labels_of(single, "folder").values) == 6


def test_labels_may_be_numbers():
    records = [record(row, f"{row}.jpg", metadata={"class": row % 2}) for row in range(4)]
    assert labels_of(records, "class").values == ("0", "1")


def test_numbers_that_stand_for_classes_stay_apart():
    records = [record(row, f"{row}.jpg", metadata={"id": 1_000_001 + row % 4}) for row in range(8)]
    assert labels_of(records, "id").values == ("1000001", "1000002", "1000003", "1000004")


def test_dates_as_labels_stay_apart():
    records = [record(row, f"{row}.jpg", taken=f"2026-01-0{1 + row % 2}") for row in range(4)]
    assert labels_of(records, "taken").values == ("2026-01-01", "2026-01-02")


def test_labels_are_written_as_evaluations_write_them():
    values = [1, 1.0, "1", " red", "red", "RED", True, "nan", "  "]
    records = [
        record(row, f"{row}.jpg", metadata={"kind": value}) for row, value in enumerate(values)
    ]
    labels = labels_of(records, "kind")
    assert labels.values == ("1", "red", "RED", "true")
    assert labels.codes.tolist() == [0, 0, 0, 1, 1, 2, 3, NO_VALUE, NO_VALUE]


def test_folders_of_two_sources_are_labels():
    flat = [record(row, f"{row}.jpg") for row in range(6)]
    paths = [f"/home/{'cats' if row % 2 else 'dogs'}/{row}.jpg" for row in range(6)]
    assert labels_of(flat, None) is None
    assert labels_of(flat, None, paths=paths).values == ("cats", "dogs")


def test_folders_of_one_name_in_two_sources_are_two():
    records = [record(row, f"new/{row}.jpg") for row in range(4)]
    paths = [f"/home/{'ab'[row % 2]}/new/{row}.jpg" for row in range(4)]
    assert column_of(records, "folder", paths=paths).values == ("a", "b")


@pytest.mark.parametrize("key", ["taken", "indexed_at"])
def test_metadata_that_is_called_like_a_date_is_what_it_holds(key):
    records = [record(row, f"{row}.jpg", metadata={key: 2010 + row}) for row in range(3)]
    (years,) = offered_columns(records, None)
    assert (years.name, years.is_moment) == (f"metadata.{key}", False)
    assert years.numbers.tolist() == [2010, 2011, 2012]


def test_metadata_and_the_catalog_have_columns_of_two_names():
    records = [
        record(
            row, f"{row}.jpg", format=("PNG", "GIF")[row % 2], metadata={"format": "xy"[row % 2]}
        )
        for row in range(4)
    ]
    names = [column.name for column in offered_columns(records, None)]
    assert names == ["metadata.format", "format"]
    assert column_of(records, "metadata.format").values == ("x", "y")
    assert column_of(records, "FORMAT").name == "format"


def test_integers_too_great_for_a_scale_are_texts():
    records = [record(row, f"{row}.jpg", metadata={"n": 10**400 + row}) for row in range(2)]
    assert column_of(records, "n").values == (str(10**400), str(10**400 + 1))


def test_metadata_of_numbers_words_and_dates():
    records = [
        record(1, "1.jpg", metadata={"age": 4, "who": "Ada", "tags": ["x"], "good": True}),
        record(2, "2.jpg", metadata={"age": 2.5, "who": ""}, taken="1970-01-02T00:00:00"),
        record(3, "3.jpg"),
    ]
    age = column_of(records, "age")
    assert isinstance(age, Quantities)
    assert np.array_equal(age.numbers, [4, 2.5, np.nan], equal_nan=True)
    assert column_of(records, "metadata.who").values == ("Ada",)
    assert column_of(records, "tags").values == ('["x"]',)
    assert column_of(records, "good").values == ("true",)
    taken = column_of(records, "taken")
    assert taken.is_moment
    assert np.array_equal(taken.numbers, [np.nan, 86400, np.nan], equal_nan=True)


def test_columns_that_tell_nothing_apart_are_not_offered():
    records = [
        record(row, f"{row}.jpg", width=row, metadata={"id": f"x{row}", "kind": "ab"[row % 2]})
        for row in range(8)
    ]
    assert [column.name for column in offered_columns(records, None)] == ["kind", "width"]


def test_columns_asked_for_are_read_in_their_order():
    records = [record(row, f"{row}.jpg", metadata={"kind": "a"}) for row in range(3)]
    names = [column.name for column in offered_columns(records, ("height", "kind"))]
    assert names == ["height", "kind"]


def test_metadata_that_is_called_like_what_a_map_has_is_told_apart():
    records = [record(row, f"{row}.jpg", metadata={"cluster": "a"}) for row in range(2)]
    assert column_of(records, "cluster").name == "metadata.cluster"


def test_a_misspelled_column_gets_a_hint():
    records = [record(1, "1.jpg", metadata={"species": "owl"})]
    with pytest.raises(UsageError, match="did you mean species"):
        column_of(records, "spezies")


def test_too_many_values_are_refused():
    records = [record(row, f"{row}.jpg") for row in range(1001)]
    with pytest.raises(UsageError, match="1,001 different values"):
        offered_columns(records, ("name",))


def test_a_column_without_values_is_no_label():
    records = [record(1, "1.jpg", metadata={"kind": ""})]
    with pytest.raises(UsageError, match="No image has a value in the column 'kind'"):
        labels_of(records, "kind")


def test_categories_are_data():
    assert Categories("x", ("a",), np.array([0], dtype=np.int32)).counts.tolist() == [1]
