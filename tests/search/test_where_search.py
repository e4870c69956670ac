"""Searching among the images that a filter lets through."""

from __future__ import annotations

import json

import numpy as np
import pytest

from directions import add, directions, make, publish
from lookalike.errors import UsageError
from lookalike.gallery import parse_where
from lookalike.index import IndexConfig
from lookalike.search import Searcher

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


def ids(results):
    return [hit.image_id for hit in results]


def test_only_what_the_filter_lets_through_is_found(searcher):
    red = np.array([1, 0, 0], dtype=np.float32)
    assert ids(searcher.search(red, where="colour IN ('grey', 'blue')")) == [GREY, BLUE]
    assert ids(searcher.search(red, 1, where=parse_where("colour = 'orange'"))) == [ORANGE]
    assert ids(searcher.search(red, where="width > 5000")) == []
    assert str(searcher.explain(red, where="colour = 'grey'")) == "exact over 1 allowed of 4 rows"


def test_of_copies_that_share_an_embedding_only_the_one_that_matches_is_found(searcher):
    found = searcher.search(RED, where="colour = 'red copy'")
    assert ids(found) == [COPY]
    found = searcher.search(RED, 2, where="colour != 'red'", exclude_self=True)
    assert ids(found) == [COPY, ORANGE]


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_every_index_heeds_the_filter(gallery, encoder, kind):
    searcher = Searcher(gallery, encoder, index=IndexConfig(kind))
    assert ids(searcher.search(RED, where="colour != 'red'")) == [COPY, ORANGE, GREY, BLUE]


def test_a_filter_with_an_unknown_column_is_refused(searcher):
    with pytest.raises(UsageError, match="color"):
        searcher.search(RED, where="color = 'red'")


def test_a_filter_is_read_before_any_picture_is_decoded(searcher):
    with pytest.raises(UsageError):
        searcher.search("/no/such/picture.jpg", where="colour = ")


def test_an_unknown_column_is_told_before_any_picture_is_decoded(searcher):
    with pytest.raises(UsageError, match="color"):
        searcher.search("/no/such/picture.jpg", where="color = 'red'")


@pytest.mark.parametrize(
    ("where", "count"),
    [("number < 7", 7), ("kind = 'odd'", 350), ("kind = 'odd' AND number < 300", 150)],
)
@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_with_an_index_k_are_found_and_the_right_ones(tmp_path, monkeypatch, kind, where, count):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        publish(gallery, IndexConfig(kind, nlist=16, hnsw_m=8))
        queries = list(directions(20, seed=9))
        found = Searcher(gallery).search_many(queries, 10, where=where)
        exact = Searcher(gallery, index=IndexConfig()).search_many(queries, 10, where=where)
    assert [len(results) for results in found] == [min(10, count)] * 20
    assert [ids(results) for results in found] == [ids(results) for results in exact]
    assert found[0].plan.allowed == count


def test_the_plan_can_be_written_as_json(searcher):
    plan = searcher.explain(RED, where="colour = 'grey'")
    told = json.loads(json.dumps(plan.to_dict()))
    assert told["summary"] == "exact over 1 allowed of 4 rows"
    assert (told["allowed"], told["rows"]) == (1, 4)
