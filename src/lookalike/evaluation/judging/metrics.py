"""Metrics of rankings: one value for each query.

In every formula, of one query, junk taken out of its ranking first:

- ``k`` is the cut-off, ``n`` the length of the ranking;
- ``rel(i)`` is 1 if the hit of rank ``i`` (from 1) is a positive, else 0;
- ``R`` is how many positives there are to be found, whether they were or not;
- ``P(i) = (rel(1) + ... + rel(i)) / i`` is the precision at rank ``i``.

A rank after the end of a ranking counts as a negative. A query with ``R = 0`` has no
value: NaN, to be left out of means, where 0 would say that a search had failed.
Each function takes what ``Judged.without_junk`` returns and gives float64 ``(q,)``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.protocol import Judged

__all__ = [
    "ann_recall_at_k",
    "average_precision",
    "average_precision_at_k",
    "average_precision_trapezoid",
    "false_positive_rate_at_k",
    "hit_rate_at_k",
    "ndcg_at_k",
    "precision_at_k",
    "precision_at_k_revisited",
    "r_precision",
    "recall_at_k",
    "reciprocal_rank",
]

Values = NDArray[np.float64]
Places = NDArray[np.int64]


def precision_at_k(judged: Judged, k: int) -> Values:
    """Compute which share of the first k hits is positive.

    ``precision@k = (rel(1) + ... + rel(k)) / k``

    A query with ``R < k`` cannot reach 1: see ``r_precision``.

    Source: ``P_k`` of trec_eval; Manning, Raghavan and Schütze, *Introduction to
    Information Retrieval*, Cambridge 2008, section 8.4.
    """
    return answerable(judged, found_within(judged, k) / k)


def false_positive_rate_at_k(judged: Judged, k: int) -> Values:
    """Compute which share of the first k hits is wrong.

    ``fpr@k = 1 - precision@k``

    The name is that of a published comparison of image encoders, which plots it over
    k. It is no false-positive rate in the sense of ROC curves, which is the share of
    all negatives that were taken for positives; elsewhere it is called the false
    discovery rate at k (Benjamini and Hochberg, 1995).
    """
    return 1 - precision_at_k(judged, k)


def recall_at_k(judged: Judged, k: int) -> Values:
    """Compute which share of all positives is among the first k hits.

    ``recall@k = (rel(1) + ... + rel(k)) / R``

    A query with ``R > k`` cannot reach 1. Much of the metric-learning literature calls
    ``hit_rate_at_k`` by this name.

    Source: ``recall_k`` of trec_eval; Manning, Raghavan and Schütze 2008, section 8.3.
    """
    return per_positive(judged, found_within(judged, k))


def hit_rate_at_k(judged: Judged, k: int) -> Values:
    """Compute whether any positive is among the first k hits: 1 or 0.

    ``hit_rate@k = max(rel(1), ..., rel(k))``

    Source: ``success_k`` of trec_eval; "Recall@K" in Jégou, Douze and Schmid, *Product
    quantization for nearest neighbor search*, TPAMI 2011, and Oh Song et al., *Deep
    metric learning via lifted structured feature embedding*, CVPR 2016.
    """
    return answerable(judged, (found_within(judged, k) > 0).astype(np.float64))


def r_precision(judged: Judged) -> Values:
    """Compute the precision after as many hits as there are positives.

    ``r_precision = (rel(1) + ... + rel(R)) / R``, where precision and recall are equal.

    Source: ``Rprec`` of trec_eval; Manning, Raghavan and Schütze 2008, section 8.4.

    Raises:
        UsageError: A ranking has not room for R hits.
    """
    require_room(judged, "R-precision")
    lines, ranks, _ = found_positives(judged.grades)
    is_inside = ranks <= judged.positives[lines]
    return per_positive(judged, np.bincount(lines[is_inside], minlength=len(judged.positives)))


def average_precision(judged: Judged) -> Values:
    """Compute the mean, over all positives, of the precision where each was found.

    ``AP = (1 / R) * sum over i = 1 ... n of P(i) * rel(i)``

    A positive that was not found adds 0. The ranking must be whole: of one that was
    cut off this is not the average precision (see ``average_precision_at_k``). The
    mean over queries is mAP.

    Source: ``map`` of trec_eval; Manning, Raghavan and Schütze 2008, section 8.4.

    Raises:
        UsageError: A ranking has not room for R hits.
    """
    require_room(judged, "average precision")
    return per_positive(judged, summed_precision(judged.grades))


def average_precision_trapezoid(judged: Judged) -> Values:
    """Compute the area under the precision-recall curve as the Oxford and Paris sets do.

    ``AP = (1 / R) * sum over found positives j = 1, 2, ... of (P0(j) + P1(j)) / 2``

    with ``r(j)`` the rank of the j-th positive found, ``P1(j) = j / r(j)`` the
    precision there, and ``P0(j) = (j - 1) / (r(j) - 1)`` the precision just before, 1
    where ``r(j) = 1``: the curve is taken as straight between the two. Junk must be
    out of the ranking, which must be whole.

    Source: ``compute_ap`` of Philbin et al., *Object retrieval with large vocabularies
    and fast spatial matching*, CVPR 2007; unchanged in Radenović et al., *Revisiting
    Oxford and Paris*, CVPR 2018.

    Raises:
        UsageError: A ranking has not room for R hits.
    """
    require_room(judged, "average precision")
    lines, ranks, nth = found_positives(judged.grades)
    before = np.where(ranks == 1, 1.0, (nth - 1) / np.maximum(ranks - 1, 1))
    areas = (before + nth / ranks) / 2
    return per_positive(judged, np.bincount(lines, areas, minlength=len(judged.positives)))


def average_precision_at_k(judged: Judged, k: int, *, is_capped: bool = True) -> Values:
    """Compute the average precision of a ranking that ends after k hits.

    ``AP@k = (1 / min(R, k)) * sum over i = 1 ... k of P(i) * rel(i)``

    Args:
        judged: A judged run.
        k: The cut-off.
        is_capped: Divide by ``min(R, k)``, so that k positives first are 1. Otherwise
            by R, so that it is a lower bound of the average precision, and what
            trec_eval computes.

    Source: the mean is ``map_cut_k`` of trec_eval if not capped; if capped, "MAP@K" of
    the Google Landmark challenges (Weyand et al., *Google Landmarks Dataset v2*, CVPR
    2020).
    """
    require_cutoff(judged, k)
    sums = summed_precision(judged.grades[:, :k])
    most = np.minimum(judged.positives, k) if is_capped else judged.positives
    return answerable(judged, sums / np.maximum(most, 1))


def ndcg_at_k(judged: Judged, k: int, *, is_exponential: bool = False) -> Values:
    """Compute the discounted gain of the first k hits, relative to the best possible.

    ``nDCG@k = DCG@k / IDCG@k``, ``DCG@k = sum over i = 1 ... k of gain(i) / log2(i + 1)``

    with ``gain(i)`` the grade of the hit of rank ``i``, and ``IDCG@k`` the ``DCG@k`` of
    all positives in the order of falling grade.

    Args:
        judged: A judged run.
        k: The cut-off.
        is_exponential: Take ``2 ** grade - 1`` for the gain. It makes no difference
            where all grades are 0 or 1.

    Source: ``ndcg_cut_k`` of trec_eval; Järvelin and Kekäläinen, *Cumulated gain-based
    evaluation of IR techniques*, TOIS 2002, with the discount of Burges et al.,
    *Learning to rank using gradient descent*, ICML 2005, whose gain is the exponential.
    """
    require_cutoff(judged, k)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    if judged.ideal is None:
        sums = np.concatenate([[0.0], np.cumsum(discounts)])
        best = sums[np.minimum(judged.positives, k)]
    else:
        best = gains(judged.ideal[:, :k], is_exponential) @ discounts
    reached = gains(judged.grades[:, :k], is_exponential) @ discounts
    return answerable(judged, reached / np.where(best > 0, best, 1))


def reciprocal_rank(judged: Judged) -> Values:
    """Compute one over the rank of the first positive; 0 where none was found.

    ``RR = 1 / min(i : rel(i) = 1)``. The mean over queries is MRR; of a ranking that
    was cut off it is MRR@depth.

    Source: ``recip_rank`` of trec_eval; Voorhees, *The TREC-8 question answering track
    report*, 1999.
    """
    is_positive = judged.grades > 0
    first = is_positive.argmax(axis=1)
    is_found = is_positive[np.arange(len(first)), first]
    return answerable(judged, is_found / (first + 1))


def precision_at_k_revisited(judged: Judged, k: int) -> Values:
    """Compute precision at k as the revisited Oxford and Paris sets do.

    ``mP@k = (rel(1) + ... + rel(k')) / k'``, ``k' = min(k, r(R))``

    with ``r(R)`` the rank of the last positive: a query with fewer positives than k
    reaches 1 when all of them come first. Where some were not found, ``k' = k``.

    Source: mP@10 in Radenović et al., *Revisiting Oxford and Paris: large-scale image
    retrieval benchmarking*, CVPR 2018, as its published code computes it.
    """
    found = found_within(judged, k)
    is_positive = judged.grades[:, :k] > 0
    last = k - is_positive[:, ::-1].argmax(axis=1)
    is_complete = (found == judged.positives) & (found > 0)
    return answerable(judged, found / np.where(is_complete, last, k))


def ann_recall_at_k(
    found: NDArray[np.int64], exact: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """Compute which share of the k nearest an index found among its first k.

    ``ann_recall@k = |F(k) ∩ E(k)| / |E(k)|``

    with ``F(k)`` the first k image_ids of the index and ``E(k)`` the first k of exact
    search. It says how well an index stands in for exact search, and nothing about
    whether the images are alike. Of images that tie for the k-th place only those that
    exact search put first count: whoever has the scores counts the others too, as
    ``evaluation.matrix`` does.

    Args:
        found: int64 ``(q, n)`` with ``n >= k``, best first, no image twice; below 0
            where there was no further hit.
        exact: The same of exact search.
        k: The cut-off.

    Source: "recall" of Aumüller, Bernhardsson and Faithfull, *ANN-Benchmarks*,
    Information Systems 2020, there by distance, so that all that tie count.

    Raises:
        UsageError: The shapes do not fit, or are shorter than k.
    """
    if len(found) != len(exact) or not 1 <= k <= min(found.shape[1], exact.shape[1]):
        raise UsageError(
            f"ann_recall@{k} compares two lists of at least {k} image_ids for each query, not "
            f"{found.shape} and {exact.shape}."
        )
    both = np.sort(np.concatenate([found[:, :k], exact[:, :k]], axis=1), axis=1)
    common = ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum(axis=1)
    there = (exact[:, :k] >= 0).sum(axis=1)
    return np.where(there > 0, common / np.maximum(there, 1), np.nan)


def found_within(judged: Judged, k: int) -> Places:
    """Count the positives among the first k hits."""
    require_cutoff(judged, k)
    count: Places = (judged.grades[:, :k] > 0).sum(axis=1, dtype=np.int64)
    return count


def found_positives(grades: NDArray[np.int8]) -> tuple[Places, Places, Places]:
    """List the positives that were found, line by line, best first.

    Returns:
        Of each: its line; its rank; how many positives were found down to it.
    """
    lines, columns = np.nonzero(grades > 0)
    starts = np.searchsorted(lines, np.arange(len(grades)))
    return lines, columns + 1, np.arange(1, len(lines) + 1) - starts[lines]


def summed_precision(grades: NDArray[np.int8]) -> Values:
    """Add up the precision at each positive that was found."""
    lines, ranks, nth = found_positives(grades)
    return np.bincount(lines, nth / ranks, minlength=len(grades)).astype(np.float64)


def gains(grades: NDArray[np.int8], is_exponential: bool) -> Values:
    """Turn grades into gains; a negative, and what is below, gains nothing."""
    positive = np.maximum(grades, 0).astype(np.float64)
    return np.exp2(positive) - 1 if is_exponential else positive


def answerable(judged: Judged, values: Values) -> Values:
    """Put NaN where a query has no positives."""
    return np.where(judged.positives > 0, values, np.nan)


def per_positive(judged: Judged, sums: NDArray[np.float64] | Places) -> Values:
    """Divide by the number of positives."""
    return answerable(judged, sums / np.maximum(judged.positives, 1))


def require_cutoff(judged: Judged, k: int) -> None:
    """Refuse a k that the rankings do not reach.

    Raises:
        UsageError: It is below 1 or beyond the depth.
    """
    if not 1 <= k <= judged.grades.shape[1]:
        raise UsageError(
            f"k is {k}, and the rankings are {judged.grades.shape[1]} hits deep: choose a k from "
            "1 to that."
        )


def require_room(judged: Judged, name: str) -> None:
    """Refuse rankings that were cut off before R hits.

    Raises:
        UsageError: There is one.
    """
    depth, most = judged.grades.shape[1], int(judged.positives.max(initial=0))
    if most > depth:
        raise UsageError(
            f"The {name} needs whole rankings: these end after {depth} hits, and a query has "
            f"{most} positives. Rank all images, or take a metric at k."
        )
