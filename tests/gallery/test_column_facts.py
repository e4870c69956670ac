"""What columns hold: kinds, values, ends, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import GalleryUnreadable
from lookalike.gallery import Gallery, NewImage
from lookalike.gallery.column_facts import MOST_VALUES, column_facts
from lookalike.vectors import EmbeddingSpace

METADATA = [
    {"label": "cat", "price": 3, "sold": True, "odd": 1, "no": "1"},
    {"label": "cat", "price": 2.5, "sold": False, "odd": "one", "no": "2"},
    {"label": "dog", "price": 10, "odd": [1], "no": "3"},
    {"label": None, "select": "x", "empty": None},
    {},
]


def gallery_of(folder, metadata):
    made = Gallery.create(folder, EmbeddingSpace("f", 2))
    with made.writer() as writer:
        source = writer.add_source("folder", str(folder.parent))
        images = [
            NewImage(
                source.source_id, f"{number}.png", str(number), 100 + number, 0, 10 * number, 5,
                "PNG", camera="Leica" if number else None, metadata=row, embedding_row=number,
                taken=f"2024-01-0{number % 9 + 1}T00:00:00",
            )
            for number, row in enumerate(metadata)
        ]  # fmt: skip
        writer.commit(images=images, embeddings=np.tile([1.0, 0.0], (len(images), 1)))
    return made


@pytest.fixture
def columns(tmp_path):
    with gallery_of(tmp_path / "g", METADATA) as made:
        yield {facts.name: facts.to_dict() for facts in column_facts(made)}, made


def test_every_column_is_there_as_a_filter_writes_it(columns):
    told, made = columns
    assert tuple(told) == made.columns()
    assert told["empty"] == {"name": "empty", "kind": "mixed", "is_metadata": True, "images": 0}


def test_numbers_that_are_infinite_to_sqlite_are_left_out(tmp_path):
    """A filter cannot compare with them, and JSON cannot say them."""
    rows = [{"n": 1, "m": 10**400}, {"n": 5}, {"n": 10**400}, {"n": -(10**400)}, {"n": -(2**63)}]
    with gallery_of(tmp_path / "g", rows) as made:
        told = {facts.name: facts.to_dict() for facts in column_facts(made)}
    assert (told["n"]["min"], told["n"]["max"]) == (-(2**63), 5)
    assert sorted(told["n"]["values"]) == [-(2**63), 1, 5]
    assert told["m"] == {
        "name": "m", "kind": "number", "is_metadata": True, "images": 1, "values": [],
    }  # fmt: skip


def test_numbers_have_ends(columns):
    told, _ = columns
    assert (told["width"]["min"], told["width"]["max"]) == (0, 40)
    assert told["price"] == {
        "name": "price",
        "kind": "number",
        "is_metadata": True,
        "images": 3,
        "values": [2.5, 3, 10],
        "min": 2.5,
        "max": 10,
    }


def test_moments_have_ends(columns):
    told, _ = columns
    assert told["taken"]["kind"] == "moment"
    assert (told["taken"]["min"], told["taken"]["max"]) == (
        "2024-01-01T00:00:00",
        "2024-01-05T00:00:00",
    )


def test_few_values_are_listed_the_most_frequent_first(columns):
    told, _ = columns
    assert told["label"]["values"] == ["cat", "dog"]
    assert told["label"]["images"] == 3
    assert told["camera"]["values"] == ["Leica"]
    assert told["camera"]["images"] == 4


def test_true_and_false_are_told(columns):
    told, _ = columns
    assert told["sold"]["kind"] == "boolean"
    assert sorted(told["sold"]["values"]) == [False, True]
    assert all(isinstance(value, bool) for value in told["sold"]["values"])


def test_what_has_values_of_several_kinds_is_mixed(columns):
    told, _ = columns
    assert told["odd"] == {"name": "odd", "kind": "mixed", "is_metadata": True, "images": 3}


def test_of_many_values_some_are_shown(tmp_path):
    rows = [{"code": f"c{number:03}"} for number in range(MOST_VALUES + 1)]
    with gallery_of(tmp_path / "g", rows) as made:
        told = {facts.name: facts.to_dict() for facts in column_facts(made)}["code"]
    assert "values" not in told
    assert told["examples"] == ["c000", "c001", "c002", "c003", "c004"]
    assert told["images"] == MOST_VALUES + 1


def test_half_a_character_does_no_harm(tmp_path):
    with gallery_of(tmp_path / "g", [{"a\ud800": "b\ud800", "c": "d"}]) as made:
        told = {facts.name: facts.to_dict() for facts in column_facts(made)}
    assert told["c"]["values"] == ["d"]


def test_an_empty_gallery_has_the_catalogs_columns(tmp_path):
    with Gallery.create(tmp_path / "g", EmbeddingSpace("f", 2)) as made:
        told = column_facts(made)
        assert [facts.name for facts in told] == list(made.columns())
    assert all(facts.images == 0 and facts.lowest is None for facts in told)


def test_it_ends_when_nobody_wants_to_know_any_more(tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.gallery.column_facts.STEPS", 1)
    with gallery_of(tmp_path / "g", METADATA) as made:
        with pytest.raises(GalleryUnreadable, match="interrupted"):
            column_facts(made, is_unwanted=lambda: True)
        assert column_facts(made)
