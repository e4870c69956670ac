"""The tuner: wishes in, the fastest index that fulfils them and its evidence out."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.building import build_index
from lookalike.index.config import IndexConfig, Metric, SearchParams
from lookalike.index.exact import live_mask, require_shape
from lookalike.index.metrics import scaled
from lookalike.index.tuning.candidates import baselines, usual_candidates
from lookalike.index.tuning.choice import Choice
from lookalike.index.tuning.choosing import missed_wishes
from lookalike.index.tuning.exploring import Listener, Task
from lookalike.index.tuning.held_out import HeldOut, given_queries, hold_out
from lookalike.index.tuning.measuring import EXACT_QUERIES, Bench
from lookalike.index.tuning.truth import Exam
from lookalike.index.tuning.tuned import Tuned
from lookalike.index.tuning.wishes import TuneWish
from lookalike.vectors import FloatRows, Neighbors, gathered

__all__ = ["retune", "tune"]

# With fewer rows nothing is faster than comparing all, and nothing can be measured.
FEWEST_ROWS = 1000
# Ten times k at least, or the k nearest are no neighborhood but the gallery.
ROWS_PER_NEIGHBOR = 10


def tune(
    blocks: Sequence[FloatRows],
    wish: TuneWish,
    *,
    dim: int,
    dead: NDArray[np.int64] | None = None,
    queries: FloatRows | None = None,
    candidates: Sequence[IndexConfig] | None = None,
    on_progress: Listener | None = None,
) -> Tuned:
    """Find and build the fastest index that fulfils the wishes.

    Random rows are held out as queries, answered exactly, and put into the index
    at the end. Every candidate is tried on a sample, the best is built in full,
    its params are swept with half of the queries and checked with the others.
    Comparing all rows is always among the candidates: the choice is never slower.

    Args:
        blocks: Arrays ``(rows, dim)``, float16 or float32, mapped or not.
        wish: What is wanted.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        queries: Embeddings ``(n, dim)`` of pictures that are in no index, to tune
            and measure with instead of held-out rows.
        candidates: What to choose from besides comparing all rows. None: what
            suits the number of rows. With one, no sample is tried.
        on_progress: Called with what is being done, how much of it is done and
            how much there is (0: not known).

    Raises:
        UsageError: There are no rows, or fewer than k, or the queries are of
            another shape, or a candidate cannot be built at all.
    """
    began = time.perf_counter()
    task = task_of(blocks, wish, dim, dead, candidates, on_progress)
    needed = max(FEWEST_ROWS, ROWS_PER_NEIGHBOR * wish.k)
    if queries is None and len(task.living) < needed:
        return all_compared(task, began, why="too few rows to tune an index on")
    dice = np.random.default_rng(len(task.living))
    task.tell("answering held-out queries exactly", 0, 0)
    held = held_out(task, queries, dice)
    if len(held.exam.queries) < 2:
        return all_compared(task, began, why="nearly only copies of others")
    approximate = candidates
    if approximate is None:
        approximate = usual_candidates(len(task.living), dim, wish)
    return Choice(task, held, began).best(tuple(approximate), dice)


def retune(
    config: IndexConfig,
    blocks: Sequence[FloatRows],
    wish: TuneWish,
    *,
    dim: int,
    dead: NDArray[np.int64] | None = None,
    queries: FloatRows | None = None,
    on_progress: Listener | None = None,
) -> Tuned:
    """Build what was chosen before over rows that have changed, and sweep its params anew.

    Args and errors are those of ``tune``; other candidates are not tried.
    """
    return tune(
        blocks, wish, dim=dim, dead=dead, queries=queries, candidates=(config,),
        on_progress=on_progress,
    )  # fmt: skip


def task_of(
    blocks: Sequence[FloatRows],
    wish: TuneWish,
    dim: int,
    dead: NDArray[np.int64] | None,
    candidates: Sequence[IndexConfig] | None,
    on_progress: Listener | None,
) -> Task:
    """Check what was given."""
    for block in blocks:
        require_shape(block, dim)
    gone = np.asarray([] if dead is None else dead, dtype=np.int64)
    living = np.flatnonzero(live_mask(gone, 0, sum(len(block) for block in blocks)))
    if len(living) < wish.k:
        raise UsageError(
            f"Each query asks for {wish.k} neighbors, but there are {len(living)} rows: "
            "ask for fewer, or add pictures first."
        )
    metrics: set[Metric] = {config.metric for config in candidates or [IndexConfig()]}
    if len(metrics) > 1:
        listed = ", ".join(sorted(metrics))
        raise UsageError(f"The candidates differ in metric ({listed}): give them one.")
    return Task(
        blocks, dim, gone, living, wish, metrics.pop(), on_progress or (lambda what, done, of: None)
    )


def held_out(task: Task, queries: FloatRows | None, dice: np.random.Generator) -> HeldOut:
    """Take the queries that were given, or some of the rows."""
    if queries is not None:
        return given_queries(
            queries, task.blocks, task.wish.k, dim=task.dim, dead=task.dead, metric=task.metric
        )
    return hold_out(
        task.blocks, task.living, task.wish.k, dead=task.dead, metric=task.metric, dice=dice
    )


def all_compared(task: Task, began: float, *, why: str) -> Tuned:
    """Choose to compare all rows, where there is nothing to measure another choice with."""
    (config, _) = baselines(task.metric)
    rows = task.living[:: max(1, len(task.living) // EXACT_QUERIES)][:EXACT_QUERIES]
    queries = scaled(gathered(task.blocks, rows), task.metric)
    index = build_index(task.blocks, config, dim=task.dim, dead=task.dead)
    unknown = Neighbors(
        np.zeros((len(rows), task.wish.k), np.float32), np.full((len(rows), task.wish.k), -1)
    )
    exam = Exam(queries, unknown, task.blocks, task.metric)
    chosen = Bench(index, config, 0.0).measure(exam, SearchParams())
    remark = f"Every query compares all {len(task.living):,} rows: there are {why}."
    return Tuned(
        index=index, config=config, params=SearchParams(), wish=task.wish, chosen=chosen,
        before=(), measurements=(chosen,), pareto=(chosen,),
        missed=missed_wishes(chosen, task.wish, expected_build_s=None), remarks=(remark,),
        explore_s=time.perf_counter() - began, build_s=0.0,
    )  # fmt: skip
