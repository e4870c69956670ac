"""The sentences a report begins with."""

from __future__ import annotations

import pytest
from made_results import made_comparison, made_result

from lookalike.evaluation.reports.answers import answers, comparison_answers


def answered(results) -> dict[str, str]:
    return {answer.question: answer.text for answer in answers(results)}


def test_an_encoder_alone():
    assert answered([made_result()])["Which encoder?"] == (
        "**builtin**: precision@10 **0.700** (0.680\u20130.720). No other was measured beside it."
    )


def test_an_encoder_clearly_ahead():
    results = [made_result("a", precision=0.6), made_result("b", precision=0.7)]

    assert answered(results)["Which encoder?"] == (
        "**b**: precision@10 **0.700** (0.680\u20130.720), ahead of a by 0.100, with no overlap of "
        "their intervals."
    )


def test_encoders_within_each_others_intervals_and_the_fastest_of_them():
    results = [
        made_result("a", precision=0.70, speed=10),
        made_result("b", precision=0.69, speed=50),
        made_result("c", precision=0.40, speed=900),
    ]

    assert answered(results)["Which encoder?"] == (
        "**a**: precision@10 **0.700** (0.680\u20130.720). Its interval overlaps with that of b: "
        "their order may be chance. Of these **b** is the fastest: it embeds 5.0 times as fast."
    )


def test_many_that_are_as_good_are_counted():
    results = [made_result(name, precision=0.7) for name in "abcde"]

    assert (
        "overlaps with those of b, c and 2 more: their order" in answered(results)["Which encoder?"]
    )


def test_an_index_that_is_faster_and_finds_enough():
    results = [
        made_result(median_ms=80, precision=0.7),
        made_result(index="ivf", median_ms=0.5, ann_recall=0.9),
        made_result(index="hnsw", median_ms=2, ann_recall=0.99, precision=0.698),
    ]

    assert answered(results)["Which index?"] == (
        "**hnsw** answers in **2 ms** (median), 40 times as fast as exact search, and finds 99 % "
        "of its first 10; precision@10 changes by \u22120.002."
    )


def test_a_small_gallery_needs_no_approximate_index():
    chosen = made_result(index="auto", median_ms=0.02)
    chosen["index"]["config"] = {"kind": "hnsw"}
    results = [made_result(median_ms=0.08), chosen]

    assert answered(results)["Which index?"] == (
        "**flat** compares with every picture in **80 \u00b5s** (median): fast enough at 200 "
        "pictures. For many more: auto (hnsw) takes 20 \u00b5s, finds 100 % of its first 10; "
        "precision@10 stays the same."
    )


def test_no_index_finds_enough():
    results = [made_result(), made_result(index="ivf", median_ms=0.5, ann_recall=0.8)]

    assert answered(results)["Which index?"].endswith(
        "came nearest, and finds only 80 % of its first 10."
    )


def test_how_good_at_what_cost_and_where_it_fails():
    found = answered([made_result()])

    assert found["How good?"] == (
        "Of the first 10 hits **7.0** are right on average, the first hit is right for **72 %** of "
        "the queries, and 95 % find at least one right picture among 10."
    )
    assert found["At what cost?"] == (
        "builtin embeds **100 pictures a second** on this machine: 100,000 take 16.7 min. "
        "The flat index takes 2 MB, 10 kB a picture."
    )
    assert found["Where does it fail?"] == (
        "Hardest class: **kiwi**, precision@10 0.200; easiest: apple, 0.900. 10 of 200 queries "
        "find nothing right among the first 10."
    )


def test_without_labels_only_the_search_is_answered():
    result = made_result()
    result["metrics"], result["classes"] = {}, []

    assert list(answered([result])) == ["Which index?", "At what cost?"]


def test_a_comparison_that_shows_a_difference():
    which, moved = comparison_answers(made_comparison())

    assert which.text == (
        "**other**: ap **0.650** against 0.600, a difference of 0.050 (0.020 to 0.080, "
        "p <\u00a00.002)."
    )
    assert moved.text == (
        "**120** of 200 queries are answered better by other, **70** worse, 10 as before."
    )


def test_a_comparison_of_too_few_queries_shows_nothing():
    comparison = {**made_comparison(), "queries": 3}
    comparison["differences"]["ap"]["p"] = None

    assert comparison_answers(comparison)[0].text == (
        "**Too few queries to tell**: ap 0.600 against 0.650, over 3 that both answer."
    )


def test_a_comparison_that_shows_none():
    which, _ = comparison_answers({**made_comparison(), "metric": "precision@10"})

    assert which.text.startswith(
        "**Neither is shown to be better**: precision@10 0.700 against 0.710"
    )


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        (("a", "flat"), ("b", "flat"), "**b**"),
        (("a", "flat"), ("a", "ivf"), "**ivf**"),
        (("a", "flat"), ("b", "ivf"), "**b, ivf**"),
        (("a", "flat"), ("a", "flat"), "**a, flat (second)**"),
    ],
)
def test_runs_are_named_by_what_they_differ_in(first, second, names):
    comparison = {
        **made_comparison(), "first": made_result(*first), "second": made_result(*second),
    }  # fmt: skip

    assert comparison_answers(comparison)[0].text.startswith(names)
