"""What an evaluation costs beside the search that it judges: it should add less than a third.

    python bench/evaluation.py [--rows 100000] [--queries 10000] [--whole 500] [--judging 1]

First ``evaluate()`` from end to end, the pictures being embedded, the index being built
as part of it: against one bare search of all queries by the same index.

Then the parts of judging alone, unless ``--judging 0``:

Rows and queries of 1,000 classes, 256 numbers each, as the built-in encoder gives; every
query is answered 100 deep by indexes of several kinds, and ``--whole`` of them by a
ranking of all rows. Timed after that: judging, every metric at six k, intervals of 1,000
resamples, the table by class and the worst queries.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.intervals import drawn_counts, estimates
from lookalike.evaluation.judging.qrels import LabelQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores, score_run
from lookalike.evaluation.judging.tables import per_class, worst_queries
from lookalike.evaluation.matrix import EvalWish, evaluating
from lookalike.evaluation.matrix.embedded import Embedded
from lookalike.index import Index, IndexConfig, SearchParams, build_index
from lookalike.vectors import unit_rows
from reporting import publish

CLASSES = 1000
DIM = 256
DEPTH = 100
KS = (1, 5, 10, 20, 50, 100)
WHOLE_BLOCK = 100
# What the table by class shows of each.
CLASS_METRICS = ("precision@10", "map@10")

Rows = NDArray[np.float32]
Ranking = tuple[NDArray[np.int64], NDArray[np.float32]]


@dataclass
class Watch:
    """Seconds by step."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, step: str, work: Callable[[], Any]) -> Any:
        """Do a step, and add what it took."""
        started = time.perf_counter()
        result = work()
        self.seconds[step] = self.seconds.get(step, 0) + time.perf_counter() - started
        return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time judging beside searching.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--whole", type=int, default=500, help="queries ranked as a whole; 0: none")
    parser.add_argument("--judging", type=int, default=1, help="0: only from end to end")
    asked = parser.parse_args()
    dice = np.random.default_rng(0)
    centres = dice.normal(size=(CLASSES, DIM))
    labels = dice.integers(0, CLASSES, asked.rows)
    query_labels = dice.integers(0, CLASSES, asked.queries)
    rows, queries = (
        unit_rows((centres[each] + 2.2 * dice.normal(size=(len(each), DIM))).astype(np.float32))
        for each in (labels, query_labels)
    )
    publish("evaluation_end_to_end", end_to_end(rows, queries, labels, query_labels))
    if asked.judging:
        judging(asked, rows, queries, labels, query_labels)


def end_to_end(
    rows: Rows, queries: Rows, labels: NDArray[np.int64], query_labels: NDArray[np.int64]
) -> list[dict[str, object]]:
    image_set = set_of(labels, query_labels)
    embedded = Embedded(
        rows.astype(np.float16),
        np.empty(0, np.int64),
        queries,
        image_set.queries,
        np.full(len(queries), -1),
        {"name": "bench", "fingerprint": "bench", "dim": DIM},
    )
    return [
        evaluated(image_set, embedded, name, config, params)
        for name, config, params in (
            ("flat", IndexConfig("flat"), None),
            ("exact", IndexConfig(), None),
            ("ivf:nprobe=8", IndexConfig("ivf"), SearchParams(nprobe=8)),
        )
    ]


def evaluated(
    image_set: ImageSet,
    embedded: Embedded,
    name: str,
    config: IndexConfig,
    params: SearchParams | None,
) -> dict[str, object]:
    started, began = time.perf_counter(), time.process_time()
    index = build_index([embedded.rows], config, dim=DIM)
    build_s, build_cpu_s = time.perf_counter() - started, time.process_time() - began
    index.search(embedded.queries[:64], DEPTH, params=params)
    started, began = time.perf_counter(), time.process_time()
    index.search(embedded.queries, DEPTH, params=params)
    search_s, search_cpu_s = time.perf_counter() - started, time.process_time() - began
    del index
    drawn_counts.cache_clear()
    wish = EvalWish(encoders=("bench",), indexes=(name,), ks=KS)
    evaluating.embed_set = lambda *_, **__: embedded  # the gallery is ready
    loaded: Any = SimpleNamespace(
        card=SimpleNamespace(name="bench"), space=SimpleNamespace(fingerprint="bench")
    )
    steps = Steps()
    with TemporaryDirectory() as folder:
        started, began = time.perf_counter(), time.process_time()
        evaluating.evaluate(
            image_set, wish, folder=Path(folder), load=lambda _: loaded, on_progress=steps.heard
        )
        whole_s, whole_cpu_s = time.perf_counter() - started, time.process_time() - began
    return {
        "index": name,
        "queries": len(embedded.queries),
        "rows": len(embedded.rows),
        "build, s": build_s,
        "bare search, s": search_s,
        "evaluate(), s": whole_s,
        "of which": steps.told(),
        "(evaluate() - build) / search": (whole_s - build_s) / search_s,
        # Of processor time: a busy machine does not bend it.
        "likewise, processor time": (whole_cpu_s - build_cpu_s) / search_cpu_s,
    }


class Steps:
    """Seconds between what an evaluation tells."""

    def __init__(self) -> None:
        self.heard_at: list[tuple[str, float]] = []

    def heard(self, what: str, done: int, total: int) -> None:
        """Note when something began."""
        self.heard_at.append((what, time.perf_counter()))

    def told(self) -> str:
        """Sum up by step."""
        ends = [*(at for _, at in self.heard_at[1:]), time.perf_counter()]
        sums: dict[str, float] = {}
        for (what, at), end in zip(self.heard_at, ends, strict=True):
            sums[what] = sums.get(what, 0) + end - at
        return ", ".join(f"{what} {each:.1f}" for what, each in sums.items() if each >= 0.05)


def set_of(labels: NDArray[np.int64], query_labels: NDArray[np.int64]) -> ImageSet:
    images = tuple(f"images/{line:06d}.jpg" for line in range(len(labels)))
    queries = tuple(f"queries/{line:06d}.jpg" for line in range(len(query_labels)))
    qrels = LabelQrels(queries, named(query_labels), named(labels), self_ids=[-1] * len(queries))
    return ImageSet(
        "bench", Path("/bench"), images, queries, {"labels": qrels}, tuple(named(labels)), "bench"
    )


def judging(
    asked: argparse.Namespace,
    rows: Rows,
    queries: Rows,
    labels: NDArray[np.int64],
    query_labels: NDArray[np.int64],
) -> None:
    started = time.perf_counter()
    names = tuple(f"query {line}" for line in range(asked.queries))
    qrels = LabelQrels(names, named(query_labels), named(labels))
    making = {"judgements, s": time.perf_counter() - started}
    lines = []
    for title, config, params in (
        ("exact", IndexConfig(), None),
        ("flat", IndexConfig("flat"), None),
        ("ivf, nprobe 8", IndexConfig("ivf"), SearchParams(nprobe=8)),
        ("hnsw, ef_search 100", IndexConfig("hnsw", hnsw_m=16), SearchParams(ef_search=100)),
    ):
        index = build_index([rows], config, dim=DIM)
        watch, scores = judged_top(index, queries, qrels, params)
        lines.append(line_of(title, asked.rows, scores, watch) | making)
    if asked.whole:
        watch, scores = judged_whole(rows, queries[: asked.whole], qrels)
        lines.append(line_of("every row ranked", asked.rows, scores, watch) | making)
    publish("evaluation", lines)


def named(labels: NDArray[np.int64]) -> list[str]:
    return [f"class {label:04d}" for label in labels.tolist()]


def judged_top(
    index: Index, queries: NDArray[np.float32], qrels: LabelQrels, params: SearchParams | None
) -> tuple[Watch, Scores]:
    index.search(queries[:64], DEPTH, params=params)
    watch = Watch()
    found = watch.timed("search", lambda: index.search(queries, DEPTH, params=params))
    scores = watch.timed(
        "metrics",
        lambda: score_run(
            Run(qrels.queries, found.rows, found.scores), qrels, ks=KS, is_whole=False
        ),
    )
    summarise(watch, scores)
    return watch, scores


def judged_whole(
    rows: NDArray[np.float32], queries: NDArray[np.float32], qrels: LabelQrels
) -> tuple[Watch, Scores]:
    watch, parts = Watch(), []
    for start in range(0, len(queries), WHOLE_BLOCK):
        part = slice(start, min(start + WHOLE_BLOCK, len(queries)))
        ids, similarities = watch.timed("search", lambda part=part: ranked(rows, queries[part]))
        parts.append(
            watch.timed(
                "metrics",
                lambda part=part, ids=ids, similarities=similarities: score_run(
                    Run(qrels.queries[part], ids, similarities), qrels, ks=KS, is_whole=True
                ),
            )
        )
    scores = Scores.joined(parts)
    summarise(watch, scores)
    return watch, scores


def ranked(rows: NDArray[np.float32], queries: NDArray[np.float32]) -> Ranking:
    similarities = queries @ rows.T
    ids = np.argsort(-similarities, axis=1, kind="stable")
    return ids, np.take_along_axis(similarities, ids, axis=1)


def summarise(watch: Watch, scores: Scores) -> None:
    drawn_counts.cache_clear()
    watch.timed("intervals", lambda: estimates(scores))
    watch.timed("tables", lambda: per_class(scores, CLASS_METRICS))
    watch.timed("tables", lambda: worst_queries(scores, "map@10", 20))


def line_of(title: str, rows: int, scores: Scores, watch: Watch) -> dict[str, object]:
    search = watch.seconds["search"]
    return {
        "index": title,
        "queries": len(scores),
        "rows": rows,
        "precision@10": scores.mean("precision@10"),
        **{f"{step}, s": seconds for step, seconds in watch.seconds.items()},
        "all / search": sum(watch.seconds.values()) / search,
    }


if __name__ == "__main__":
    main()
