"""Queries of every kind, and the hits they get, worked out by hand."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import load_encoder
from lookalike.errors import (
    ImageNotInGallery,
    ImageUnreadable,
    SpaceMismatch,
    UsageError,
)
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig
from lookalike.ingest import add_images
from lookalike.search import Searcher

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


def ids(results):
    return [hit.image_id for hit in results]


def test_hits_are_joined_with_what_the_gallery_knows(searcher, photos):
    results = searcher.search(str(photos / "red.png"))
    assert ids(results) == [COPY, RED, ORANGE, GREY, BLUE]
    assert [hit.rank for hit in results] == [1, 2, 3, 4, 5]
    scores = [hit.score for hit in results]
    np.testing.assert_allclose(scores, [1, 1, 0.7071, 0.5774, 0], atol=1e-3)
    third = results[2]
    assert third.path == str(photos / "orange.png")
    assert third.metadata == {"colour": "orange"}
    assert (third.record.path, third.record.width, third.record.format) == ("orange.png", 12, "PNG")


@pytest.mark.parametrize("name", ["red.png", "grey.png"])
def test_every_way_to_give_a_picture_has_one_answer(searcher, gallery, photos, name):
    file = photos / name
    data = file.read_bytes()
    with Image.open(BytesIO(data)) as picture:
        pixels = np.asarray(picture)
        ways = [file, str(file), data, picture, pixels, np.dstack([pixels, pixels[..., :1] | 255])]
        answers = searcher.search_many(ways)
    assert all(answer == answers[0] for answer in answers)
    stored = gallery.image_at_path(str(file)).image_id
    for query in (stored, np.int64(stored), gallery.embedding(stored)):
        answer = searcher.search(query)
        assert ids(answer) == ids(answers[0])
        np.testing.assert_allclose(
            [hit.score for hit in answer], [hit.score for hit in answers[0]], atol=1e-3
        )


def test_many_queries_are_answered_as_each_alone(searcher, gallery, photos, square):
    queries = [
        str(photos / "red.png"),
        BLUE,
        square((9, 80, 30)),
        np.array([0.0, 3.0, 4.0], dtype=np.float32),
    ]
    for given in ({}, {"k": 2}, {"exclude_self": True, "k": 3}, {"min_score": 0.6}):
        together = searcher.search_many(queries, **given)
        assert together == [searcher.search(query, **given) for query in queries]
    assert searcher.search_many([]) == []


def test_labels_say_what_was_asked(searcher, photos, square):
    queries = [photos / "red.png", RED, square((1, 2, 3)), np.ones(3)]
    labels = [results.query for results in searcher.search_many(queries)]
    assert labels == [str(photos / "red.png"), "image 5", "a picture", "an embedding"]


def test_the_query_itself_is_left_out_by_its_path(searcher, photos, monkeypatch):
    # the copy is another picture, and stays
    expected = [COPY, ORANGE, GREY, BLUE]
    assert ids(searcher.search(photos / "red.png", exclude_self=True)) == expected
    monkeypatch.chdir(photos)
    assert ids(searcher.search("red.png", exclude_self=True)) == expected


def test_the_query_itself_is_left_out_by_its_image_id(searcher):
    assert ids(searcher.search(RED, exclude_self=True)) == [COPY, ORANGE, GREY, BLUE]


def test_bytes_are_left_out_wherever_they_are(searcher, photos, tmp_path):
    data = (photos / "red.png").read_bytes()
    assert ids(searcher.search(data, exclude_self=True)) == [ORANGE, GREY, BLUE]
    (tmp_path / "elsewhere.png").write_bytes(data)
    elsewhere = searcher.search(tmp_path / "elsewhere.png", exclude_self=True)
    assert ids(elsewhere) == [ORANGE, GREY, BLUE]


def test_a_strange_picture_leaves_nothing_out(searcher, square):
    assert len(searcher.search(square((1, 2, 3)), exclude_self=True)) == 5


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_there_are_k_hits_whenever_there_are_k(gallery, encoder, photos, kind):
    searcher = Searcher(gallery, encoder, index=IndexConfig(kind))
    red = photos / "red.png"
    for k in range(1, 8):
        assert len(searcher.search(red, k)) == min(k, 5)
        assert len(searcher.search(red, k, exclude_self=True)) == min(k, 4)
        assert len(searcher.search(red.read_bytes(), k, exclude_self=True)) == min(k, 3)
        everything = ids(searcher.search(red, 5))
        assert ids(searcher.search(red, k)) == everything[:k]


def test_a_lowest_score(searcher, photos):
    red = photos / "red.png"
    assert ids(searcher.search(red, min_score=0.6)) == [COPY, RED, ORANGE]
    assert ids(searcher.search(red, 1, min_score=0.6)) == [COPY]
    assert ids(searcher.search(red, min_score=0.9999)) == [COPY, RED]
    assert len(searcher.search(red, min_score=-1.0)) == 5


def test_ties_are_ordered_by_image_id_whatever_their_rows(gallery, encoder, photos, square):
    # three shades of green have one direction; the first is embedded last
    for number in (1, 2, 3):
        (photos / f"z{number}.png").write_bytes(square((0, 60 + number, 0)))
    add_images(gallery, photos, encoder)
    (photos / "z1.png").write_bytes(square((0, 100, 0)))
    add_images(gallery, photos, encoder)
    green = square((0, 255, 0))
    for kind in ("exact", "flat"):
        searcher = Searcher(gallery, encoder, index=IndexConfig(kind))
        for k in (1, 2, 3):
            assert ids(searcher.search(green, k)) == [6, 7, 8][:k]


def test_flat_answers_as_exact(gallery, encoder, photos, square):
    chance = np.random.default_rng(3)
    for number in range(200):
        colour = tuple(chance.integers(1, 256, 3).tolist())
        (photos / f"more {number}.png").write_bytes(square(colour))
    add_images(gallery, photos, encoder)
    exact, flat = (
        Searcher(gallery, encoder, index=IndexConfig(kind)) for kind in ("exact", "flat")
    )
    queries = [chance.standard_normal(3).astype(np.float32) for _ in range(20)]
    for k in (1, 10, 1000):
        assert flat.search_many(queries, k) == exact.search_many(queries, k)


def test_scores_are_cosines_of_the_stored_embeddings(searcher, gallery):
    query = np.array([1.0, 2.0, 2.0], dtype=np.float32)
    for hit in searcher.search(query):
        # (1, 2, 2) has length 3; half precision keeps unit length only roughly
        row = gallery.embedding(hit.image_id)
        by_hand = float(query @ row) / 3 / float(np.linalg.norm(row))
        assert hit.score == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize(
    ("query", "k", "error", "says"),
    [
        (99, 10, ImageNotInGallery, "no image 99"),
        (True, 10, UsageError, "no queries"),
        (np.ones(4, np.float32), 10, UsageError, r"shape \(n, 3\)"),
        (np.array([np.nan, 0, 0]), 10, UsageError, "not finite"),
        ("no such file.png", 10, ImageUnreadable, "not there"),
        (b"no picture", 10, ImageUnreadable, "unknown kind of file"),
        (1, 0, UsageError, "k is 0"),
        (1, -3, UsageError, "k is -3"),
    ],
)
def test_what_cannot_be_asked_is_told(searcher, query, k, error, says):
    with pytest.raises(error, match=says) as caught:
        searcher.search(query, k)
    assert "\n" not in str(caught.value)


def test_an_encoder_of_another_space_is_refused(gallery, encoder_name):
    other = load_encoder(f"{encoder_name}?size=9&resize=9&mean=0&std=1&output=embedding")
    with pytest.raises(SpaceMismatch, match=f"{gallery.path}.* make a new gallery"):
        Searcher(gallery, other)


def test_a_gallery_finds_its_encoder_itself(gallery, photos):
    searcher = Searcher.open(gallery.path)
    assert ids(searcher.search(RED, 1)) == [COPY]
    assert searcher._encoder is None  # an image_id needs none
    assert ids(searcher.search(photos / "blue.png", 1)) == [BLUE]
    searcher.gallery.close()


def test_an_empty_gallery_has_no_hits(tmp_path, encoder, photos):
    with Gallery.create(tmp_path / "empty", encoder.space) as empty:
        for kind in ("exact", "flat"):
            searcher = Searcher(empty, encoder, index=IndexConfig(kind))
            assert len(searcher.search(photos / "red.png", exclude_self=True)) == 0


def test_a_changed_file_is_searched_as_it_is_now(searcher, photos, square):
    (photos / "red.png").write_bytes(square((0, 0, 200)))
    results = searcher.search(photos / "red.png", 1, exclude_self=True)
    assert ids(results) == [BLUE]


def test_results_read_like_a_list(searcher, photos):
    results = searcher.search(RED, 3)
    assert len(results) == 3
    assert ids(results[1:]) == [RED, ORANGE]
    assert results[1:].query == results.query
    assert results[-1].image_id == ORANGE
    assert hash(results) == hash(searcher.search(RED, 3))
    assert repr(results).splitlines() == [
        "Results for image 5",
        "rank   score  path",
        f"   1   1.000  {photos / 'red copy.png'}",
        f"   2   1.000  {photos / 'red.png'}",
        f"   3   0.707  {photos / 'orange.png'}",
    ]
    assert repr(searcher.search(RED, where="width > 99")) == "No results for image 5"


def test_results_become_json(searcher, photos):
    import json

    told = json.loads(json.dumps(searcher.search(RED, 3).to_dict()))
    assert told["query"] == "image 5"
    third = told["hits"][2]
    assert third.pop("score") == pytest.approx(0.7071, abs=1e-3)
    assert third == {
        "rank": 3,
        "image_id": ORANGE,
        "path": str(photos / "orange.png"),
        "width": 12,
        "height": 12,
        "format": "PNG",
        "size_bytes": (photos / "orange.png").stat().st_size,
        "metadata": {"colour": "orange"},
    }


def test_a_query_may_be_a_path_object_with_odd_bytes(searcher, photos, square):
    import os

    odd = os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png")
    Path(odd).write_bytes(square((0, 0, 200)))
    assert ids(searcher.search(Path(odd), 1)) == [BLUE]
