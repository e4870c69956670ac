"""What an index finds of what exact search finds, and what it takes, along its knob."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.metrics import ann_recall_at_k, precision_at_k
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.matrix.building import Built
from lookalike.evaluation.matrix.exact import ANN_DEPTHS, Exact
from lookalike.evaluation.matrix.ranking import answered
from lookalike.evaluation.matrix.timing import TIMED_K, single_latency
from lookalike.index import FaissIndex, SearchParams
from lookalike.index.tuning.sweeping import ladder
from lookalike.vectors import DOT_PRODUCT_SLACK, unit_rows

__all__ = ["ann_recalls", "curve"]

# Queries that a curve is drawn with: more would only make it smoother.
CURVE_QUERIES = 1000
CURVE_SINGLES, CURVE_BUDGET_S = 300, 0.5
NEAR_ENOUGH = 0.9995
# Codes that blur set a limit to what any setting finds.
FLAT_RUNGS, LEAST_GAIN = 2, 0.001
# By how much 8-bit codes may miss a score.
BLUR = 0.02
PAIRS_AT_ONCE = 8192


def ann_recalls(built: Built, exact: Exact) -> dict[str, float]:
    """Measure ann_recall@1, 10, 20 ... 100, each asked for by itself.

    What finds everything of the deepest gives the first of it for each smaller one. An
    index that compares all rows is asked some queries only: it has nothing to miss.
    """
    depths = [depth for depth in ANN_DEPTHS if depth <= exact.embedded.findable]
    first = CURVE_QUERIES if built.config.is_exact else None
    ask = partial(answered, built.index, exact.embedded, params=built.params, first=first)
    deepest = ask(depths[-1])
    recalls = {}
    is_complete = ann_recall(deepest, exact, depths[-1]) >= NEAR_ENOUGH
    for depth in depths:
        run = deepest if is_complete else ask(depth)
        recalls[str(depth)] = ann_recall(run, exact, depth)
    return recalls


def ann_recall(run: Run, exact: Exact, k: int) -> float:
    """Average ann_recall@k over the queries of a run, the first of all.

    An image that scores as the exact k-th does is as right as that one, as it is for
    the tuner: of copies, no index has to find the very ones that exact search put first.
    """
    found, truth = run.image_ids[:, :k], exact.image_ids(k)[: len(run)]
    shares = ann_recall_at_k(found, truth, k)
    known = np.maximum(1, np.count_nonzero(truth >= 0, axis=1))
    return float(np.minimum(1, shares + ties(run, exact, k) / known).mean())


def ties(run: Run, exact: Exact, k: int) -> NDArray[np.int64]:
    """Count the hits of each query that exact search put behind the k-th, at its score."""
    found, truth = run.image_ids[:, :k], exact.image_ids(k)[: len(run)]
    bound = exact.search().scores[: len(run), k - 1]
    span = np.arange(len(run))[:, None] * len(exact.embedded.rows)
    # What the index itself scores far below is no tie, however it rounds.
    near = (found >= 0) & (run.scores[:, :k] >= bound[:, None] - BLUR)
    near &= ~np.isin(found + span, truth + span)
    lines, places = np.nonzero(near)
    counts = np.zeros(len(run), dtype=np.int64)
    for start in range(0, len(lines), PAIRS_AT_ONCE):
        line, place = (part[start : start + PAIRS_AT_ONCE] for part in (lines, places))
        rows = unit_rows(exact.embedded.rows[found[line, place]])
        scores = np.einsum("nd,nd->n", exact.embedded.queries[line], rows)
        counts += np.bincount(line[scores >= bound[line] - DOT_PRODUCT_SLACK], minlength=len(run))
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
    """Measure one setting."""
    start = time.perf_counter()
    run = answered(built.index, exact.embedded, TIMED_K, params=params, first=CURVE_QUERIES)
    batch_s = time.perf_counter() - start
    queries = exact.embedded.queries[: len(run)]
    latency = single_latency(built, queries, params, most=CURVE_SINGLES, budget_s=CURVE_BUDGET_S)
    return {
        "params": params.to_dict(),
        "ann_recall@10": ann_recall(run, exact, TIMED_K),
        "qps": len(run) / batch_s,
        "p50_ms": latency["p50"],
        "precision@10": None if qrels is None else precision(run, qrels),
    }


def levelled(recalls: Sequence[float]) -> bool:
    """Tell whether the last rungs found hardly more than those before."""
    return len(recalls) > FLAT_RUNGS and recalls[-1] - recalls[-1 - FLAT_RUNGS] < LEAST_GAIN


def precision(run: Run, qrels: Qrels) -> float:
    """Average precision@10 over the queries that have something to find."""
    values: NDArray[np.float64] = precision_at_k(qrels.judge(run).without_junk(), TIMED_K)
    return float(np.nanmean(values)) if not np.isnan(values).all() else 0.0


def settings(built: Built) -> Sequence[SearchParams]:
    """List the params that trade time for recall, cheapest first; none without a knob."""
    index = built.index
    if not (isinstance(index, FaissIndex) and (index.has_lists or index.has_graph)):
        return ()
    return [params.over(built.params) for params in ladder(index, TIMED_K)]
