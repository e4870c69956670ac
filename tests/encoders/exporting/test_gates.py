"""The gates: cosines and rankings worked out by hand, and what they let pass."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.encoders.exporting.gates import (
    Agreement,
    agreement_of,
    cosines,
    neighbor_overlap,
    require_agreement,
    require_pictures,
    share_out,
)
from lookalike.errors import EncoderError


def judge(agreement: Agreement, precision: str) -> None:
    require_agreement(agreement, precision=precision, what="The export", pictures=200)


def at(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_cosines_ignore_length():
    exact = np.array([[3, 4], [1, 0], [1, 1]], np.float32)
    other = np.array([[30, 40], [0, 2], [-1, -1]], np.float32)
    np.testing.assert_allclose(cosines(exact, other), [1, 0, -1], atol=1e-7)


def test_two_rows_of_zeros_agree_and_one_does_not():
    exact = np.array([[0, 0], [0, 0]], np.float32)
    other = np.array([[0, 0], [0, 1]], np.float32)
    np.testing.assert_array_equal(cosines(exact, other), [1, 0])


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_row_that_is_not_finite_agrees_with_nothing(broken):
    rows = np.array([[1, broken], [1, 0]], np.float32)
    np.testing.assert_array_equal(cosines(rows, rows), [-1, 1])


def test_the_overlap_of_two_rankings_is_counted_without_the_picture_itself():
    # Rows 0 to 3; the nearest two of each are {1, 2}, {0, 2}, {1, 3}, {2, 1}.
    exact = at(0, 10, 25, 45)
    # The last one moves: {1, 3}, {0, 2}, {1, 0}, {0, 1}. Shared: 1 + 2 + 1 + 1 of 8.
    other = at(0, 10, 25, -10)
    assert neighbor_overlap(exact, other, k=2) == 0.625
    assert neighbor_overlap(exact, exact * 7, k=2) == 1.0


def test_overlap_is_not_asked_of_few_pictures():
    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    assert agreement_of(rows[:49], rows[:49]).overlap is None
    assert agreement_of(rows, rows).overlap == 1.0


@pytest.mark.parametrize(
    ("precision", "passing", "failing", "number"),
    [
        ("exact", Agreement(0.9999, 1, None), Agreement(0.99989, 1, None), "0.999890"),
        ("bf16", Agreement(0.9, 0.999, None), Agreement(0.9, 0.9989999, None), "0.998999"),
        ("int8", Agreement(0.5, 0.6, 0.95), Agreement(0.999, 1, 0.94999), "0.9499"),
    ],
)
def test_each_precision_has_its_gate(precision, passing, failing, number):
    judge(passing, precision)
    with pytest.raises(EncoderError, match=f"200 pictures, .* is {number}, and at least"):
        judge(failing, precision)


def test_no_number_is_no_pass():
    with pytest.raises(EncoderError):
        judge(Agreement(float("nan"), float("nan"), None), "exact")
    with pytest.raises(EncoderError):
        judge(Agreement(1, 1, None), "int8")


def test_too_few_pictures_judge_nothing():
    require_pictures(8, precision="exact")
    require_pictures(75, precision="int8")
    with pytest.raises(EncoderError, match="at least 75 of them, better 300; 74 were given"):
        require_pictures(74, precision="int8")
    for precision in ("exact", "bf16"):
        with pytest.raises(EncoderError, match="at least 8 of them, better 300; 7 were given"):
            require_pictures(7, precision=precision)


def test_a_third_calibrates_and_the_rest_judges():
    assert share_out(75, precision="int8") == 25
    assert share_out(5000, precision="int8") == 300
    assert share_out(5000, precision="bf16") == 0
