"""What an index is credited with, and with which queries that is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.evaluation.datasets import ImageSet
from lookalike.evaluation.judging.makers import qrels_from_labels
from lookalike.evaluation.judging.qrels import ListedQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.matrix import EvalWish, finding, parse_index
from lookalike.evaluation.matrix import exact as exactly
from lookalike.evaluation.matrix.building import build
from lookalike.evaluation.matrix.embedded import Embedded
from lookalike.evaluation.matrix.exact import Exact
from lookalike.evaluation.matrix.measuring import measure
from lookalike.evaluation.matrix.readable import ReadableQrels
from lookalike.index import ExactIndex
from lookalike.index.flat import FlatIndex
from lookalike.vectors import unit_rows

COUNT, DIM = 400, 16


def told(what, done, total):
    return None


@pytest.fixture
def asked():
    """Four clouds of pictures, in the order of their labels; each is a query."""
    dice = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), COUNT // 4)
    rows = dice.normal(size=(4, DIM))[labels] + 0.8 * dice.normal(size=(COUNT, DIM))
    rows = unit_rows(rows.astype(np.float32)).astype(np.float16)
    names = tuple(f"{line:03d}.png" for line in range(COUNT))
    embedded = Embedded(
        rows, np.empty(0, np.int64), unit_rows(rows), names, np.arange(COUNT),
        {"name": "e", "fingerprint": "f"},
    )  # fmt: skip
    classes = [f"class {label}" for label in labels]
    image_set = ImageSet(
        "s", Path("/s"), names, names, {"labels": qrels_from_labels(names, classes)},
        tuple(classes), "s",
    )  # fmt: skip
    return image_set, embedded


def measured(image_set, embedded, name, **changes):
    exact = Exact(embedded, image_set.judgements, (1, 10), False, told)
    built = build(parse_index(name), embedded, told)
    return measure(image_set, exact, built, EvalWish(**changes), tell=told)


def test_the_curve_asks_for_as_many_more_as_may_be_junk(asked):
    image_set, embedded = asked
    dice = np.random.default_rng(1)
    drawn = dice.random((COUNT, COUNT))
    qrels = ListedQrels(
        image_set.queries, [np.flatnonzero(line < 0.4).tolist() for line in drawn],
        junk=[np.flatnonzero(line > 0.7).tolist() for line in drawn], self_ids=range(COUNT),
        is_revisited=True,
    )  # fmt: skip
    judged = replace(image_set, judgements={"easy": qrels}, labels=None)
    facts = measured(judged, embedded, "hnsw:ef_search=400").facts
    (*_, last) = facts["index"]["curve"]
    assert last["ann_recall@10"] == pytest.approx(1, abs=0.001)
    assert last["precision@10"] == pytest.approx(facts["metrics"]["precision@10"]["mean"], abs=0.01)


def test_a_sample_of_the_queries_is_of_all_classes(asked, monkeypatch):
    image_set, embedded = asked
    monkeypatch.setattr(exactly, "SAMPLED_QUERIES", 100)
    # The pictures of the first class are all alike: any index finds them, in any way.
    rows = embedded.rows.copy()
    rows[:100] = rows[0]
    alike = replace(embedded, rows=rows, queries=unit_rows(rows))
    found = measured(image_set, alike, "ivf:nlist=10,nprobe=1").facts["index"]
    assert found["curve"][0]["ann_recall@10"] < 0.9
    graph = measured(image_set, alike, "hnsw:hnsw_m=2,ef_search=1").facts["index"]
    assert graph["ann_recall_queries"] == 100


def test_exact_search_is_done_once_and_lends_the_index_that_is_measured(asked, monkeypatch):
    image_set, embedded = asked
    searched = []
    search = FlatIndex.search

    def counted(self, queries, k, **rest):
        searched.append(len(queries))
        return search(self, queries, k, **rest)

    monkeypatch.setattr(FlatIndex, "search", counted)
    monkeypatch.setattr(ExactIndex, "search", lambda *_, **__: pytest.fail("searched slowly"))
    facts = measured(image_set, embedded, "flat").facts
    # What is timed is a few queries at a time, and no more than three calls of a thousand.
    assert searched[0] == COUNT
    assert searched.count(COUNT) <= 1 + 3
    assert set(facts["index"]["ann_recall"].values()) == {1.0}
    assert facts["index"]["ann_recall_intervals"]["10"] == {"low": 1.0, "high": 1.0}


def test_a_large_set_is_searched_exactly_for_some_queries_once(asked, monkeypatch):
    image_set, embedded = asked
    monkeypatch.setattr(exactly, "SAMPLED_QUERIES", 100)
    monkeypatch.setattr(exactly, "MOST_COMPARED", COUNT * COUNT - 1)
    searched = []
    search = FlatIndex.search

    def counted(self, queries, k, **rest):
        searched.append(len(queries))
        return search(self, queries, k, **rest)

    monkeypatch.setattr(FlatIndex, "search", counted)
    exact = Exact(embedded, image_set.judgements, (1, 10), False, told)
    for name in ("ivf:nlist=10,nprobe=2", "hnsw:hnsw_m=4,ef_search=8", "ivf:nlist=5,nprobe=1"):
        built = build(parse_index(name), embedded, told)
        done = measure(image_set, exact, built, EvalWish(), tell=told)
        assert done.facts["index"]["ann_recall_queries"] == 100
        assert len(done.run) == COUNT  # what is judged is of all queries
    assert searched == [100]


def test_what_some_queries_say_is_what_they_say_among_all(asked, monkeypatch):
    image_set, embedded = asked
    name = "ivf:nlist=10,nprobe=2"
    built = build(parse_index(name), embedded, told)
    lines = np.arange(0, COUNT, 4)
    whole = finding.found_by(built, Exact(embedded, image_set.judgements, (1, 10), False, told))
    monkeypatch.setattr(exactly, "SAMPLED_QUERIES", 100)
    monkeypatch.setattr(exactly, "MOST_COMPARED", 0)
    some = finding.found_by(built, Exact(embedded, image_set.judgements, (1, 10), False, told))
    assert some.recalls.queries == tuple(embedded.names[line] for line in lines)
    for k, values in some.recalls.values.items():
        np.testing.assert_array_equal(values, whole.recalls.values[k][lines])
    np.testing.assert_array_equal(some.run.image_ids, whole.run.image_ids)


def test_one_search_of_inverted_lists_gives_every_ann_recall(asked, monkeypatch):
    image_set, embedded = asked
    exact = Exact(embedded, image_set.judgements, (1, 10), False, told)
    built = build(parse_index("ivf:nlist=10,nprobe=2"), embedded, told)
    each = {}
    for k in (1, 10, 100):
        run = finding.answered(built.index, embedded, k, params=built.params)
        each[str(k)] = finding.ann_recall(run, exact, k, np.arange(COUNT)).mean()
    depths, answered = [], finding.answered
    monkeypatch.setattr(
        finding, "answered", lambda *a, **kw: depths.append(a[2]) or answered(*a, **kw)
    )
    found = finding.found_by(built, exact)
    assert depths == [100]
    assert found.run.depth == 10
    assert {k: found.recalls.mean(k) for k in each} == pytest.approx(each)


def test_ann_recall_and_classes_have_intervals(asked):
    facts = measured(*asked, "ivf:nlist=10,nprobe=1").facts
    for k, mean in facts["index"]["ann_recall"].items():
        bounds = facts["index"]["ann_recall_intervals"][k]
        assert bounds["low"] < mean < bounds["high"]
    for row in facts["classes"]:
        each = row["intervals"]["precision@10"]
        assert each["low"] <= row["metrics"]["precision@10"] <= each["high"]


def test_grades_of_pictures_that_cannot_be_read_are_not_in_the_ideal_ranking():
    qrels = ListedQrels(["q"], [{0: 3, 1: 2, 2: 1, 3: 1}])
    run = Run(("q",), np.array([[1, 2]]), np.array([[0.9, 0.8]], np.float32))
    judged = ReadableQrels(qrels, np.array([0])).judge(run)
    assert judged.ideal.tolist() == [[2, 1]]
    assert judged.positives.tolist() == [3]


def test_what_is_lost_is_counted_in_blocks(monkeypatch):
    monkeypatch.setattr("lookalike.evaluation.matrix.readable.CELLS", 4)
    qrels = ListedQrels("abcde", [[0], [1], [0, 1, 2], [2], [1, 3]])
    run = Run(tuple("edcba"), np.full((5, 1), 3), np.zeros((5, 1), np.float32))
    judged = ReadableQrels(qrels, np.array([0, 1])).judge(run)
    assert judged.positives.tolist() == [1, 1, 1, 0, 0]
