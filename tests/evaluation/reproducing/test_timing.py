"""Ways to search, and the clock beside them."""

from __future__ import annotations

import time

import numpy as np
import pytest

from lookalike.evaluation.reproducing.timing import (
    WARM_UPS,
    BruteForce,
    FaissFlat,
    extraction_seconds,
    seconds_each,
    taken_of,
)
from lookalike.vectors import unit_rows


@pytest.mark.parametrize("is_euclidean", [False, True])
def test_brute_force_and_the_flat_index_find_the_same(is_euclidean):
    dice = np.random.default_rng(0)
    rows, queries = (unit_rows(dice.normal(size=(n, 16))) for n in (200, 7))
    exact = np.argsort(-queries @ rows.T, axis=1)[:, :5]
    for way in (BruteForce, FaissFlat):
        found = way(rows, is_euclidean=is_euclidean).search(queries, 5, {})
        assert np.array_equal(found, exact)


def test_queries_are_timed_one_by_one_and_come_round_again():
    asked = []
    taken = seconds_each(lambda query: asked.append(query.tolist()), np.eye(3), most=7)
    assert taken.count == 7
    assert len(asked) == WARM_UPS + 7
    assert asked[WARM_UPS : WARM_UPS + 4] == [[[1, 0, 0]], [[0, 1, 0]], [[0, 0, 1]], [[1, 0, 0]]]


def test_when_the_budget_is_spent_no_more_are_asked():
    taken = seconds_each(lambda query: time.sleep(0.001), np.eye(2), budget_s=0.0)
    assert taken.count == 20
    assert taken.p50 >= 0.001


def test_times_are_summed_up():
    taken = taken_of([1.0, 2.0, 3.0, 10.0])
    assert (taken.mean, taken.p50, taken.count) == (4.0, 2.5, 4)


def test_extraction_reads_every_picture_again(data, encoder):
    files = sorted(str(file) for file in data.glob("*/colour0/*.png"))
    taken = extraction_seconds(files, encoder, most=30)
    assert taken.count == 30
    assert taken.mean > 0
