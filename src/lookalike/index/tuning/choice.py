"""Building over all rows what a sample recommends, until one index keeps the promise."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.index.building import build_index
from lookalike.index.config import IndexConfig, SearchParams
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.protocol import Index
from lookalike.index.tuning.candidates import baselines
from lookalike.index.tuning.choosing import missed_wishes, preference, settled
from lookalike.index.tuning.exploring import Task, explore, in_order
from lookalike.index.tuning.held_out import HeldOut
from lookalike.index.tuning.measuring import Bench
from lookalike.index.tuning.tuned import Tuned
from lookalike.index.tuning.wishes import Measurement, Trial, cost, pareto_front
from lookalike.vectors import gathered

__all__ = ["Choice"]

# So many approximate indexes are built in full before all rows are compared instead.
MOST_BUILDS = 2
# A flat index that a sample expects to be this near is built and measured too.
NEARLY_AS_FAST = 2.0
# How long to time single queries that compare all rows.
EXACT_S = 0.05


class Choice:
    """Builds, measures and compares over all rows.

    Args:
        task: What is tuned.
        held: The queries.
        began: When the tuning began.
    """

    def __init__(self, task: Task, held: HeldOut, began: float) -> None:
        self.task = task
        self.held = held
        self._began = began
        self._index: Index | None = None  # the best so far; others are let go
        self._measured: list[Measurement] = []
        self._remarks: list[str] = []

    def best(self, approximate: Sequence[IndexConfig], dice: np.random.Generator) -> Tuned:
        """Try the candidates and build the best of them.

        Args:
            approximate: Candidates besides those that compare all rows; a single
                one is built without a trial.
            dice: Who draws the sample.
        """
        plain, flat = baselines(self.task.metric)
        best = self._measured_exactly(plain)
        before: tuple[Trial, ...] = ()
        order = [config for config in approximate if not config.is_exact]
        if self.task.wish.recall == 1:
            order = []  # no number of queries that missed nothing promises that none will
        if len(order) != 1:
            before = explore(self.task, (flat, *order), self.held, dice)
            order = [trial.config for trial in in_order(before) if trial.config != flat]
        best = self._first_to_hold(order, before, best)
        trial = next((each for each in before if each.config == flat and not each.verdict), None)
        if trial is not None and self._is_near(trial, best):
            best = self._faster(best, self._measured_exactly(flat))
        return self._finished(best, before)

    def _first_to_hold(
        self, order: Sequence[IndexConfig], before: Sequence[Trial], best: Measurement
    ) -> Measurement:
        """Build one after the other, until one keeps the recall and is faster."""
        expected = {trial.config: trial.expected_s or 0.0 for trial in before}
        for config in order[:MOST_BUILDS]:
            if expected.get(config, 0.0) > cost(best, self.task.wish.traffic):
                break
            found = self._measured_in_full(config)
            if found is not None and self._faster(best, found) is found:
                return found
        return best

    def _is_near(self, trial: Trial, best: Measurement) -> bool:
        """Tell whether a flat index could be as fast as the best so far."""
        expected = trial.expected_s or 0.0
        return expected < NEARLY_AS_FAST * cost(best, self.task.wish.traffic)

    def _faster(self, best: Measurement, other: Measurement) -> Measurement:
        """Take the one that fulfils the wishes better."""
        wish = self.task.wish
        return other if preference(other, wish) < preference(best, wish) else best

    def _measured_exactly(self, config: IndexConfig) -> Measurement:
        """Measure what compares all rows, and so finds all."""
        index, build_s = self._built(config, gone=self.task.dead)
        bench = Bench(index, config, build_s)
        measured = bench.measure(self.held.halves[1], SearchParams(), budget_s=EXACT_S)
        self._measured.append(measured)
        return measured

    def _measured_in_full(self, config: IndexConfig) -> Measurement | None:
        """Build over all rows but the queries, and find the params that keep the recall."""
        self._index = None
        gone = np.union1d(self.task.dead, self.held.rows)
        index, build_s = self._built(config, gone=gone)
        memory = self.task.wish.memory_bytes
        if memory is not None and index.size_bytes > memory:
            self._remarks.append(
                f"{config.kind} was built, but takes {index.size_bytes:,} bytes of memory."
            )
            return None
        settlement, measured = settled(self.task, Bench(index, config, build_s), self.held)
        self._measured += measured
        if settlement is None:
            highest = max(each.recall for each in measured)
            self._remarks.append(f"{config.kind} was built, but finds {highest:.3f} at most.")
            return None
        self._index = index
        return settlement

    def _built(self, config: IndexConfig, *, gone: NDArray[np.int64]) -> tuple[Index, float]:
        """Build one and time it."""
        start = time.perf_counter()
        index = build_index(
            self.task.blocks,
            config,
            dim=self.task.dim,
            dead=gone,
            on_progress=lambda done, total: self.task.tell(f"building {config.kind}", done, total),
        )
        return index, time.perf_counter() - start

    def _finished(self, best: Measurement, before: tuple[Trial, ...]) -> Tuned:
        """Complete the chosen index with the rows held out, and write down the evidence."""
        start = time.perf_counter()
        index = self._completed(best)
        build_s = best.build_s + time.perf_counter() - start
        promised = [t.expected_build_s for t in before if t.config == best.config]
        wish = self.task.wish
        # One choice of params, one measurement: the check's, not the sweep's.
        keys = {(each.config, each.params): each for each in self._measured}
        measured = tuple(keys.values())
        return Tuned(
            index=index, config=best.config, params=best.params, wish=wish, chosen=best,
            before=before, measurements=measured,
            pareto=pareto_front(measured, wish.traffic),
            missed=missed_wishes(best, wish, expected_build_s=promised[0] if promised else None),
            remarks=tuple(self._remarks),
            explore_s=time.perf_counter() - self._began - build_s, build_s=build_s,
        )  # fmt: skip

    def _completed(self, best: Measurement) -> Index:
        """Put the rows held out into the index."""
        index, rows = self._index, self.held.rows
        if best.config.is_exact or not isinstance(index, FaissIndex):
            return self._built(best.config, gone=self.task.dead)[0]
        if len(rows):
            index.add(gathered(self.task.blocks, rows), rows)
        index.params = best.params
        return index
