"""Unit rows, exact ranking and merging, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import SpaceMismatch, UsageError
from lookalike.vectors import (
    EmbeddingSpace,
    Neighbors,
    exact_scores,
    merge_neighbors,
    rank,
    require_same_space,
    to_queries,
    unit_rows,
)


def test_unit_rows_divides_by_the_length():
    rows = unit_rows(np.array([[3.0, 4.0], [0.0, -2.0]]))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, -1.0]], rtol=1e-6)


def test_a_row_of_zeros_has_no_direction_and_stays():
    assert unit_rows(np.zeros((1, 3))).tolist() == [[0.0, 0.0, 0.0]]


def test_tiny_and_huge_rows_keep_their_direction():
    rows = unit_rows(np.array([[3e-30, 4e-30], [3e30, 4e30]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(UsageError, match="not finite"):
        unit_rows(np.array([[1.0, bad]]))


def test_scores_are_cosines():
    rows = unit_rows(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.0]]))
    scores = exact_scores(np.array([1, 0], dtype=np.float32), rows)
    np.testing.assert_allclose(scores, [1, 0.70710678, 0, -1], atol=1e-7)


def test_rank_orders_by_score_and_equal_scores_by_row():
    scores, rows = rank(
        np.array([0.5, 0.9, 0.5, 0.9], dtype=np.float32), np.array([7, 6, 3, 2]), k=3
    )
    assert rows.tolist() == [2, 6, 3]
    np.testing.assert_allclose(scores, [0.9, 0.9, 0.5])


def test_merging_keeps_the_best_of_all_parts_and_pads():
    first = Neighbors(np.array([[0.9, 0.1]], np.float32), np.array([[4, 2]]))
    second = Neighbors(np.array([[0.9, -np.inf]], np.float32), np.array([[3, -1]]))
    merged = merge_neighbors([first, second], k=4)
    assert merged.rows.tolist() == [[3, 4, 2, -1]]
    np.testing.assert_allclose(merged.scores, [[0.9, 0.9, 0.1, -np.inf]])


def test_one_query_may_come_without_the_batch_dimension():
    assert to_queries(np.array([0.0, 2.0]), 2).tolist() == [[0.0, 1.0]]


def test_queries_of_another_length_are_refused():
    with pytest.raises(UsageError, match=r"\(n, 3\)"):
        to_queries(np.zeros((1, 2)), 3)


def test_spaces_are_the_same_by_fingerprint_and_not_by_name():
    space = EmbeddingSpace("aa", 4, encoder="builtin")
    require_same_space(EmbeddingSpace("aa", 4, encoder="copy"), space, owner="It")
    with pytest.raises(SpaceMismatch, match=r"'builtin'.*'other'"):
        require_same_space(EmbeddingSpace("bb", 4, encoder="other"), space, owner="It")
