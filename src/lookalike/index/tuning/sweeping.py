"""Finding the cheapest params that reach a recall, in a few measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lookalike.index.config import SearchParams
from lookalike.index.faiss_index import FaissIndex
from lookalike.index.protocol import Index
from lookalike.index.tuning.wishes import Measurement, cost

__all__ = ["polished", "stepped", "sweep"]

Measure = Callable[[SearchParams], Measurement]

# Candidates scored again, as multiples of k: beyond, comparing all is faster.
K_FACTORS = (2, 4, 8, 16, 32, 64)
# A wider walk through a graph is slower than comparing all at most sizes.
MOST_EF = 2048
# A share of lists beyond which coarse codes are what limits the recall.
MOST_LISTS = 4
LEAST_GAIN = 0.002
# Steps between the rungs, as multiples of what the rungs led to.
FINER_STEPS = (0.35, 0.42, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3, 1.5)
FINER_FACTORS = (1.0, 0.7, 0.5, 1.4, 2.0)


def rungs(lowest: int, highest: int) -> tuple[int, ...]:
    """List 1, 2, 3, 4, 6, 8, 12, 16, 24, ... between two numbers, and the highest."""
    steps = {highest}
    for power in range(highest.bit_length()):
        steps |= {2**power, 3 * 2**power // 2}
    return tuple(sorted(step for step in steps if lowest <= step <= highest))


def ladder(index: Index, k: int) -> tuple[SearchParams, ...]:
    """List the params that trade time for recall, cheapest first, without refinement."""
    if isinstance(index, FaissIndex) and index.has_lists:
        return tuple(SearchParams(nprobe=rung) for rung in rungs(1, index.nlist or 1))
    if isinstance(index, FaissIndex) and index.has_graph:
        most = max(k, min(MOST_EF, index.size))
        return tuple(SearchParams(ef_search=rung) for rung in rungs(k, most))
    return (SearchParams(),)


def factors(index: Index, k: int) -> tuple[float | None, ...]:
    """List the multiples of k that make sense to score again."""
    if not (isinstance(index, FaissIndex) and index.is_refined):
        return (None,)
    return tuple(
        float(each) for each in K_FACTORS if each == K_FACTORS[0] or each * k <= index.size
    )


def sweep(
    index: Index, measure: Measure, *, k: int, recall: float, traffic: str
) -> tuple[Measurement, ...]:
    """Measure along the ladder until the cheapest params that reach the recall are known.

    Recall grows with nprobe, ef_search and k_factor, and so does time: each
    k_factor whose ceiling is too low is skipped, each other bisected below the
    best known, and the first that does not pay ends the sweep.

    Args:
        index: What is searched.
        measure: Measures it with params.
        k: How many neighbors a query asks for.
        recall: The least that counts.
        traffic: Whose time counts.

    Returns:
        All that was measured, in that order.
    """
    steps = ladder(index, k)
    done: list[Measurement] = []
    for ceiling in ceilings(index, steps):
        best: Measurement | None = None
        reached: list[float] = []
        top = ceiling
        for factor in factors(index, k):
            known = len(done)
            done += bisected(
                [replace(step, k_factor=factor) for step in steps[: top + 1]], measure, recall,
                limit=None if best is None else cost(best, traffic), traffic=traffic,
            )  # fmt: skip
            passing = [each for each in done[known:] if each.recall >= recall]
            if not passing:
                reached.append(max(each.recall for each in done[known:]))
                if best is not None or levelled(reached):
                    break
                continue
            cheapest = min(passing, key=lambda each: cost(each, traffic))
            if best is not None and cost(cheapest, traffic) >= cost(best, traffic):
                break
            best = cheapest
            top = max(0, position(steps, cheapest.params) - 1)
        if best is not None:
            break
    return tuple(done)


def polished(
    index: Index, measure: Measure, best: Measurement, *, k: int, recall: float, traffic: str
) -> tuple[Measurement, ...]:
    """Look between the rungs around the best that a sweep found.

    The rungs are half or a third apart, and so may the time be. Fewer candidates
    with more lists, or the reverse, often cost less at the same recall.
    """
    finer = between(index, best.params)
    factor = best.params.k_factor
    shares = (1.0,) if factor is None else FINER_FACTORS
    done: list[Measurement] = []
    for share in shares:
        scored = None if factor is None else max(1.0, round(factor * share, 1))
        limit = min([cost(best, traffic), *(cost(each, traffic) for each in done)])
        done += bisected(
            [replace(step, k_factor=scored) for step in finer], measure, recall,
            limit=limit, traffic=traffic,
        )  # fmt: skip
    return tuple(done)


def between(index: Index, params: SearchParams) -> tuple[SearchParams, ...]:
    """List finer steps around a choice, cheapest first."""
    if params.nprobe is not None:
        most = index.nlist or 1 if isinstance(index, FaissIndex) else 1
        steps = sorted({min(most, max(1, round(params.nprobe * share))) for share in FINER_STEPS})
        return tuple(SearchParams(nprobe=step) for step in steps)
    if params.ef_search is not None:
        steps = sorted({max(1, round(params.ef_search * share)) for share in FINER_STEPS})
        return tuple(SearchParams(ef_search=step) for step in steps)
    return (SearchParams(),)


def levelled(reached: Sequence[float]) -> bool:
    """Tell whether scoring more candidates again has stopped helping."""
    return len(reached) > 1 and reached[-1] < reached[-2] + LEAST_GAIN


def ceilings(index: Index, steps: Sequence[SearchParams]) -> Iterator[int]:
    """Say up to which step to look: a quarter of the lists first, then all."""
    last = len(steps) - 1
    if isinstance(index, FaissIndex) and index.has_lists:
        most = (index.nlist or 1) / MOST_LISTS
        quarter = sum((step.nprobe or 1) <= most for step in steps) - 1
        if 0 <= quarter < last:
            yield quarter
    yield last


def bisected(
    steps: Sequence[SearchParams],
    measure: Measure,
    recall: float,
    *,
    limit: float | None,
    traffic: str,
) -> list[Measurement]:
    """Find the first step that reaches the recall.

    Args:
        steps: Cheapest first.
        measure: Measures one.
        recall: What to reach.
        limit: What takes longer is not worth a further step up.
        traffic: Whose time counts.
    """
    low, high = 0, len(steps) - 1
    done: list[Measurement] = []
    # The ceiling decides whether there is anything to find; a graph's is far
    # away and nearly always high enough.
    first = high if limit is None and steps[0].ef_search is None else None
    while low <= high:
        middle = (low + high) // 2 if first is None else first
        first = None
        measured = measure(steps[middle])
        done.append(measured)
        if measured.recall >= recall:
            high = middle - 1
        elif limit is not None and cost(measured, traffic) > limit:
            break
        else:
            low = middle + 1
    return done


def position(steps: Sequence[SearchParams], params: SearchParams) -> int:
    """Find a choice on the ladder, whatever its k_factor."""
    return steps.index(replace(params, k_factor=None))


def stepped(index: Index, params: SearchParams, k: int) -> SearchParams | None:
    """Take the next rung above, or None at the top."""
    for step in ladder(index, k):
        if (step.nprobe or 0, step.ef_search or 0) > (params.nprobe or 0, params.ef_search or 0):
            return replace(step, k_factor=params.k_factor)
    larger = [each for each in factors(index, k) if each and each > (params.k_factor or 0)]
    return replace(params, k_factor=larger[0]) if larger else None
