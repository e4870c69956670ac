"""Outliers: far from their neighbors, copies notwithstanding."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.evaluation.maps import outlier_scores
from lookalike.evaluation.maps.outliers import outliers_among
from lookalike.vectors import unit_rows


def test_scores_by_hand():
    # Four at right angles to each other, and one halfway between the first two.
    rows = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]])
    near = 1 - np.sqrt(0.5)
    expected = [(near + 1) / 2, (near + 1) / 2, 1, 1, near]
    assert outlier_scores(rows, k=2) == pytest.approx(expected, abs=1e-6)


def test_copies_do_not_vouch_for_each_other():
    dice = np.random.default_rng(0)
    usual = unit_rows(np.eye(6)[0] + 0.1 * dice.normal(size=(50, 6)))
    odd = np.repeat(np.eye(6)[5:], 12, axis=0)
    scores = outlier_scores(np.concatenate([usual, odd]))
    assert scores[50:].min() > scores[:50].max()
    assert np.ptp(scores[50:]) == 0


def test_a_row_without_others_scores_nothing():
    assert outlier_scores(np.ones((3, 4))).tolist() == [0, 0, 0]
    assert outlier_scores(np.zeros((0, 4))).tolist() == []


def test_one_in_a_hundred_is_an_outlier_farthest_first_at_most_a_hundred():
    scores = np.random.default_rng(0).permutation(1000).astype(np.float32)
    assert scores[outliers_among(scores)].tolist() == list(range(999, 989, -1))
    assert len(outliers_among(np.arange(50_000, dtype=np.float32))) == 100


def test_among_a_few_there_are_none():
    assert outliers_among(np.arange(19, dtype=np.float32)).tolist() == []
    assert outliers_among(np.arange(20, dtype=np.float32)).tolist() == [19]
