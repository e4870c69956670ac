"""Intervals: against a count of all resamples, against theory, and how often they hold."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.intervals import (
    bootstrap,
    differences,
    drawn_counts,
    estimates,
    estimates_of_groups,
    paired_bootstrap,
    quantiles,
)
from lookalike.evaluation.judging.scoring import Scores

nan = np.nan


def scores_of(**values):
    columns = {name: np.array(each, dtype=np.float64) for name, each in values.items()}
    first = next(iter(columns.values()))
    names = tuple(f"q{line}" for line in range(len(first)))
    return Scores(names, columns, (~np.isnan(first)).astype(np.int64))


def test_three_queries_against_all_resamples_there_are():
    values = np.array([0.0, 0.3, 1.0])
    every = [np.mean(drawn) for drawn in product(values, repeat=3)]
    estimate = bootstrap(values, resamples=20_000, level=0.8, seed=1)
    assert estimate.mean == pytest.approx(1.3 / 3)
    # Of the 27 equally likely resamples 10 % and 90 % lie at these means.
    assert estimate.low == pytest.approx(np.quantile(every, 0.1))
    assert estimate.high == pytest.approx(np.quantile(every, 0.9))


def test_of_many_queries_it_is_the_normal_interval():
    values = np.random.default_rng(4).random(2000)
    estimate = bootstrap(values, resamples=4000)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_it_holds_the_mean_about_as_often_as_it_says():
    dice = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        estimate = bootstrap(dice.random(60), resamples=400, level=0.9)
        held += estimate.low <= 0.5 <= estimate.high
    assert 0.84 <= held / 300 <= 0.95


def test_each_resample_draws_as_many_queries_as_there_are():
    counts = drawn_counts(50, 300, 0)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.mean(axis=0) == pytest.approx(1, abs=0.25)
    assert not np.array_equal(counts, drawn_counts(50, 300, 1))


def test_queries_without_a_value_are_left_out():
    with_gaps = bootstrap(np.array([0.2, nan, 0.9, nan, 0.4]))
    assert with_gaps == bootstrap(np.array([0.2, 0.9, 0.4]))


def test_equal_seeds_are_equal_and_others_not():
    values = np.random.default_rng(3).random(40)
    assert bootstrap(values, seed=5) == bootstrap(values, seed=5)
    assert bootstrap(values, seed=5) != bootstrap(values, seed=6)


def test_one_query_has_no_width():
    estimate = bootstrap(np.array([0.25]))
    assert (estimate.mean, estimate.low, estimate.high) == (0.25, 0.25, 0.25)


def test_every_metric_gets_what_it_would_get_alone():
    dice = np.random.default_rng(8)
    easy = np.where(dice.random(30) < 0.3, nan, dice.random(30))
    hard = np.where(dice.random(30) < 0.3, nan, dice.random(30))
    found = estimates(scores_of(easy=easy, hard=hard, both=easy**2), resamples=200)
    for name, values in {"easy": easy, "hard": hard, "both": easy**2}.items():
        alone = bootstrap(values, resamples=200)
        assert found[name].mean == pytest.approx(alone.mean)
        assert (found[name].low, found[name].high) == pytest.approx((alone.low, alone.high))


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        ([nan, nan], {}, "no query has anything to find"),
        ([], {}, "no query has anything to find"),
        ([1.0], {"resamples": 0}, "from 0 resamples makes no sense"),
        ([1.0], {"level": 1}, "An interval of level 1 "),
    ],
)
def test_no_interval(values, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        bootstrap(np.array(values, dtype=np.float64), **options)


def test_a_difference_by_hand():
    # All 10 queries rose by 0.1: there is no other difference to draw.
    first = np.linspace(0, 0.9, 10)
    found = paired_bootstrap(first, first + 0.1, resamples=99)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert found.p == 1 / 100


def test_ten_queries_of_which_one_moved():
    # A resample draws the one c times, c being binomial of 10 draws at 1 / 10, and averages
    # c / 10: as far from 1 / 10 as that is from 0 unless c is 1.
    second = np.zeros(10)
    second[3] = 1
    found = paired_bootstrap(np.zeros(10), second, resamples=4000)
    assert found.mean == pytest.approx(0.1)
    assert found.p == pytest.approx(1 - 10 * 0.1 * 0.9**9, abs=0.03)


def test_of_few_queries_there_is_no_p():
    first = np.linspace(0, 0.8, 9)
    assert paired_bootstrap(first, first + 0.1).p is None
    # Queries that one of the two lacks do not count.
    assert paired_bootstrap(np.append(first, nan), np.append(first, 0.5)).p is None
    assert paired_bootstrap(np.append(first, 0), np.append(first, 0.1)).p is not None


def test_each_metric_counts_its_own_queries():
    first = scores_of(a=np.zeros(12), b=[0] * 9 + [nan] * 3)
    second = scores_of(a=np.ones(12), b=[1] * 9 + [nan] * 3)
    found = differences(first, second, resamples=99)
    assert (found["a"].p, found["b"].p) == (1 / 100, None)


def test_equal_runs_do_not_differ():
    values = np.random.default_rng(0).random(20)
    found = paired_bootstrap(values, values)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_p_is_as_likely_below_a_twentieth_as_it_says():
    dice = np.random.default_rng(11)
    small = 0
    for _ in range(400):
        first, second = dice.random((2, 80))
        small += paired_bootstrap(first, second, resamples=199).p <= 0.05
    assert 0.02 <= small / 400 <= 0.09


def test_pairs_see_what_intervals_side_by_side_do_not():
    dice = np.random.default_rng(12)
    first = dice.random(200)
    second = first + 0.01 + 0.01 * dice.normal(size=200)
    one, other = bootstrap(first), bootstrap(second)
    assert one.high > other.low
    found = paired_bootstrap(first, second)
    assert found.low > 0
    assert found.p < 0.01


def test_a_query_that_one_run_lacks_is_left_out():
    found = paired_bootstrap(np.array([0.5, nan, 0.5]), np.array([0.6, 0.9, 0.8]))
    assert found.mean == pytest.approx(0.2)


def test_all_differences_at_once():
    dice = np.random.default_rng(13)
    first, second = (scores_of(a=dice.random(25), b=dice.random(25)) for _ in range(2))
    found = differences(first, second, resamples=150)
    for name in ("a", "b"):
        alone = paired_bootstrap(first.of(name), second.of(name), resamples=150)
        assert found[name].p == alone.p
        assert found[name].mean == pytest.approx(second.mean(name) - first.mean(name))
        assert (found[name].low, found[name].high) == pytest.approx((alone.low, alone.high))


def test_a_group_gets_what_it_would_get_alone():
    dice = np.random.default_rng(14)
    groups = np.array([2, 0, 1, 2, 0, 3, 2, 1, 2, 3, 0])
    columns = dice.random((11, 2))
    found = estimates_of_groups(columns, groups, resamples=300, level=0.8, seed=5)
    assert len(found) == 4
    for group in range(4):
        for column in range(2):
            alone = bootstrap(columns[groups == group, column], resamples=300, level=0.8, seed=5)
            each = found[group][column]
            assert (each.mean, each.low, each.high) == pytest.approx(
                (alone.mean, alone.low, alone.high)
            )


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_quantiles_are_those_of_numpy(level):
    drawn = np.random.default_rng(15).random((137, 6))
    tails = [(1 - level) / 2, (1 + level) / 2]
    np.testing.assert_allclose(quantiles(drawn, level), np.quantile(drawn, tails, axis=0))
    np.testing.assert_array_equal(quantiles(drawn[:1], level), drawn[[0, 0]])


def test_runs_that_cannot_be_paired():
    with pytest.raises(UsageError, match="there are 2 and 3"):
        paired_bootstrap(np.ones(2), np.ones(3))
    with pytest.raises(UsageError, match="no metric in common"):
        differences(scores_of(a=[1, 0]), scores_of(b=[1, 0]))
    with pytest.raises(UsageError, match="their queries differ"):
        differences(scores_of(a=[1, 0]), scores_of(a=[1, 0, 1]))
