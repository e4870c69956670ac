"""The live index of every kind against exact search, while rows come and go."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from lookalike.index import ExactIndex, FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.index.live import LiveIndex
from lookalike.index.spans import Span
from lookalike.vectors import unit_rows

DIM = 48
ROWS = 12_000
KINDS = {
    "flat float16": IndexConfig("flat", codes="float16"),
    "flat int8": IndexConfig("flat", codes="int8"),
    "ivf": IndexConfig("ivf"),
    "ivf int8": IndexConfig("ivf", codes="int8"),
    "ivf-pq": IndexConfig("ivf-pq"),
    # One bit for each of only 48 numbers tells too little; two do.
    "ivf-rabitq": IndexConfig("ivf-rabitq", rabitq_bits=2),
    "hnsw": IndexConfig("hnsw", hnsw_m=16),
    "hnsw int8": IndexConfig("hnsw", codes="int8", hnsw_m=16),
    "hnsw pca": IndexConfig("hnsw", reduction="pca", reduced_dim=24, hnsw_m=16),
    "factory": IndexConfig("factory", factory="PCA32,IVF64,Flat"),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


@lru_cache
def clustered(count: int, seed: int) -> np.ndarray:
    """Rows around 200 directions, as embeddings of pictures are."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(200, DIM))
    chosen = centres[dice.integers(0, 200, count)]
    return unit_rows(chosen + 0.7 * dice.normal(size=(count, DIM))).astype(np.float16)


@lru_cache
def built(kind: str) -> FaissIndex:
    index = build_index([clustered(ROWS, 0)], KINDS[kind], dim=DIM)
    assert isinstance(index, FaissIndex)
    return index


def queries(count: int = 100) -> np.ndarray:
    return unit_rows(clustered(count, 5).astype(np.float32))


def recall(found: np.ndarray, true: np.ndarray) -> float:
    shared = [len(set(a) & set(b)) for a, b in zip(found.tolist(), true.tolist(), strict=True)]
    return sum(shared) / true.size


def whole(kind: str) -> LiveIndex:
    return LiveIndex(built(kind), [Span(0, 0, ROWS)], [clustered(ROWS, 0)], dim=DIM)


@EVERY_KIND
def test_recall_after_half_of_the_rows_were_replaced_is_that_of_a_new_index(kind):
    blocks = [clustered(ROWS, 0), clustered(ROWS // 2, 1)]
    dead = np.sort(np.random.default_rng(2).permutation(ROWS)[: ROWS // 2])
    exact = ExactIndex(blocks, dim=DIM, dead=dead).search(queries(), 10)
    live = LiveIndex(built(kind), [Span(0, 0, ROWS)], blocks, dim=DIM, dead=dead)
    fresh = build_index(blocks, KINDS[kind], dim=DIM, dead=dead)
    found, plan = live.explained(queries(), 10)
    assert not plan.is_exact
    assert (plan.rows, plan.delta_rows, plan.dead_rows) == (ROWS, ROWS // 2, ROWS // 2)
    assert not np.isin(found.rows, dead).any()
    again = recall(fresh.search(queries(), 10).rows, exact.rows)
    assert recall(found.rows, exact.rows) >= again - 0.01


@EVERY_KIND
def test_recall_after_half_of_the_rows_were_deleted_is_that_of_a_new_index(kind):
    blocks = [clustered(ROWS, 0)]
    dead = np.sort(np.random.default_rng(3).permutation(ROWS)[: ROWS // 2])
    exact = ExactIndex(blocks, dim=DIM, dead=dead).search(queries(), 10)
    live = LiveIndex(built(kind), [Span(0, 0, ROWS)], blocks, dim=DIM, dead=dead)
    fresh = build_index(blocks, KINDS[kind], dim=DIM, dead=dead)
    again = recall(fresh.search(queries(), 10).rows, exact.rows)
    assert recall(live.search(queries(), 10).rows, exact.rows) >= again - 0.01


@EVERY_KIND
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("manner", ["random", "region"])
def test_a_filter_costs_no_recall(kind, share, manner, monkeypatch):
    """With what one direction cuts off, too: the nearest lists then hold nothing allowed."""
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 100)
    rows = clustered(ROWS, 0)
    values = np.random.default_rng(4).random(ROWS) if manner == "random" else rows[:, 0]
    allowed = values <= np.quantile(values.astype(np.float64), share)
    exact = ExactIndex([rows], dim=DIM)
    found, plan = whole(kind).explained(queries(), 10, allowed=allowed)
    assert allowed[found.rows].all()
    assert plan.allowed == allowed.sum()
    unfiltered = recall(whole(kind).search(queries(), 10).rows, exact.search(queries(), 10).rows)
    filtered = recall(found.rows, exact.search(queries(), 10, allowed=allowed).rows)
    assert filtered >= unfiltered - 0.01


@EVERY_KIND
def test_scores_are_those_of_exact_search(kind):
    found = whole(kind).search(queries(), 10)
    exact = ExactIndex([clustered(ROWS, 0)], dim=DIM).search(queries(), 200)
    for line in range(len(found.rows)):
        known = dict(zip(exact.rows[line].tolist(), exact.scores[line].tolist(), strict=True))
        for row, score in zip(found.rows[line].tolist(), found.scores[line].tolist(), strict=True):
            assert known.get(row, score) == score
        assert (np.diff(found.scores[line]) <= 0).all()


@EVERY_KIND
@pytest.mark.parametrize("allowed_rows", [3, 500])
def test_k_are_found_whenever_k_are_there(kind, allowed_rows, monkeypatch):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    monkeypatch.setattr("lookalike.index.live.FEW_OF_LISTS", 0.0)
    monkeypatch.setattr("lookalike.index.live.FEW_OF_GRAPH", 0.0)
    allowed = np.zeros(ROWS, dtype=np.bool_)
    allowed[:allowed_rows] = True
    narrow = SearchParams(nprobe=1, ef_search=1, k_factor=1)
    found = whole(kind).search(queries(20), 50, params=narrow, allowed=allowed)
    assert ((found.rows >= 0).sum(axis=1) == min(50, allowed_rows)).all()


def test_a_row_added_is_found_at_once_and_a_deleted_one_never():
    blocks = [clustered(ROWS, 0), clustered(1, 7)]
    query = unit_rows(blocks[1].astype(np.float32))
    live = LiveIndex(built("ivf-pq"), [Span(0, 0, ROWS)], blocks, dim=DIM)
    found = live.search(query, 2)
    assert found.rows[0, 0] == ROWS
    gone = np.array([found.rows[0, 1], ROWS])
    live = LiveIndex(built("ivf-pq"), [Span(0, 0, ROWS)], blocks, dim=DIM, dead=gone)
    assert not np.isin(live.search(query, 50).rows, gone).any()
    assert (live.size, live.delta_rows, live.gone_rows) == (ROWS - 1, 0, 1)


def test_rows_of_a_block_that_vanished_are_never_found():
    """Of three blocks the middle one was compacted away, and a new one came behind."""
    old = [clustered(4000, seed) for seed in (11, 12, 13)]
    main = build_index(old, IndexConfig("ivf-pq"), dim=DIM)
    assert isinstance(main, FaissIndex)
    blocks = [old[0], old[2], clustered(500, 14)]
    spans = [Span(0, 0, 4000), Span(8000, 4000, 4000)]
    live = LiveIndex(main, spans, blocks, dim=DIM)
    found, plan = live.explained(queries(), 10)
    exact = ExactIndex(blocks, dim=DIM).search(queries(), 10)
    assert (plan.rows, plan.delta_rows, plan.dead_rows) == (8500, 500, 4000)
    assert recall(found.rows, exact.rows) > 0.97


def test_an_index_of_which_nothing_is_left_compares_every_row():
    live = LiveIndex(built("hnsw"), [], [clustered(500, 14)], dim=DIM)
    found, plan = live.explained(queries(), 10)
    assert str(plan) == "exact over 500 rows"
    exact = ExactIndex([clustered(500, 14)], dim=DIM).search(queries(), 10)
    np.testing.assert_array_equal(found.rows, exact.rows)


def test_the_plan_tells_what_was_done():
    rows = clustered(ROWS, 0)
    allowed = np.zeros(ROWS, dtype=np.bool_)
    allowed[:812] = True
    assert str(whole("ivf-pq").explained(queries(1), 10, allowed=allowed)[1]) == (
        "exact over 812 allowed of 12,000 rows"
    )
    allowed[: ROWS // 2] = True
    plan = whole("flat int8").explained(queries(1), 10, allowed=allowed)[1]
    assert str(plan) == "flat, selector over 6,000 of 12,000 rows"
    blocks = [rows, clustered(3, 1)]
    live = LiveIndex(built("ivf"), [Span(0, 0, ROWS)], blocks, dim=DIM, dead=np.array([5]))
    plan = live.explained(queries(1), 10, params=SearchParams(nprobe=20))[1]
    assert str(plan) == (
        "ivf, nprobe 20 over 12,002 rows; 3 newer rows compared exactly; 1 deleted rows left out"
    )
    assert plan.to_dict()["used"] == {"nprobe": 20}


def test_a_ranking_of_everything_is_exact():
    found, plan = whole("hnsw").explained(queries(2), ROWS)
    assert plan.is_exact
    assert (np.sort(found.rows, axis=1) == np.arange(ROWS)).all()
