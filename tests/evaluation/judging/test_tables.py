"""Classes and queries, the best and the worst, and what moved between two runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.comparing import Moved, compare_runs
from lookalike.evaluation.judging.intervals import bootstrap, paired_bootstrap
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.judging.tables import (
    ClassRow,
    QueryRow,
    best_queries,
    per_class,
    worst_queries,
)

nan = np.nan


def scores_of(values, positives=None, groups=None, names="abcde"):
    values = np.array(values, dtype=np.float64)
    counts = np.where(np.isnan(values), 0, 2) if positives is None else np.array(positives)
    columns = {"ap": values, "precision@1": np.floor(values)}
    return Scores(tuple(names[: len(values)]), columns, counts, groups)


def test_a_row_for_each_class_with_something_to_find():
    scores = scores_of([0.5, 1, 0.25, nan, 0], groups=("owl", "cat", "owl", "emu", "cat"))
    rows = per_class(scores, ["ap", "precision@1"])
    assert [replace(row, intervals={}) for row in rows] == [
        ClassRow("cat", 2, {"ap": 0.5, "precision@1": 0.5}),
        ClassRow("owl", 2, {"ap": 0.375, "precision@1": 0}),
    ]


def test_without_labels_there_are_no_classes():
    assert per_class(scores_of([0.5, 1]), ["ap"]) == []


def test_each_class_has_its_own_interval():
    values = [0.5, 1, 0.25, nan, 0, 0.75]
    scores = scores_of(values, groups=("owl", "cat", "owl", "owl", "cat", "emu"), names="abcdef")
    rows = per_class(scores, ["ap"], resamples=200, level=0.9, seed=3)
    options = {"resamples": 200, "level": 0.9, "seed": 3}
    cat, owl = (bootstrap(np.array(each), **options) for each in ([1.0, 0.0], [0.5, 0.25]))
    # One query says nothing about others.
    assert [row.intervals for row in rows] == [{"ap": cat}, {}, {"ap": owl}]
    assert [row.metrics["ap"] for row in rows] == [0.5, 0.75, 0.375]


def test_an_unknown_metric_is_named():
    with pytest.raises(UsageError, match="no metric 'map'"):
        per_class(scores_of([0.5]), ["map"])
    with pytest.raises(UsageError, match="no metric 'map'"):
        worst_queries(scores_of([0.5]), "map", 1)


def test_the_worst_and_the_best_queries():
    scores = scores_of([0.5, 0.1, nan, 1, 0.1], positives=[1, 2, 0, 4, 9])
    # Of equal ones, that with more to find did worse; and better.
    assert worst_queries(scores, "ap", 3) == [
        QueryRow("e", 0.1, 9),
        QueryRow("b", 0.1, 2),
        QueryRow("a", 0.5, 1),
    ]
    assert best_queries(scores, "ap", 2) == [QueryRow("d", 1, 4), QueryRow("a", 0.5, 1)]
    assert len(worst_queries(scores, "ap", 99)) == 4


def test_no_worst_query_at_all():
    with pytest.raises(UsageError, match="ask for one or more"):
        worst_queries(scores_of([0.5]), "ap", 0)


def test_two_runs_side_by_side():
    first = scores_of([0.5, 0.1, nan, 1.0, 0.3], names="abcde")
    second = scores_of([0.2, 0.9, 1.0, nan, 0.6, 0.7], names="eaxcbd")
    compared = compare_runs(first, second, resamples=100)

    # Both answer a, b, c, d and e; x is new.
    assert (compared.only_first, compared.only_second) == (0, 1)
    assert compared.first.queries == compared.second.queries == tuple("abcde")
    assert compared.gained("ap", 5) == [Moved("b", 0.1, 0.6), Moved("a", 0.5, 0.9)]
    assert compared.lost("ap", 1) == [Moved("d", 1.0, 0.7)]
    assert compared.lost("ap", 5) == [Moved("d", 1.0, 0.7), Moved("e", 0.3, 0.2)]
    assert compared.counts("ap") == (2, 2, 0)
    assert compared.counts("precision@1") == (0, 1, 3)

    before, after = np.array([0.5, 0.1, 1.0, 0.3]), np.array([0.9, 0.6, 0.7, 0.2])
    assert compared.before["ap"] == bootstrap(before, resamples=100)
    assert compared.after["ap"] == bootstrap(after, resamples=100)
    alone = paired_bootstrap(before, after, resamples=100)
    assert compared.differences["ap"].p == alone.p
    assert compared.differences["ap"].mean == pytest.approx(0.125)


def test_rounding_moves_no_query():
    # The same average precision, summed in another order.
    before, after = (0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3
    assert before != after
    compared = compare_runs(
        scores_of([before, after, 0.5]), scores_of([after, before, 0.6]), resamples=10
    )
    assert compared.counts("ap") == (1, 0, 2)
    assert compared.gained("ap", 9) == [Moved("c", 0.5, 0.6)]
    assert compared.lost("ap", 9) == []


def test_a_run_beside_itself():
    scores = scores_of([0.5, 0.1])
    compared = compare_runs(scores, scores, resamples=10)
    assert compared.gained("ap", 9) == compared.lost("ap", 9) == []
    assert compared.counts("ap") == (0, 0, 2)


def test_runs_over_other_sets_are_refused():
    with pytest.raises(UsageError, match="no query in common"):
        compare_runs(scores_of([1], names="a"), scores_of([1], names="b"))


def test_runs_that_were_judged_differently_are_refused():
    with pytest.raises(UsageError, match="'a' has 2 images to find in the first run and 3 in"):
        compare_runs(scores_of([1]), scores_of([1], positives=[3]))
