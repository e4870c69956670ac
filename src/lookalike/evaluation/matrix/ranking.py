"""Rankings of an index, and exact ones of all images, in blocks of queries that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.runs import NO_IMAGE, Run
from lookalike.evaluation.matrix.embedded import Embedded
from lookalike.index import Index, SearchParams
from lookalike.vectors import unit_rows

__all__ = ["answered", "exact_runs", "joined_runs", "run_without_self", "spread"]

# A block of rankings has so many places: what is computed of it takes some 50 bytes each.
PLACES_AT_ONCE = 2_000_000
FEWEST_AT_ONCE = 8
ROWS_AT_ONCE = 8192
# Rows are kept as float64, as scores are summed, up to so much memory.
WIDE_BYTES = 1 << 30
# As many as FAISS multiplies with a block of rows at a time: fewer take a third longer.
QUERIES_AT_ONCE = 4096
SIGN = np.uint32(1 << 31)


def answered(
    index: Index,
    embedded: Embedded,
    depth: int,
    *,
    params: SearchParams | None = None,
    lines: NDArray[np.int64] | None = None,
) -> Run:
    """Ask an index all queries, or some, and take each query itself out of its answer.

    Args:
        index: Over the rows of the images.
        embedded: Images and queries.
        depth: How many images to find for each.
        params: What to search with; what the index has been set to if None.
        lines: Which queries, in rising order; all if None.
    """
    chosen = np.arange(len(embedded.names)) if lines is None else lines
    runs = []
    for start in range(0, len(chosen), QUERIES_AT_ONCE):
        part = chosen[start : start + QUERIES_AT_ONCE]
        own = embedded.self_ids[part]
        asked = min(depth + int((own >= 0).any()), index.size)
        found = index.search(embedded.queries[part], asked, params=params)
        names = tuple(embedded.names[line] for line in part.tolist())
        runs.append(run_without_self(names, found.rows, found.scores, own, depth))
    return joined_runs(runs, depth)


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Choose up to ``most`` lines of ``count``, evenly spaced.

    Queries stand in the order of their paths, so that the first few would be those of
    the first classes.
    """
    if count <= most:
        return np.arange(count)
    return (np.arange(most) * count) // most


def exact_runs(embedded: Embedded) -> Iterator[Run]:
    """Rank all images by their exact scores, some queries at a time.

    Equal scores are ordered by image_id. The query itself is left out by its
    image_id, and so are images without an embedding, for which lines have room.
    """
    count = len(embedded.rows)
    rows, places = without_copies(float_rows(embedded))
    if 2 * rows.nbytes <= WIDE_BYTES:
        rows = rows.astype(np.float64)
    depth = count - int((embedded.self_ids >= 0).all())
    step = max(FEWEST_AT_ONCE, PLACES_AT_ONCE // max(1, count))
    for start in range(0, len(embedded.names), step):
        part = slice(start, start + step)
        scores = products(unit_rows(embedded.queries[part]), rows)
        if len(rows) < count:
            scores = scores[:, places]
        scores[:, embedded.dead] = -np.inf
        own = embedded.self_ids[part]
        lines = np.flatnonzero(own >= 0)
        scores[lines, own[lines]] = -np.inf
        yield ranked(embedded.names[part], scores, depth)


def float_rows(embedded: Embedded) -> NDArray[np.float32]:
    """Bring the rows to unit length as float32, a slice at a time."""
    rows = np.empty(embedded.rows.shape, dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        rows[part] = unit_rows(embedded.rows[part])
    return rows


def without_copies(
    rows: NDArray[np.float32],
) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
    """Keep one of equal rows: whatever is computed of it then holds for all of them.

    Returns:
        The rows that differ ``(u, dim)``, and which of them each row is ``(n,)``.
    """
    firsts: dict[bytes, int] = {}
    # Adding 0 makes a 0 of -0.
    numbers = [firsts.setdefault((row + np.float32(0)).tobytes(), len(firsts)) for row in rows]
    places = np.array(numbers, dtype=np.int64)
    if len(firsts) == len(rows):
        return rows, places
    _, kept = np.unique(places, return_index=True)
    return rows[kept], places


def products(queries: NDArray[np.float32], rows: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Score each row for each query, summed in float64 and rounded once, as ``exact_scores`` does.

    A product of float32 gives the last bits according to where a row stands in a
    block: the ranking of all images would not begin with what exact search finds.
    """
    wide = queries.astype(np.float64)
    scores = np.empty((len(queries), len(rows)), dtype=np.float32)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        scores[:, part] = wide @ rows[part].astype(np.float64, copy=False).T
    return np.clip(scores, -1, 1, out=scores)


def ranked(names: tuple[str, ...], scores: NDArray[np.float32], depth: int) -> Run:
    """Order the images of each line, the best first, equal scores by image_id.

    Score and image_id are put into one integer that sorts as the two do: such
    integers are sorted several times as fast as by way of an order, and have no ties.

    Args:
        names: Of the queries.
        scores: ``(q, n)``; ``-inf`` for what must not be found. Is overwritten.
        depth: How many to keep: all, or all but the query itself.
    """
    scores += np.float32(0)  # makes -0 a 0
    bits = scores.view(np.uint32)
    rising = np.where(bits & SIGN, ~bits, bits | SIGN)
    keys = (~rising).astype(np.uint64) << np.uint64(32)
    keys |= np.arange(scores.shape[1], dtype=np.uint64)
    keys.sort(axis=1)
    image_ids = (keys[:, :depth] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    best = np.take_along_axis(scores, image_ids, axis=1)
    image_ids[np.isneginf(best)] = NO_IMAGE
    return Run(names, image_ids, best)


def joined_runs(runs: list[Run], depth: int) -> Run:
    """Put the runs of different queries below each other, cut or filled up to a depth."""
    return Run(
        tuple(name for run in runs for name in run.queries),
        np.concatenate([fitted(run.image_ids, depth, NO_IMAGE) for run in runs]),
        np.concatenate([fitted(run.scores, depth, -np.inf) for run in runs]),
    )


def fitted(lines: NDArray[np.generic], depth: int, filling: float) -> NDArray[np.generic]:
    """Cut lines off, or fill them up."""
    if lines.shape[1] >= depth:
        return lines[:, :depth]
    return np.pad(lines, ((0, 0), (0, depth - lines.shape[1])), constant_values=filling)


def run_without_self(
    names: tuple[str, ...],
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    own: NDArray[np.int64],
    depth: int,
) -> Run:
    """Take the query itself out of an index's answers, wherever it stands.

    Args:
        names: Of the queries.
        rows: int64 ``(q, k)`` as the index answered, -1 where it found no more;
            k is ``depth`` and one more where queries are images.
        scores: Likewise.
        own: int64 ``(q,)``: the image_id of each query, -1 where it is no image.
        depth: How many to keep.
    """
    is_left_out = (rows == own[:, None]) & (own >= 0)[:, None]
    # A stable order by what is left out, or was not found, keeps all the others in theirs.
    order = np.argsort(is_left_out | (rows < 0), axis=1, kind="stable")
    rows = np.where(is_left_out | (rows < 0), NO_IMAGE, rows)
    scores = np.where(rows == NO_IMAGE, np.float32(-np.inf), scores)
    return Run(
        names,
        np.take_along_axis(rows, order, axis=1)[:, :depth],
        np.take_along_axis(scores, order, axis=1)[:, :depth],
    )
