"""Measuring engines one after the other, each beside FAISS's flat index."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.metrics import ann_recall_at_k
from lookalike.evaluation.machine import machine
from lookalike.evaluation.search_bench.engines import Engine, Setting, Tuned, make_engine
from lookalike.evaluation.search_bench.exact_ways import exact_ways
from lookalike.evaluation.writing import fingerprint, kept

__all__ = ["BenchWish", "run_bench"]

Rows = NDArray[np.float32]
Found = NDArray[np.int64]
Say = Callable[[str], None]

DEEPEST = 100
DEPTHS = (1, *range(10, DEEPEST + 1, 10))
ROUNDS = 5
SINGLE_QUERIES = 200
# The flat index beside each engine: a batch past the size at which FAISS's
# default takes the matrix product.
FLAT_QUERIES = 256
NEAR_ENOUGH = 0.9995
SLOW_QPS = 1000


@dataclass(frozen=True, slots=True)
class BenchWish:
    """What a comparison is asked for.

    Attributes:
        k: Neighbors that count.
        targets: Recalls at which engines are compared.
        engines: Their names.
        threads: Of every engine's searches; building takes all cores.
    """

    k: int = 10
    targets: tuple[float, ...] = (0.95, 0.99)
    engines: tuple[str, ...] = ("numpy", "faiss-flat", "faiss-ivf")
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Point:
    """One engine at one setting.

    Attributes:
        recall: ann_recall@k: the share of the exact k that was found.
        batch_qps: Queries per second, all queries in one call.
        single_qps: Queries per second, one query a call.
        p50_ms, p99_ms: Of single queries.
    """

    setting: Setting
    recall: float
    batch_qps: float
    single_qps: float
    p50_ms: float
    p99_ms: float


def run_bench(
    rows: Rows,
    queries: Rows,
    tuning_queries: Rows,
    wish: BenchWish,
    *,
    folder: Path,
    say: Say = lambda text: None,
) -> dict[str, Any]:
    """Measure every engine on the same rows and queries.

    Each engine's result is a file of its own in ``folder``: what is there already
    is not measured again, so an interrupted run goes on.

    Args:
        rows: Unit rows ``(n, dim)`` to search in.
        queries: ``(m, dim)``, none of them among the rows.
        tuning_queries: Others like them, for the tuner.
        wish: What to compare.
        folder: Where results go.
        say: Called with a line of text as the run goes on.

    Returns:
        What JSON can hold: the facts of the run and each engine's result.
    """
    if len(rows) < DEEPEST or not len(queries):
        raise UsageError(
            f"A comparison needs at least {DEEPEST} rows and one query; "
            f"there are {len(rows)} rows and {len(queries)} queries."
        )
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"rows": len(rows), "dim": rows.shape[1], "queries": len(queries), **asdict(wish)}
    facts.pop("engines")
    facts["data"] = fingerprint(rows, queries, tuning_queries)
    bench = _Bench(rows, queries, wish)
    results = {}
    exact = kept(folder / "exact.json", facts, bench.exact)
    for name in wish.engines:
        engine = make_engine(name, k=wish.k, tuning_queries=tuning_queries)
        measure = partial(bench.measured, engine, prefixed(say, name))
        try:
            results[name] = kept(folder / f"{name}.json", facts, measure)
        except UsageError as error:
            say(f"{name}: left out: {error}")
    return {"machine": machine(), "facts": facts, "exact": exact, "engines": results}


def prefixed(say: Say, name: str) -> Say:
    """Put an engine's name before each line."""
    return lambda text: say(f"{name}: {text}")


class _Bench:
    """The rows, the queries, their exact neighbors, and the flat index beside every engine."""

    def __init__(self, rows: Rows, queries: Rows, wish: BenchWish) -> None:
        self._rows, self._queries, self._wish = rows, queries, wish
        self._exact = make_engine("numpy", k=wish.k, tuning_queries=queries)
        self._exact.build(rows)
        self._flat = make_engine("faiss-flat", k=wish.k, tuning_queries=queries)
        self._flat.build(rows)
        self._truth = self._flat.search(queries, DEEPEST, {})
        # Wall time includes what else the machine does; with one thread the
        # processor's own time is what the engine took.
        self._clock = time.process_time if wish.threads == 1 else time.perf_counter

    def exact(self) -> list[dict[str, Any]]:
        """Measure the ways to compare with every row."""
        set_faiss_threads(self._wish.threads)
        return exact_ways(self._rows, self._queries, k=self._wish.k, threads=self._wish.threads)

    def measured(self, engine: Engine, say: Say) -> dict[str, Any]:
        """Build an engine and measure all of its settings."""
        say("building")
        start, worked = time.perf_counter(), time.process_time()
        # A tuner measures what it builds: with as many threads as will search.
        is_tuned = isinstance(engine, Tuned)
        set_faiss_threads(self._wish.threads if is_tuned else os.cpu_count() or 1)
        engine.build(self._rows)
        build = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - worked}
        set_faiss_threads(self._wish.threads)
        say(f"built in {build['wall_s']:.1f} s")
        points: list[Point] = []
        for setting in engine.settings:
            points.append(self._point(engine, setting))
            say(f"{dict(setting)} recall {points[-1].recall:.4f}, {points[-1].batch_qps:.0f}/s")
            if points[-1].recall >= NEAR_ENOUGH:
                break
        result: dict[str, Any] = {
            "build": build,
            "bytes_per_vector": engine.size_bytes() / len(self._rows),
            "points": [asdict(point) for point in points],
            "targets": {},
            "depths": {},
        }
        known: dict[tuple[str, str], dict[str, Any]] = {}
        for target in self._wish.targets:
            found = self._at(engine, points, target, known)
            if found is not None:
                result["targets"][str(target)] = found
                same = [t for t in result["depths"] if result["targets"][t] is found]
                result["depths"][str(target)] = (
                    result["depths"][same[0]]
                    if same
                    else self._depths(engine, found["batch"]["setting"])
                )
                say(f"at {target}: {found['batch']['x_flat']:.1f}x flat")
        if isinstance(engine, Tuned):
            result["tuning"] = engine.evidence
        return result

    def _point(self, engine: Engine, setting: Setting) -> Point:
        """Measure one setting roughly."""
        found = engine.search(self._queries, self._wish.k, setting)
        batch = self._seconds(engine, setting) / len(self._queries)
        each = self._each(engine, setting)
        return Point(
            dict(setting),
            mean_recall(found, self._truth, self._wish.k),
            1 / batch,
            1 / float(np.mean(each)),
            1e3 * float(np.percentile(each, 50)),
            1e3 * float(np.percentile(each, 99)),
        )

    def _at(
        self,
        engine: Engine,
        points: Sequence[Point],
        target: float,
        known: dict[tuple[str, str], dict[str, Any]],
    ) -> dict[str, Any] | None:
        """Measure the fastest settings that reach a recall, in turn with the flat index.

        ``known`` has what was measured with the same settings for another recall.
        """
        fine = [point for point in points if point.recall >= target]
        if not fine:
            return None
        batch = max(fine, key=lambda point: point.batch_qps)
        single = max(fine, key=lambda point: point.single_qps)
        settings = (str(batch.setting), str(single.setting))
        if settings in known:
            return known[settings]
        times: dict[str, list[float]] = {"batch": [], "single": [], "flat": [], "flat single": []}
        # What is hardly faster than the flat index need not answer all the queries each time.
        count = len(self._queries) if batch.batch_qps > SLOW_QPS else FLAT_QUERIES
        for _ in range(ROUNDS):
            times["batch"].append(self._seconds(engine, batch.setting, count) / count)
            times["flat"].append(self._seconds(self._flat, {}, FLAT_QUERIES) / FLAT_QUERIES)
            times["single"].append(float(np.mean(self._each(engine, single.setting))))
            times["flat single"].append(float(np.mean(self._each(self._flat, {}, 20))))
        median = {name: statistics.median(values) for name, values in times.items()}
        known[settings] = {
            "batch": {
                "setting": dict(batch.setting),
                "recall": batch.recall,
                "qps": 1 / median["batch"],
                "x_flat": median["flat"] / median["batch"],
            },
            "single": {
                "setting": dict(single.setting),
                "recall": single.recall,
                "qps": 1 / median["single"],
                "p50_ms": single.p50_ms,
                "p99_ms": single.p99_ms,
                "x_flat": median["flat single"] / median["single"],
            },
        }
        return known[settings]

    def _depths(self, engine: Engine, setting: Setting) -> dict[str, float]:
        """Measure recall at 1, 10, 20 ... 100, each asked for by itself.

        What finds everything gives the first of 100 for each smaller number too.
        """
        deepest = engine.search(self._queries, DEEPEST, setting)
        if mean_recall(deepest, self._truth, DEEPEST) >= NEAR_ENOUGH:
            return {str(depth): mean_recall(deepest, self._truth, depth) for depth in DEPTHS}
        return {
            str(depth): mean_recall(
                engine.search(self._queries, depth, setting), self._truth, depth
            )
            for depth in DEPTHS
        }

    def _seconds(self, engine: Engine, setting: Setting, count: int | None = None) -> float:
        queries = self._queries[:count]
        if len(queries) < (count or 0):
            queries = np.resize(queries, (count or 0, queries.shape[1]))
        start = self._clock()
        engine.search(queries, self._wish.k, setting)
        return self._clock() - start

    def _each(self, engine: Engine, setting: Setting, count: int = SINGLE_QUERIES) -> list[float]:
        """Time queries one by one."""
        times = []
        for line in range(min(count, len(self._queries))):
            query = self._queries[line : line + 1]
            start = self._clock()
            engine.search(query, self._wish.k, setting)
            times.append(self._clock() - start)
        return times


def mean_recall(found: Found, truth: Found, k: int) -> float:
    """Average ann_recall@k over the queries."""
    return float(ann_recall_at_k(found, truth, k).mean())


def set_faiss_threads(count: int) -> None:
    """Tell FAISS how many threads to use."""
    import faiss

    faiss.omp_set_num_threads(count)
