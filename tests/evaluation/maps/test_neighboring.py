"""Neighbors of every row: exact for some thousand, nearly so beyond, never the row itself."""

from __future__ import annotations

import numpy as np

from lookalike.evaluation.maps import neighboring
from lookalike.evaluation.maps.neighboring import nearest_neighbors, neighborhood_of
from lookalike.vectors import unit_rows


def random_rows(count: int, dim: int = 24, seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    middles = dice.normal(size=(20, dim))
    return unit_rows(middles[dice.integers(20, size=count)] + 0.5 * dice.normal(size=(count, dim)))


def true_neighbors(rows: np.ndarray, k: int) -> np.ndarray:
    scores = rows.astype(np.float64) @ rows.T
    np.fill_diagonal(scores, -np.inf)
    return np.argsort(-scores, axis=1)[:, :k]


def test_neighbors_are_those_of_a_full_comparison():
    rows = random_rows(1500)
    found = nearest_neighbors(rows, 7)
    truth = true_neighbors(rows, 7)
    assert np.array_equal(found.rows, truth)
    apart = np.linalg.norm(rows[:, None] - rows[truth], axis=2)
    assert np.allclose(found.distances, apart, atol=1e-3)


def test_of_copies_it_is_the_other_one_that_is_found():
    rows = np.repeat(np.eye(5, dtype=np.float32), 2, axis=0)
    found = nearest_neighbors(rows, 1)
    assert found.rows[:, 0].tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
    assert np.allclose(found.distances, 0)


def test_many_rows_find_nearly_all_their_neighbors(monkeypatch):
    monkeypatch.setattr(neighboring, "EXACT_ROWS", 1000)
    monkeypatch.setattr(neighboring, "COMPONENTS", 20)
    rows = random_rows(5000)
    found = nearest_neighbors(rows, 10)
    truth = true_neighbors(rows, 10)
    shares = [len({*a} & {*b}) / 10 for a, b in zip(found.rows, truth, strict=True)]
    assert np.mean(shares) > 0.95
    assert not (found.rows == np.arange(5000)[:, None]).any()
    assert (np.diff(found.distances, axis=1) >= -1e-6).all()


def test_missing_neighbors_are_the_last_one_again():
    rows = np.array([[3, 0, -1, -1]])
    scores = np.array([[1.0, 0.5, -np.inf, -np.inf]], dtype=np.float32)
    kept_scores, kept = neighboring.without_self(scores, rows, np.array([3]), 3)
    assert kept.tolist() == [[0, 0, 0]]
    assert kept_scores.tolist() == [[0.5, 0.5, 0.5]]


def test_a_neighborhood_counts_equal_rows_once():
    rows = np.repeat(np.eye(4), [1, 2, 3, 1], axis=0)
    found = neighborhood_of(rows, 99)
    assert found.distinct.first.tolist() == [0, 1, 3, 6]
    assert found.nearest.rows.shape == (4, 3)


def test_a_row_alone_has_no_neighbors():
    assert neighborhood_of(np.ones((5, 3)), 4).nearest.rows.shape == (1, 0)
