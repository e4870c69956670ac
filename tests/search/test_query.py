"""The query as a value: what it refuses, what it calls itself, and how it travels as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from lookalike import Feedback, Query, QueryPart, Region
from lookalike.errors import UsageError
from lookalike.gallery import parse_where


def part(**given):
    return QueryPart(**given)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("a.jpg", "picture"),
        (b"bytes", "picture"),
        (np.zeros((4, 4, 3), np.uint8), "picture"),
        (Image.new("RGB", (4, 4)), "picture"),
        (12, "image_id"),
        (np.int64(12), "image_id"),
        (np.ones(3), "embedding"),
        (QueryPart(text="at night"), "text"),
    ],
)
def test_a_bare_thing_is_taken_as_a_part(given, kind):
    for query in (Query(given), Query([given]), Query((given,))):
        assert [each.kind for each in query.parts] == [kind]


@pytest.mark.parametrize(
    ("parts", "label"),
    [
        ("a.jpg", "a.jpg"),
        (12, "image 12"),
        (b"bytes", "a picture"),
        (np.ones(3), "an embedding"),
        (part(text="at night"), '"at night"'),
        (part(picture="a.jpg", region="1,2,3,4"), "a.jpg [1,2,3,4]"),
        (
            ["a.jpg", part(text="at night", weight=0.7), part(picture="b.jpg", weight=-1)],
            'a.jpg + "at night" (0.7) - b.jpg',
        ),
        ([part(image_id=3, weight=-2)], "-image 3 (2)"),
    ],
)
def test_a_query_says_what_it_is(parts, label):
    assert Query(parts).label == label


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Query(), "at least one part"),
        (lambda: Query([]), "at least one part"),
        (lambda: part(), "this one has nothing"),
        (lambda: part(picture="a.jpg", text="b"), "picture and text"),
        (lambda: part(text=" "), "says nothing to search with"),
        (lambda: part(text=3), "says nothing to search with"),
        (lambda: part(image_id=True), "whole number"),
        (lambda: part(image_id="7"), "whole number"),
        (lambda: part(embedding=[]), "one row of numbers"),
        (lambda: part(embedding=[[1.0]]), "one row of numbers"),
        (lambda: part(embedding=["1", "2"]), "one row of numbers"),
        (lambda: part(embedding=[[1], [1, 2]]), "one row of numbers"),
        (lambda: part(picture="a.jpg", weight=0), "weight 0"),
        (lambda: part(picture="a.jpg", weight=float("nan")), "weight nan"),
        (lambda: part(picture="a.jpg", weight=float("inf")), "weight inf"),
        (lambda: part(picture="a.jpg", weight="2"), "weight '2'"),
        (lambda: part(picture="a.jpg", weight=10**400), "weight 1000"),
        (lambda: part(image_id=2**63), "is at most 9223372036854775807"),
        (lambda: part(text="x", region="1,2,3,4"), "only a picture has regions"),
        (lambda: part(picture="a.jpg", region="1,2,3"), "not four numbers"),
        (lambda: Query("a.jpg", combine="sum"), "'mean' or 'best', not 'sum'"),
        (lambda: Query("a.jpg", k=0), "k is 0"),
        (lambda: Query("a.jpg", k=True), "whole number of hits"),
        (lambda: Query("a.jpg", k=2.5), "whole number of hits"),
        (lambda: Query("a.jpg", min_score=1.5), "min_score 1.5 is no cosine"),
        (lambda: Query("a.jpg", min_score=float("nan")), "is no cosine"),
        (lambda: Query("a.jpg", min_score=-(10**400)), "is no cosine"),
        (lambda: Query("a.jpg", diversity=-0.1), "diversity -0.1 is no share"),
        (lambda: Query("a.jpg", diversity=0.5, k=1001), "ask for 1000 at most"),
        (lambda: Query("a.jpg", group_by=" "), "name a column"),
        (lambda: Query("a.jpg", exclude_self=1), "say true or false"),
        (lambda: Query("a.jpg", where="width >"), "filter"),
        (lambda: Query("a.jpg", where=3), "filter of a query is a text"),
        (lambda: Query("a.jpg", feedback={"kept": [1]}), "is a Feedback, not"),
        (lambda: Query("a.jpg", template="a photo of {}"), "no text to go into"),
        (lambda: Query(part(text="x"), template="a photo"), "needs one {}"),
        (lambda: Query(part(text="x"), template="{} {}"), "needs one {}"),
        (lambda: Query(part(image_id=1, weight=-1), combine="best"), "no part has a weight"),
        (lambda: Query([1, part(image_id=2, weight=2)], combine="best"), "weights change"),
        (lambda: Feedback(), "names no image"),
        (lambda: Feedback([1, 2], [2]), "Image 2 is kept and rejected"),
        (lambda: Feedback("12"), "a list of image_ids"),
        (lambda: Feedback([1], beta=-1), "beta of the feedback is -1"),
        (lambda: Feedback([1], beta=10**400), "beta of the feedback is 1000"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told_where_it_is_made(make, says):
    with pytest.raises(UsageError, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)


QUERIES = [
    Query("a.jpg"),
    Query(["a.jpg", "b.jpg"], combine="best", k=3),
    Query(
        [
            part(picture="a.jpg", weight=2, region="10%,20%,30%,40%"),
            part(picture=b"\xff\xd8 bytes"),
            part(text="at night", weight=0.7),
            part(image_id=4, weight=-1),
            part(embedding=[0.1, 0.2, 0.3]),
        ],
        template="a photo {}",
        k=7,
        where="width > 3",
        min_score=0.25,
        exclude_self=True,
        exclude_copies=True,
        diversity=0.5,
        group_by="product",
        feedback=Feedback([1, 2], [3], gamma=0.5),
    ),
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_travels_as_json(query):
    again = Query.from_dict(json.loads(json.dumps(query.to_dict())))
    assert again == query
    assert hash(again) == hash(query)


def test_only_what_was_said_is_written():
    assert Query("a.jpg").to_dict() == {"parts": [{"picture": "a.jpg"}], "k": 10}
    told = Query([part(text="x", weight=-0.5), "a.jpg"], diversity=0.3).to_dict()
    assert told == {
        "parts": [{"text": "x", "weight": -0.5}, {"picture": "a.jpg"}],
        "k": 10,
        "diversity": 0.3,
    }


@pytest.mark.parametrize("make", [np.asarray, Image.fromarray])
def test_pixels_travel_as_a_png(make):
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    again = Query.from_dict(Query(make(pixels)).to_dict())
    from lookalike.images import decode

    np.testing.assert_array_equal(decode(again.parts[0].picture).pixels, pixels)


def test_a_filter_that_was_read_cannot_be_written():
    with pytest.raises(UsageError, match="give where as text"):
        Query("a.jpg", where=parse_where("width > 3")).to_dict()


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"parts": [{"picture": "a.jpg"}], "kk": 3}, "no key 'kk': did you mean 'k'"),
        ({"parts": [{"picture": "a.jpg"}], "zzz": 3}, "no key 'zzz': it has combine,"),
        ({"parts": [{"pictur": "a.jpg"}]}, "no key 'pictur': did you mean 'picture'"),
        ({"parts": [{"picture": "a.jpg", "base64": "AAAA"}]}, "picture and base64"),
        ({"parts": [{"picture": [1, 2]}]}, "the path of a file"),
        ({"parts": [{"base64": "A*A="}]}, "cannot be read"),
        ({"parts": [{"base64": 7}]}, "cannot be read"),
        ({"parts": {"picture": "a.jpg"}}, "are a list"),
        ({"parts": ["a.jpg"]}, "is an object of"),
        ({"parts": [{"image_id": "1"}]}, "whole number"),
        ({"parts": [{"image_id": 1}], "k": "3"}, "whole number of hits"),
        ({"parts": [{"image_id": 1}], "where": 3}, "is a text, not 3"),
        ({"parts": [{"image_id": 1}], "exclude_self": "no"}, "true or false"),
        ({"parts": [{"image_id": 1}], "feedback": {"keep": [1]}}, "did you mean 'kept'"),
        ({"parts": [{"image_id": 1}], "feedback": [1]}, "is an object of"),
        ([], "is an object of"),
        ({}, "at least one part"),
    ],
)
def test_json_is_read_strictly(told, says):
    with pytest.raises(UsageError, match=says) as caught:
        Query.from_dict(told)
    assert "\n" not in str(caught.value)


def test_files_of_the_machine_can_be_forbidden():
    told = Query(["a.jpg", part(text="x")]).to_dict()
    with pytest.raises(UsageError, match=r"names the file 'a.jpg', and files are not read here"):
        Query.from_dict(told, paths=False)
    with_bytes = Query(b"bytes").to_dict()
    assert Query.from_dict(with_bytes, paths=False) == Query(b"bytes")


def test_parts_are_equal_where_all_of_them_is():
    assert part(embedding=[1, 2]) == part(embedding=np.array([1.0, 2.0]))
    assert part(embedding=[1, 2]) != part(embedding=[1, 3])
    assert part(picture="1") != part(text="1")
    assert part(picture="a.jpg") != part(picture="a.jpg", weight=2)
    assert part(picture="a.jpg", region="1,2,3,4") == part(
        picture="a.jpg", region=Region(1, 2, 3, 4)
    )
    assert part(picture=np.zeros((2, 2), np.uint8)) == part(picture=np.zeros((2, 2), np.uint8))
    assert part(picture="a.jpg") != "a.jpg"


def test_an_embedding_cannot_be_changed_behind_a_querys_back():
    row = np.array([1.0, 2.0])
    query = Query(row)
    row[0] = 9
    assert query.parts[0].embedding.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        query.parts[0].embedding[0] = 9
