"""Every metric against a ranking counted by hand, then against other people's code."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.metrics import (
    ann_recall_at_k,
    average_precision,
    average_precision_at_k,
    average_precision_trapezoid,
    false_positive_rate_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    precision_at_k_revisited,
    r_precision,
    recall_at_k,
    reciprocal_rank,
)
from lookalike.evaluation.judging.protocol import JUNK, UNRANKED, Judged

# Three queries over seven images:
# the first finds three of its four positives, at ranks 1, 3 and 6 once the junk is out;
# the second finds its only one at rank 3, and its ranking ends there;
# the third has nothing to find.
GRADES = [
    [1, 0, JUNK, 1, 0, 0, 1],
    [0, 0, 1, UNRANKED, UNRANKED, UNRANKED, UNRANKED],
    [0, 0, 0, 0, 0, 0, 0],
]


@pytest.fixture
def judged() -> Judged:
    return judged_of(GRADES, [4, 1, 0]).without_junk()


def judged_of(grades, positives, ideal=None) -> Judged:
    return Judged(
        np.array(grades, dtype=np.int8),
        np.array(positives, dtype=np.int64),
        None if ideal is None else np.array(ideal, dtype=np.int8),
    )


def same(values, first, second):
    """Compare with two values by hand; the third query has none."""
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, [first, second, np.nan], rtol=1e-15, atol=0)


def test_junk_leaves_no_gap(judged):
    assert judged.grades[0].tolist() == [1, 0, 1, 0, 0, 1, UNRANKED]
    assert judged.grades[1].tolist() == GRADES[1]
    assert judged.positives.tolist() == [4, 1, 0]


def test_without_junk_nothing_is_copied():
    judged = judged_of([[1, 0], [0, UNRANKED]], [1, 1])
    assert judged.without_junk() is judged


def test_precision(judged):
    same(precision_at_k(judged, 1), 1, 0)
    same(precision_at_k(judged, 2), 1 / 2, 0)
    same(precision_at_k(judged, 3), 2 / 3, 1 / 3)
    same(precision_at_k(judged, 5), 2 / 5, 1 / 5)
    same(precision_at_k(judged, 6), 3 / 6, 1 / 6)


def test_false_positives(judged):
    same(false_positive_rate_at_k(judged, 1), 0, 1)
    same(false_positive_rate_at_k(judged, 5), 3 / 5, 4 / 5)


def test_recall(judged):
    same(recall_at_k(judged, 1), 1 / 4, 0)
    same(recall_at_k(judged, 3), 2 / 4, 1)
    same(recall_at_k(judged, 7), 3 / 4, 1)


def test_hit_rate(judged):
    same(hit_rate_at_k(judged, 1), 1, 0)
    same(hit_rate_at_k(judged, 2), 1, 0)
    same(hit_rate_at_k(judged, 3), 1, 1)


def test_r_precision(judged):
    # Two of the first four; none of the first one.
    same(r_precision(judged), 2 / 4, 0)


def test_r_precision_takes_in_the_hit_of_rank_r():
    assert r_precision(judged_of([[0, 1, 1]], [2])).tolist() == [1 / 2]


def test_average_precision(judged):
    same(average_precision(judged), (1 / 1 + 2 / 3 + 3 / 6) / 4, 1 / 3)


def test_average_precision_by_trapezoid(judged):
    # Before rank 1 precision is 1, before rank 3 it is 1/2, before rank 6 it is 2/5.
    areas = (1 + 1) / 2 + (1 / 2 + 2 / 3) / 2 + (2 / 5 + 3 / 6) / 2
    same(average_precision_trapezoid(judged), areas / 4, (0 + 1 / 3) / 2)


def test_average_precision_at_k(judged):
    same(average_precision_at_k(judged, 1), 1, 0)
    same(average_precision_at_k(judged, 3), (1 + 2 / 3) / 3, 1 / 3)
    same(average_precision_at_k(judged, 5), (1 + 2 / 3) / 4, 1 / 3)
    same(average_precision_at_k(judged, 3, is_capped=False), (1 + 2 / 3) / 4, 1 / 3)


def test_ndcg(judged):
    dcg, best = 1 + 1 / log2(4), 1 + 1 / log2(3) + 1 / log2(4)
    same(ndcg_at_k(judged, 3), dcg / best, 1 / log2(4))
    same(ndcg_at_k(judged, 1), 1, 0)
    # Four positives are all there are to the best of seven hits.
    whole = (1 + 1 / log2(4) + 1 / log2(7)) / (best + 1 / log2(5))
    same(ndcg_at_k(judged, 7), whole, 1 / log2(4))


def test_ndcg_of_grades():
    judged = judged_of([[1, JUNK, 3, 0]], [3], [[3, 2, 1, 0]]).without_junk()
    assert ndcg_at_k(judged, 2) == pytest.approx((1 + 3 / log2(3)) / (3 + 2 / log2(3)))
    assert ndcg_at_k(judged, 2, is_exponential=True) == pytest.approx(
        (1 + 7 / log2(3)) / (7 + 3 / log2(3))
    )
    # Of a ranking without any grade above 1 the gains are the same.
    plain = judged_of([[0, 1, 1]], [2])
    assert ndcg_at_k(plain, 3) == ndcg_at_k(plain, 3, is_exponential=True)


def test_grades_without_their_ideal_are_refused():
    with pytest.raises(UsageError, match="needs its ideal ranking"):
        judged_of([[2, 0]], [1])


def test_reciprocal_rank(judged):
    same(reciprocal_rank(judged), 1, 1 / 3)
    assert reciprocal_rank(judged_of([[0, 0]], [1])).tolist() == [0]


def test_precision_of_the_revisited_sets():
    # Two positives, at ranks 1 and 3: all are found by then, so 5 hits need not be full.
    judged = judged_of([[1, 0, 1, 0, 0]], [2])
    assert precision_at_k_revisited(judged, 5).tolist() == [2 / 3]
    assert precision_at_k_revisited(judged, 3).tolist() == [2 / 3]
    assert precision_at_k_revisited(judged, 2).tolist() == [1 / 2]
    # A third one was not found.
    assert precision_at_k_revisited(judged_of([[1, 0, 1, 0, 0]], [3]), 5).tolist() == [2 / 5]


def test_ann_recall():
    found = np.array([[4, 2, 9], [1, 2, -1], [5, 6, 7]])
    exact = np.array([[2, 4, 8], [2, 3, -1], [-1, -1, -1]])
    np.testing.assert_array_equal(ann_recall_at_k(found, exact, 1), [0, 0, np.nan])
    np.testing.assert_array_equal(ann_recall_at_k(found, exact, 2), [1, 1 / 2, np.nan])
    # Where exact search has two hits only, these two are all there is to find.
    np.testing.assert_array_equal(ann_recall_at_k(found, exact, 3), [2 / 3, 1 / 2, np.nan])


@pytest.mark.parametrize("k", [0, 4])
def test_ann_recall_needs_k_of_both(k):
    with pytest.raises(UsageError, match=f"ann_recall@{k} compares"):
        ann_recall_at_k(np.ones((1, 3), dtype=np.int64), np.ones((1, 4), dtype=np.int64), k)


@pytest.mark.parametrize("k", [0, 8])
def test_a_k_that_the_ranking_does_not_reach(judged, k):
    for metric in (precision_at_k, recall_at_k, ndcg_at_k, average_precision_at_k):
        with pytest.raises(UsageError, match=f"k is {k}, and the rankings are 7 hits deep"):
            metric(judged, k)


@pytest.mark.parametrize("metric", [average_precision, average_precision_trapezoid, r_precision])
def test_a_ranking_that_was_cut_off_has_no_average_precision(metric):
    with pytest.raises(UsageError, match="needs whole rankings: these end after 2 hits"):
        metric(judged_of([[1, 0]], [3]))


def random_rankings(seed):
    dice = np.random.default_rng(seed)
    grades = dice.integers(0, 4, (20, 30)) * (dice.random((20, 30)) < 0.3)
    grades[:, 7] = 1
    return grades, judged_of(grades, (grades > 0).sum(axis=1), -np.sort(-grades, axis=1))


def test_scikit_learn_agrees_on_whole_rankings():
    sklearn = pytest.importorskip("sklearn.metrics")
    grades, judged = random_rankings(1)
    falling = np.arange(30, 0, -1)
    expected = [sklearn.average_precision_score(line > 0, falling) for line in grades]
    np.testing.assert_allclose(average_precision(judged), expected, rtol=1e-12)
    for k in (1, 5, 30):
        expected = [sklearn.ndcg_score(line[None], falling[None], k=k) for line in grades]
        np.testing.assert_allclose(ndcg_at_k(judged, k), expected, rtol=1e-12)


def plain(grades, found_of, k):
    """Compute everything again, one hit after the other."""
    hits = [int(grade > 0) for grade in grades if grade != JUNK]
    ranks = [rank for rank, hit in enumerate(hits, start=1) if hit]
    precisions = [(nth + 1) / rank for nth, rank in enumerate(ranks)]
    before = [nth / (rank - 1) if rank > 1 else 1 for nth, rank in enumerate(ranks)]
    areas = [sum(sides) / 2 for sides in zip(before, precisions, strict=True)]
    last = min(k, ranks[-1]) if len(ranks) == found_of else k
    discounts = [1 / log2(rank + 1) for rank in range(1, k + 1)]
    early = [precision for precision, rank in zip(precisions, ranks, strict=True) if rank <= k]
    return {
        "precision": sum(hits[:k]) / k,
        "recall": sum(hits[:k]) / found_of,
        "hit_rate": float(any(hits[:k])),
        "ap": sum(precisions) / found_of,
        "ap@k": sum(early) / min(found_of, k),
        "rr": 1 / ranks[0],
        "r_precision": sum(hits[:found_of]) / found_of,
        "ap_trapezoid": sum(areas) / found_of,
        "mp": sum(hits[:last]) / last,
        "ndcg": sum(gain for gain, hit in zip(discounts, hits, strict=False) if hit)
        / sum(discounts[:found_of]),
    }


@pytest.mark.parametrize("k", [1, 2, 9, 10])
def test_hit_by_hit_it_comes_to_the_same(k):
    dice = np.random.default_rng(k)
    grades = dice.choice([0, 0, 0, 1, 1, JUNK], (50, 40))
    grades[:, 20] = 1
    positives = (grades > 0).sum(axis=1) + dice.integers(0, 3, 50)
    judged = judged_of(grades, positives).without_junk()
    computed = {
        "precision": precision_at_k(judged, k),
        "recall": recall_at_k(judged, k),
        "hit_rate": hit_rate_at_k(judged, k),
        "ap": average_precision(judged),
        "ap@k": average_precision_at_k(judged, k),
        "rr": reciprocal_rank(judged),
        "r_precision": r_precision(judged),
        "ap_trapezoid": average_precision_trapezoid(judged),
        "mp": precision_at_k_revisited(judged, k),
        "ndcg": ndcg_at_k(judged, k),
    }
    for line in range(50):
        for name, value in plain(grades[line], positives[line], k).items():
            assert computed[name][line] == pytest.approx(value, rel=1e-12), name
