"""From measurements of a full index to the params that keep the promise."""

from __future__ import annotations

from collections.abc import Sequence

from lookalike.index.config import SearchParams
from lookalike.index.tuning.exploring import Task
from lookalike.index.tuning.held_out import HeldOut
from lookalike.index.tuning.measuring import Bench
from lookalike.index.tuning.sweeping import polished, stepped, sweep
from lookalike.index.tuning.truth import Exam
from lookalike.index.tuning.wishes import Measurement, TuneWish, cost

__all__ = ["missed_wishes", "settled", "spoken_time"]

# The choice is the best of many on the same queries, so its recall flatters: by
# a part of what may still be missed, and never by more than this.
MARGIN, MARGIN_SHARE = 0.004, 0.15
FINALISTS = 3
MOST_STEPS = 8
SWEEP_SINGLES, FINAL_SINGLES = 60, 300


def settled(
    task: Task, bench: Bench, held: HeldOut
) -> tuple[Measurement | None, tuple[Measurement, ...]]:
    """Sweep with one half of the queries, and check the fastest with the other.

    Returns:
        What keeps the recall on both halves, if anything does; and all that was
        measured, the checks last.
    """
    wish = task.wish
    tuning, checking = held.halves
    goal = wish.recall + min(MARGIN, MARGIN_SHARE * (1 - wish.recall))
    count = 0

    def measure(params: SearchParams) -> Measurement:
        nonlocal count
        count += 1
        task.tell(f"measuring, {count} so far", 0, 0)
        return bench.measure(tuning, params, singles=SWEEP_SINGLES)

    swept = sweep(bench.index, measure, k=wish.k, recall=goal, traffic=wish.traffic)
    for near in finalists(swept, goal, wish)[:1]:
        swept += polished(bench.index, measure, near, k=wish.k, recall=goal, traffic=wish.traffic)
    checks = checked(bench, checking, finalists(swept, goal, wish), wish)
    holding = [each for each in checks if each.recall >= wish.recall]
    best = min(holding, key=lambda each: preference(each, wish), default=None)
    return best, (*swept, *checks)


def preference(measured: Measurement, wish: TuneWish) -> tuple[bool, float]:
    """Sort by time, but within the latency wished for first."""
    return measured.p99_s > (wish.latency_s or float("inf")), cost(measured, wish.traffic)


def finalists(swept: Sequence[Measurement], goal: float, wish: TuneWish) -> list[Measurement]:
    """Take the fastest few that reach the goal, else those that reach the wish itself."""
    passing = [each for each in swept if each.recall >= goal]
    passing = passing or [each for each in swept if each.recall >= wish.recall]
    return sorted(passing, key=lambda each: preference(each, wish))[:FINALISTS]


def checked(
    bench: Bench, checking: Exam, chosen: Sequence[Measurement], wish: TuneWish
) -> list[Measurement]:
    """Measure with queries that chose nothing; where all fall short, step up until one holds."""
    checks = [bench.measure(checking, each.params, singles=FINAL_SINGLES) for each in chosen]
    params = chosen[0].params if chosen else None
    for _ in range(MOST_STEPS):
        if params is None or any(each.recall >= wish.recall for each in checks):
            break
        params = stepped(bench.index, params, wish.k)
        if params is not None:
            checks.append(bench.measure(checking, params, singles=FINAL_SINGLES))
    return checks


def missed_wishes(
    chosen: Measurement, wish: TuneWish, *, expected_build_s: float | None
) -> tuple[str, ...]:
    """Say which wishes the choice does not fulfil, a sentence each."""
    missed = []
    if wish.latency_s is not None and chosen.p99_s > wish.latency_s:
        missed.append(
            f"The latency of {spoken_time(wish.latency_s)} was missed: at recall "
            f"{wish.recall:g} the fastest that fits the other wishes is {chosen.name}, where "
            f"99 of 100 queries take up to {spoken_time(chosen.p99_s)} "
            f"and half of them {spoken_time(chosen.p50_s)}."
        )
    if wish.build_s is not None and chosen.build_s > wish.build_s:
        said = "" if expected_build_s is None else f", and {spoken_time(expected_build_s)} expected"
        missed.append(
            f"The build time of {spoken_time(wish.build_s)} was missed: "
            f"{chosen.name} took {spoken_time(chosen.build_s)}{said}."
        )
    return tuple(missed)


def spoken_time(seconds: float) -> str:
    """Write a time with two or three digits and its unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1 or unit == "us":
            value = seconds * factor
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"
    return ""
