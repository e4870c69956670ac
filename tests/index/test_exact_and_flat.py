"""Both indexes against a plain NumPy ranking, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import ExactIndex, FlatIndex, IndexConfig, build_index
from lookalike.vectors import unit_rows

BOTH = pytest.mark.parametrize("kind", [ExactIndex, FlatIndex])


def random_rows(count: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)))


def ranking(query: np.ndarray, rows: np.ndarray, dead: set[int]) -> list[int]:
    """Sort all rows in float64, as slowly and plainly as possible."""
    rows = unit_rows(rows)
    scores = [float(np.dot(query.astype(np.float64), row.astype(np.float64))) for row in rows]
    alive = [row for row in range(len(rows)) if row not in dead]
    return sorted(alive, key=lambda row: (-np.float32(scores[row]), row))


@BOTH
def test_three_rows_by_hand(kind):
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)
    found = kind([rows], dim=2).search(np.array([[0, 1]], dtype=np.float32), k=3)
    assert found.rows.tolist() == [[2, 1, 0]]
    np.testing.assert_allclose(found.scores, [[1, 0.8, 0]], atol=1e-7)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_order_is_that_of_a_plain_sort(kind, dtype):
    rows = random_rows(9000).astype(dtype)
    queries = random_rows(20, seed=1)
    found = kind([rows[:5000], rows[5000:5001], rows[5001:]], dim=32).search(queries, k=15)
    for query, line in zip(queries, found.rows, strict=True):
        assert line.tolist() == ranking(query, rows, set())[:15]


@BOTH
def test_equal_rows_come_in_the_order_of_their_numbers(kind):
    rows = random_rows(12000)
    copies = [7, 500, 501, 4095, 4096, 8191, 11999]
    rows[copies] = rows[7]
    found = kind([rows], dim=32).search(rows[7:8], k=5)
    assert found.rows.tolist() == [copies[:5]]
    assert found.scores.tolist() == [[1.0] * 5]


@BOTH
def test_more_copies_than_any_margin_are_still_ordered(kind):
    rows = random_rows(3000)
    rows[100:900] = rows[100]
    found = kind([rows], dim=32).search(rows[100:101], k=3)
    assert found.rows.tolist() == [[100, 101, 102]]


@BOTH
def test_dead_rows_are_never_found(kind):
    rows = random_rows(500)
    dead = np.array([0, 3, 250, 499])
    found = kind([rows[:300], rows[300:]], dim=32, dead=dead).search(rows[3:4], k=500)
    assert found.rows[0, :496].tolist() == ranking(rows[3], rows, {0, 3, 250, 499})
    assert found.rows[0, 496:].tolist() == [-1] * 4
    assert np.isneginf(found.scores[0, 496:]).all()


@BOTH
def test_an_empty_index_answers_with_nothing(kind):
    index = kind([], dim=8)
    assert index.size == 0
    assert index.search(np.eye(8, dtype=np.float32)[:2], k=2).rows.tolist() == [[-1, -1]] * 2


@BOTH
def test_an_index_whose_rows_all_died_answers_with_nothing(kind):
    index = kind([random_rows(2)], dim=32, dead=np.array([0, 1]))
    assert index.search(random_rows(1), k=1).rows.tolist() == [[-1]]


def test_both_indexes_give_the_same_bits():
    rows, queries = random_rows(6000, dim=256), random_rows(70, dim=256, seed=2)
    dead = np.arange(0, 6000, 7)
    exact = ExactIndex([rows], dim=256, dead=dead).search(queries, k=20)
    flat = FlatIndex([rows], dim=256, dead=dead).search(queries, k=20)
    np.testing.assert_array_equal(exact.rows, flat.rows)
    np.testing.assert_array_equal(exact.scores, flat.scores)


@BOTH
def test_a_batch_answers_as_its_queries_one_by_one(kind):
    rows, queries = random_rows(5000), random_rows(9, seed=3)
    index = kind([rows], dim=32)
    batch = index.search(queries, k=7)
    for line, query in enumerate(queries):
        alone = index.search(query[None], k=7)
        np.testing.assert_array_equal(alone.rows[0], batch.rows[line])
        np.testing.assert_array_equal(alone.scores[0], batch.scores[line])


@BOTH
def test_asking_for_nothing_is_refused(kind):
    with pytest.raises(UsageError, match="at least one"):
        kind([random_rows(3)], dim=32).search(random_rows(1), k=0)


@BOTH
def test_a_query_of_another_dim_is_refused(kind):
    with pytest.raises(UsageError, match=r"\(n, 32\)"):
        kind([random_rows(3)], dim=32).search(np.zeros((1, 8), dtype=np.float32), k=1)


def test_the_config_chooses_the_kind():
    rows = random_rows(3)
    assert isinstance(build_index([rows], IndexConfig("exact"), dim=32), ExactIndex)
    assert isinstance(build_index([rows], IndexConfig("flat"), dim=32), FlatIndex)
    with pytest.raises(UsageError, match="unknown"):
        IndexConfig("quantum")


@BOTH
def test_scores_are_cosines_although_half_precision_bends_the_length(kind):
    rows = random_rows(3000).astype(np.float16)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    longest = int(np.argmax(lengths))
    assert lengths[longest] > 1.0001
    found = kind([rows], dim=32).search(rows[longest : longest + 1].astype(np.float32), k=1)
    assert found.rows.tolist() == [[longest]]
    assert found.scores[0, 0] == np.float32(1)
