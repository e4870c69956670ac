"""Trying every candidate on a sample of the rows before one is built in full."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.building import build_index
from lookalike.index.config import IndexConfig, Metric
from lookalike.index.exact import ExactIndex
from lookalike.index.tuning.candidates import build_growth, growth, predicted_bytes
from lookalike.index.tuning.held_out import HeldOut
from lookalike.index.tuning.measuring import Bench
from lookalike.index.tuning.sweeping import sweep
from lookalike.index.tuning.truth import Exam
from lookalike.index.tuning.wishes import Measurement, Trial, TuneWish, cost
from lookalike.vectors import FloatRows, gathered

__all__ = ["Listener", "Task", "explore", "in_order"]

# Called with what is being done, how much of it is done, and how much there is.
Listener = Callable[[str, int, int], None]

# Two rows in a hundred: a trial takes little beside the build it may save.
SAMPLE_SHARE = 50
LEAST_SAMPLE, MOST_SAMPLE = 2000, 20_000
SAMPLE_QUERIES = 100
# Of candidates as fast as that, the one that is built soonest is the best.
AS_FAST = 1.15


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is tuned, and what for.

    Attributes:
        blocks: Arrays ``(rows, dim)``.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        living: All others.
        wish: What is wanted.
        metric: As in ``IndexConfig``.
        tell: Hears how far it is.
    """

    blocks: Sequence[FloatRows]
    dim: int
    dead: NDArray[np.int64]
    living: NDArray[np.int64]
    wish: TuneWish
    metric: Metric
    tell: Listener


def explore(
    task: Task, candidates: Sequence[IndexConfig], held: HeldOut, dice: np.random.Generator
) -> tuple[Trial, ...]:
    """Build and sweep each candidate over a sample of the rows.

    A sample says which candidates are fast and which stop short; how fast they
    will be over all rows it only hints at.

    Args:
        task: What is tuned.
        candidates: What to try.
        held: Queries, and the rows among them, which no sample has.
        dice: Who draws the sample.
    """
    exam = held.halves[0]
    living = np.setdiff1d(task.living, held.rows, assume_unique=True)
    count = min(MOST_SAMPLE, max(len(living) // SAMPLE_SHARE, LEAST_SAMPLE, 20 * exam.k))
    rows = np.sort(dice.choice(living, min(count, len(living)), replace=False))
    sample = gathered(task.blocks, rows)
    queries = exam.queries[:SAMPLE_QUERIES]
    exact = ExactIndex([sample], dim=task.dim, metric=task.metric)
    small = Exam(queries, exact.search(queries, exam.k), [sample], task.metric)
    trials = []
    for done, config in enumerate(candidates):
        task.tell("trying on a sample", done, len(candidates))
        trials.append(tried(task, config, sample, small))
    return tuple(trials)


def tried(task: Task, config: IndexConfig, sample: FloatRows, exam: Exam) -> Trial:
    """Try one candidate; what cannot fulfil a wish is dropped as early as that shows."""
    total, wish = len(task.living), task.wish
    expected_bytes = predicted_bytes(config, total, task.dim)
    if wish.memory_bytes is not None and expected_bytes > wish.memory_bytes:
        return Trial(config, None, None, None, expected_bytes, "takes too much memory")
    start = time.perf_counter()
    try:
        index = build_index([sample], config, dim=task.dim)
    except UsageError as error:
        return Trial(config, None, None, None, expected_bytes, str(error))
    built_s = time.perf_counter() - start
    if config.kind == "factory":
        expected_bytes = index.size_bytes / len(sample) * total
    build_s = built_s * build_growth(config, len(sample), total)
    if wish.build_s is not None and build_s > wish.build_s and not config.is_exact:
        return Trial(config, None, None, build_s, expected_bytes, "takes too long to build")
    bench = Bench(index, config, built_s)
    measured = best_of(
        sweep(
            index,
            lambda params: bench.measure(exam, params, singles=30),
            k=exam.k,
            recall=wish.recall,
            traffic=wish.traffic,
        ),
        wish,
    )
    expected_s = cost(measured, wish.traffic) * growth(config, len(sample), total, task.dim)
    short = "" if measured.recall >= wish.recall else f"finds {measured.recall:.3f} at most"
    return Trial(config, measured, expected_s, build_s, expected_bytes, short)


def best_of(measured: Sequence[Measurement], wish: TuneWish) -> Measurement:
    """Take the cheapest that reaches the recall, or what comes nearest to it."""
    passing = [each for each in measured if each.recall >= wish.recall]
    if passing:
        return min(passing, key=lambda each: cost(each, wish.traffic))
    return max(measured, key=lambda each: each.recall)


def in_order(trials: Sequence[Trial]) -> list[Trial]:
    """Sort what is left by the time a query will take; the next to build comes first."""
    left = sorted(
        (trial for trial in trials if not trial.verdict),
        key=lambda trial: trial.expected_s or 0.0,
    )
    if not left:
        return []
    bound = AS_FAST * (left[0].expected_s or 0.0)
    close = [trial for trial in left if (trial.expected_s or 0.0) <= bound]
    first = min(close, key=lambda trial: trial.expected_build_s or 0.0)
    return [first, *(trial for trial in left if trial is not first)]
