"""Which indexes are worth a try, and what they will take."""

from __future__ import annotations

from lookalike.index.config import IndexConfig, Metric, training_rows_needed
from lookalike.index.tuning.wishes import TuneWish

__all__ = ["baselines", "build_growth", "growth", "predicted_bytes", "usual_candidates"]

BYTES = {"none": 0.0, "float32": 4.0, "float16": 2.0, "int8": 1.0}
# A query's time grows with the rows to these powers at one recall, and a build's:
# measured between 5,000 and 100,000 rows of 512 numbers, to be right for a ranking.
GROWTH = {"exact": 1.0, "flat": 1.0, "ivf-pq": 0.35, "hnsw": 0.3}
BUILD_GROWTH = {"exact": 1.0, "flat": 1.0, "ivf-pq": 0.7, "hnsw": 1.3}
LISTS_GROWTH, LISTS_BUILD_GROWTH = 0.65, 0.9
# A walk through a graph jumps: while it fits the processor's cache it is far quicker.
CACHE_BYTES = 16e6
CACHED_GROWTH = 0.7
# int8 loses one or two neighbors in 100; 4-bit codes, scored again, next to none.
INT8_REACHES = 0.98
# Where memory is scarce: a fifth fewer codes than usual.
SHORTER_DIM = 128
PQ_REACHES = 0.995


def baselines(metric: Metric = "cosine") -> tuple[IndexConfig, ...]:
    """List what finds everything, and is always among the candidates."""
    return (IndexConfig("exact", metric=metric), IndexConfig("flat", metric=metric))


def usual_candidates(rows: int, dim: int, wish: TuneWish) -> tuple[IndexConfig, ...]:
    """List the approximate indexes that make sense at this size.

    Graphs are left to single queries: in batches, lists of 4-bit codes were 2 to
    8 times as fast wherever both were measured.

    Args:
        rows: How many rows there are.
        dim: Length of an embedding.
        wish: What is wanted.
    """
    lists = IndexConfig("ivf-pq")
    every = [lists, IndexConfig("flat", codes="float16")]
    if wish.traffic == "single":
        graph = IndexConfig("hnsw", codes="int8" if wish.recall <= INT8_REACHES else "float16")
        every.append(graph)
    if wish.memory_bytes is not None and predicted_bytes(lists, rows, dim) > wish.memory_bytes:
        every.append(IndexConfig("ivf-pq", refine="int8"))
        if dim > SHORTER_DIM:
            every.append(IndexConfig("ivf-pq", refine="int8", reduced_dim=SHORTER_DIM))
    if wish.recall > PQ_REACHES:
        every.append(IndexConfig("ivf", codes="float16"))
    return tuple(each for each in every if rows >= training_rows_needed(each, rows))


def predicted_bytes(config: IndexConfig, rows: int, dim: int) -> float:
    """Compute the memory of an index over that many rows, to a few per cent.

    What a factory string takes only the built index says: 0 here.
    """
    if config.kind in {"exact", "factory"}:
        return 0.0
    front, left = config.front(dim)
    row = 8.0 + dim * BYTES[config.refine_codes]
    fixed = 4.0 * dim * left if front else 0.0
    if config.kind == "ivf-pq":
        row += config.pq_codes(left) / 2
    elif config.kind == "ivf-rabitq":
        row += left * config.rabitq_bits / 8 + 8
    else:
        row += left * BYTES[config.codes]
    if config.kind == "hnsw":
        row += 8.0 * config.hnsw_m + 16
    if config.kind.startswith("ivf"):
        row += 8
        fixed += 4.0 * config.lists(rows) * left
    return rows * row + fixed


def growth(config: IndexConfig, sample: int, rows: int, dim: int) -> float:
    """Say how many times longer a query takes over all rows than over a sample."""
    power = GROWTH.get(config.kind, LISTS_GROWTH)
    if config.kind != "hnsw":
        return float((rows / sample) ** power)
    cached = CACHE_BYTES / (predicted_bytes(config, rows, dim) / rows)
    inside = min(rows, max(cached, sample)) / sample
    return float(inside**CACHED_GROWTH * (rows / (inside * sample)) ** power)


def build_growth(config: IndexConfig, sample: int, rows: int) -> float:
    """Say how many times longer the full build takes."""
    return float((rows / sample) ** BUILD_GROWTH.get(config.kind, LISTS_BUILD_GROWTH))
