"""One configuration: an encoder's embeddings in one index, measured and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.intervals import Estimate, estimates
from lookalike.evaluation.judging.protocol import JUNK
from lookalike.evaluation.judging.runs import NO_IMAGE, Run
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.judging.tables import (
    QueryRow,
    best_queries,
    per_class,
    worst_queries,
)
from lookalike.evaluation.machine import installed, machine
from lookalike.evaluation.matrix.building import Built, one_thread
from lookalike.evaluation.matrix.embedded import Listener
from lookalike.evaluation.matrix.exact import Exact, scored
from lookalike.evaluation.matrix.finding import Found, curve, found_by
from lookalike.evaluation.matrix.ranking import joined_runs
from lookalike.evaluation.matrix.results import FORMAT
from lookalike.evaluation.matrix.timing import batch_qps, single_latency
from lookalike.evaluation.matrix.wishes import EvalWish
from lookalike.index import FaissIndex, IndexConfig

__all__ = ["Measured", "measure", "set_facts"]

# Best and worst queries that a result shows, and how many hits of each.
SHOWN_QUERIES = 10
SHOWN_HITS = 10
CLASS_K = 10


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of one configuration.

    Attributes:
        facts: What its JSON file holds.
        run: What was found, as deep as the largest k.
        scores: Every metric of every query.
        positives: By protocol, how many images answer each query.
    """

    facts: dict[str, Any]
    run: Run
    scores: Scores
    positives: dict[str, NDArray[np.int64]]


def measure(
    image_set: ImageSet, exact: Exact, built: Built, wish: EvalWish, *, tell: Listener
) -> Measured:
    """Time an index, and judge what it finds.

    Args:
        image_set: The pictures and their judgements.
        exact: What exact search finds with the encoder.
        built: The index.
        wish: How intervals are made.
        tell: Told what is being done.

    Raises:
        UsageError: No query has anything to find.
    """
    is_whole = built.config.is_exact and exact.is_whole
    exact.lend(built.index)
    # Exact search is done once for all indexes, with all threads; ranking all images
    # finds the first few on the way.
    by_protocol = exact.scores if built.config.is_exact else {}
    exact.nearest(exact.compared)
    tell(f"asking {built.name}", 0, 0)
    found = found_by(built, exact)
    run = found.run
    with one_thread():
        index = described(built, exact, found, wish, tell)
    tell(f"judging {built.name}", 0, 0)
    by_protocol = by_protocol or scored(
        run, exact.judgements, exact.ks, is_whole=False, findable=exact.embedded.findable
    )
    scores = together(run, by_protocol)
    facts = {
        "format": FORMAT,
        "measured": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine(),
        "lookalike": installed("lookalike").removeprefix("lookalike "),
        "set": set_facts(image_set, exact),
        "encoder": exact.embedded.encoder,
        "index": index,
        "parameters": {
            "ks": exact.ks,
            "ranking": "whole" if is_whole else "top",
            "depth": exact.embedded.findable if is_whole else run.depth,
            "resamples": wish.resamples,
            "level": wish.level,
            "seed": wish.seed,
        },
        "metrics": {name: asdict(each) for name, each in estimated(scores, wish).items()},
        "left_out": next(iter(by_protocol.values())).left_out if by_protocol else 0,
        "left_out_by": {name: each.left_out for name, each in by_protocol.items()},
        **shown(image_set, exact, run, by_protocol, wish),
    }
    positives = {name: each.positives for name, each in by_protocol.items()}
    return Measured(facts, joined_runs([run], exact.depth), scores, positives)


def described(
    built: Built, exact: Exact, found: Found, wish: EvalWish, tell: Listener
) -> dict[str, Any]:
    """Say what was built, what that took, and what it finds in which time."""
    embedded = exact.embedded
    tell(f"timing {built.name}", 0, 0)
    latency = single_latency(built, embedded.queries, built.params)
    qps = batch_qps(built, embedded.queries, built.params)
    recalls = estimated(found.recalls, wish)
    tell(f"drawing the curve of {built.name}", 0, 0)
    return {
        "name": built.name,
        "config": described_config(built),
        "params": built.params.to_dict(),
        "build_s": built.build_s,
        "tuning_s": built.tuning_s,
        "memory_bytes": built.memory_bytes,
        "rows": len(embedded.rows) - len(embedded.dead),
        "latency_ms": latency,
        "batch_qps": qps,
        "ann_recall": {k: each.mean for k, each in recalls.items()},
        "ann_recall_intervals": {
            k: {"low": each.low, "high": each.high} for k, each in recalls.items()
        },
        "ann_recall_queries": len(found.recalls),
        "curve": curve(built, exact, next(iter(exact.judgements.values()), None)),
        "remarks": built.remarks,
    }


def described_config(built: Built) -> dict[str, Any]:
    """Say what an index was built as: its kind, how many lists, and what is not as usual."""
    usual = IndexConfig().to_dict()
    given = {name: each for name, each in built.config.to_dict().items() if each != usual[name]}
    lists = built.index.nlist if isinstance(built.index, FaissIndex) else None
    return {"kind": built.config.kind, **({"nlist": lists} if lists else {}), **given}


def set_facts(image_set: ImageSet, exact: Exact) -> dict[str, Any]:
    """Say what was searched in and with."""
    embedded = exact.embedded
    remarks = [
        *image_set.remarks,
        *(
            f"By the judgements {name} no query that was asked has anything to find."
            for name in image_set.judgements
            if exact.judgements and name not in exact.judgements
        ),
    ]
    if len(embedded.dead):
        remarks.append(f"Pictures that cannot be read, and were left out: {len(embedded.dead):,}.")
    return {
        "name": image_set.name,
        "fingerprint": image_set.fingerprint,
        "images": len(embedded.rows) - len(embedded.dead),
        "queries": len(embedded.names),
        "classes": image_set.class_count,
        "is_leave_one_out": bool((embedded.self_ids >= 0).all()),
        "judgements": list(exact.judgements or image_set.judgements),
        "root": str(image_set.root),
        "licence": image_set.licence,
        "remarks": remarks,
    }


def together(run: Run, by_protocol: Mapping[str, Scores]) -> Scores:
    """Put the metrics of all protocols side by side, named after theirs where there are several."""
    if len(by_protocol) == 1:
        return next(iter(by_protocol.values()))
    if not by_protocol:
        return Scores(run.queries, {}, np.zeros(len(run), dtype=np.int64))
    values: dict[str, NDArray[np.float64]] = {}
    for name, scores in by_protocol.items():
        values.update(scores.prefixed(f"{name}:").values)
    first = next(iter(by_protocol.values()))
    return Scores(run.queries, values, first.positives, first.groups)


def estimated(scores: Scores, wish: EvalWish) -> Mapping[str, Estimate]:
    """Average every metric, with its interval."""
    if not scores.values:
        return {}
    return estimates(scores, resamples=wish.resamples, level=wish.level, seed=wish.seed)


def shown(
    image_set: ImageSet,
    exact: Exact,
    run: Run,
    by_protocol: Mapping[str, Scores],
    wish: EvalWish,
) -> dict[str, Any]:
    """Pick what people look at: classes, and the best and worst queries with their hits."""
    if not by_protocol:
        return {"classes": [], "best": [], "worst": []}
    protocol, scores = next(iter(by_protocol.items()))
    cut = CLASS_K if CLASS_K in exact.ks else max(exact.ks)
    metric = next(name for name in ("ap_trapezoid", "ap", f"map@{cut}") if name in scores.values)
    of_class = [name for name in (f"precision@{cut}", f"map@{cut}", "ap") if name in scores.values]
    prefix = f"{protocol}:" if len(by_protocol) > 1 else ""
    lines = {query: line for line, query in enumerate(run.queries)}

    def pictured(row: QueryRow) -> dict[str, Any]:
        hits = hits_of(image_set, protocol, run, lines[row.query])
        return {**asdict(row), "metric": f"{prefix}{metric}", "hits": hits}

    classes = per_class(
        scores, of_class, resamples=wish.resamples, level=wish.level, seed=wish.seed
    )
    return {
        "classes": [asdict(row) for row in classes],
        "best": [pictured(row) for row in best_queries(scores, metric, SHOWN_QUERIES)],
        "worst": [pictured(row) for row in worst_queries(scores, metric, SHOWN_QUERIES)],
    }


def hits_of(image_set: ImageSet, protocol: str, run: Run, line: int) -> list[dict[str, Any]]:
    """List the first hits of one query, and which of them answer it."""
    part = Run(
        run.queries[line : line + 1],
        run.image_ids[line : line + 1, :SHOWN_HITS],
        run.scores[line : line + 1, :SHOWN_HITS],
    )
    grades = image_set.judgements[protocol].judge(part).grades[0]
    return [
        {
            "path": image_set.images[image_id],
            "score": float(score),
            "is_positive": bool(grade > 0),
            "is_junk": bool(grade == JUNK),
        }
        for image_id, score, grade in zip(part.image_ids[0], part.scores[0], grades, strict=True)
        if image_id != NO_IMAGE
    ]
