"""Equal rows are laid out once and fanned out around their place."""

from __future__ import annotations

import numpy as np

from lookalike.evaluation.maps.sameness import distinct_rows, fanned_out


def test_equal_rows_are_one_by_hand():
    rows = np.array([[1, 2], [3, 4], [1, 2], [5, 6], [3, 4]], dtype=np.float32)
    found = distinct_rows(rows)
    assert found.first.tolist() == [0, 1, 3]
    assert found.number.tolist() == [0, 1, 0, 2, 1]


def test_minus_zero_is_zero():
    assert distinct_rows(np.array([[0.0, 1], [-0.0, 1]])).number.tolist() == [0, 0]


def test_no_rows():
    assert distinct_rows(np.zeros((0, 3), np.float32)).first.tolist() == []


def test_the_first_stays_and_copies_lie_close_around_it():
    rows = np.array([[1.0], [2.0], [1.0], [1.0], [1.0]], dtype=np.float32)
    places = np.array([[0, 0], [10, 0]], dtype=np.float32)
    found = fanned_out(places, distinct_rows(rows))
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == [10, 0]
    gaps = np.linalg.norm(found[[2, 3, 4]], axis=1)
    assert np.allclose(gaps, 0.006 * np.sqrt([1, 2, 3]))
    assert len(np.unique(found, axis=0)) == 5
