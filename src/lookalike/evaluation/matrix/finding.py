"""What an index finds of what exact search finds, and what it takes, along its knob."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.metrics import ann_recall_at_k, precision_at_k
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.matrix.building import Built
from lookalike.evaluation.matrix.exact import ANN_DEPTHS, Exact, sampled
from lookalike.evaluation.matrix.ranking import answered, joined_runs
from lookalike.evaluation.matrix.timing import TIMED_K, single_latency
from lookalike.index import FaissIndex, SearchParams
from lookalike.index.tuning.sweeping import ladder
from lookalike.vectors import DOT_PRODUCT_SLACK, unit_rows

__all__ = ["Found", "curve", "found_by"]

CURVE_SINGLES, CURVE_BUDGET_S = 300, 0.5
NEAR_ENOUGH = 0.9995
# Codes that blur set a limit to what any setting finds.
FLAT_RUNGS, LEAST_GAIN = 2, 0.001
# By how much 8-bit codes may miss a score.
BLUR = 0.02
PAIRS_AT_ONCE = 8192

Lines = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What an index answers.

    Attributes:
        run: As deep as the metrics at k need.
        recalls: ann_recall by k, as ``"10"``, of each query that was asked for it.
    """

    run: Run
    recalls: Scores


def found_by(built: Built, exact: Exact) -> Found:
    """Ask an index all queries, and for ann_recall@1, 10, 20 ... 100.

    An exact index has nothing to miss, and is not asked what is known already. Inverted
    lists answer a smaller k with the first of a greater one, so that one search serves
    all; of a large set, one of some queries. A graph, and candidates that are scored
    again, are asked for each k by itself, with some of the queries, unless they find
    everything.
    """
    if built.config.is_exact:
        run = exact.run
        everything = {str(k): np.ones(len(run)) for k in depths(exact)}
        return Found(run, recalls_of(run.queries, everything))
    deepest = max(exact.depth, depths(exact)[-1])
    if answers_alike(built):
        ask = partial(answered, built.index, exact.embedded, params=built.params)
        lines = exact.compared
        if len(lines) < len(exact.embedded.names):
            run, whole = ask(exact.depth), ask(deepest, lines=lines)
        else:
            whole = ask(deepest)
            run = joined_runs([whole], exact.depth)
        return Found(run, ann_recalls(built, exact, lines, whole))
    run = answered(built.index, exact.embedded, exact.depth, params=built.params)
    return Found(run, ann_recalls(built, exact, sampled(len(run))))


def depths(exact: Exact) -> list[int]:
    """List the k of ann_recall, as far as there are so many images."""
    return [depth for depth in ANN_DEPTHS if depth <= exact.embedded.findable]


def answers_alike(built: Built) -> bool:
    """Tell whether the answer to a smaller k is the beginning of that to a greater one."""
    index = built.index
    return isinstance(index, FaissIndex) and index.has_lists and not index.is_refined


def ann_recalls(built: Built, exact: Exact, lines: Lines, whole: Run | None = None) -> Scores:
    """Measure ann_recall at each k, of some queries.

    Args:
        built: The index.
        exact: What exact search finds.
        lines: Which queries, in rising order.
        whole: Their rankings, if all k can be read off them.
    """
    ask = partial(answered, built.index, exact.embedded, params=built.params, lines=lines)
    every = depths(exact)
    deepest = whole or ask(every[-1])
    last = ann_recall(deepest, exact, every[-1], lines)
    is_read_off = whole is not None or last.mean() >= NEAR_ENOUGH
    values = {
        str(k): last
        if k == every[-1]
        else ann_recall(deepest if is_read_off else ask(k), exact, k, lines)
        for k in every
    }
    return recalls_of(deepest.queries, values)


def recalls_of(queries: tuple[str, ...], values: dict[str, NDArray[np.float64]]) -> Scores:
    """Keep ann_recall as metrics are kept: every query has images that are nearest to it."""
    return Scores(queries, values, np.ones(len(queries), dtype=np.int64))


def ann_recall(run: Run, exact: Exact, k: int, lines: Lines) -> NDArray[np.float64]:
    """Compute ann_recall@k of each query of a run, which are ``lines`` of all.

    An image that scores as the exact k-th does is as right as that one, as it is for
    the tuner: of copies, no index has to find the very ones that exact search put first.
    """
    found, truth = run.image_ids[:, :k], exact.nearest(lines).image_ids[:, :k]
    shares = ann_recall_at_k(found, truth, k)
    known = np.maximum(1, np.count_nonzero(truth >= 0, axis=1))
    return np.asarray(np.minimum(1, shares + ties(run, exact, k, lines) / known))


def ties(run: Run, exact: Exact, k: int, lines: Lines) -> NDArray[np.int64]:
    """Count the hits of each query that exact search put behind the k-th, at its score."""
    nearest = exact.nearest(lines)
    found, truth = run.image_ids[:, :k], nearest.image_ids[:, :k]
    bound = nearest.scores[:, k - 1]
    span = np.arange(len(run))[:, None] * len(exact.embedded.rows)
    # What the index itself scores far below is no tie, however it rounds.
    near = (found >= 0) & (run.scores[:, :k] >= bound[:, None] - BLUR)
    near &= ~np.isin(found + span, truth + span)
    hits, places = np.nonzero(near)
    counts = np.zeros(len(run), dtype=np.int64)
    for start in range(0, len(hits), PAIRS_AT_ONCE):
        hit, place = (part[start : start + PAIRS_AT_ONCE] for part in (hits, places))
        rows = unit_rows(exact.embedded.rows[found[hit, place]])
        scores = np.einsum("nd,nd->n", exact.embedded.queries[lines[hit]], rows)
        counts += np.bincount(hit[scores >= bound[hit] - DOT_PRODUCT_SLACK], minlength=len(run))
    return counts


def curve(built: Built, exact: Exact, qrels: Qrels | None) -> list[dict[str, Any]]:
    """Measure from fast and careless to slow and thorough, where an index has such a knob.

    The curve ends where everything is found, or where more work finds no more.
    """
    if exact.embedded.findable < TIMED_K:
        return []
    points: list[dict[str, Any]] = []
    for params in settings(built):
        points.append(point(built, exact, qrels, params))
        recalls = [each["ann_recall@10"] for each in points]
        if recalls[-1] >= NEAR_ENOUGH or levelled(recalls):
            break
    return points


def point(built: Built, exact: Exact, qrels: Qrels | None, params: SearchParams) -> dict[str, Any]:
    """Measure one setting with some of the queries.

    What is timed asks for ten; what is judged, for as many more as may be junk.
    """
    embedded = exact.embedded
    # More queries would only make an interval narrower.
    lines = sampled(len(embedded.names))
    ask = partial(answered, built.index, embedded, params=params, lines=lines)
    start = time.perf_counter()
    run = ask(TIMED_K)
    batch_s = time.perf_counter() - start
    queries = embedded.queries[lines]
    latency = single_latency(built, queries, params, most=CURVE_SINGLES, budget_s=CURVE_BUDGET_S)
    junk = 0 if qrels is None else qrels.most_junk
    judged = ask(min(TIMED_K + junk, embedded.findable)) if junk else run
    return {
        "params": params.to_dict(),
        "ann_recall@10": float(ann_recall(run, exact, TIMED_K, lines).mean()),
        "qps": len(run) / batch_s,
        "p50_ms": latency["p50"],
        "precision@10": None if qrels is None else precision(judged, qrels),
    }


def levelled(recalls: Sequence[float]) -> bool:
    """Tell whether the last rungs found hardly more than those before."""
    return len(recalls) > FLAT_RUNGS and recalls[-1] - recalls[-1 - FLAT_RUNGS] < LEAST_GAIN


def precision(run: Run, qrels: Qrels) -> float | None:
    """Average precision@10 over the queries that have something to find; None if none has."""
    values: NDArray[np.float64] = precision_at_k(qrels.judge(run).without_junk(), TIMED_K)
    return None if np.isnan(values).all() else float(np.nanmean(values))


def settings(built: Built) -> Sequence[SearchParams]:
    """List the params that trade time for recall, cheapest first; none without a knob."""
    index = built.index
    if not (isinstance(index, FaissIndex) and (index.has_lists or index.has_graph)):
        return ()
    return [params.over(built.params) for params in ladder(index, TIMED_K)]
