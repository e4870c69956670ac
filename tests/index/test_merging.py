"""Indexes of shards joined into the one over all rows."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import FaissIndex, IndexConfig, build_index
from lookalike.index.merging import merge_indexes
from lookalike.vectors import unit_rows

DIM = 32
ROWS = 6000
KINDS = {
    "flat int8": IndexConfig("flat", codes="int8"),
    "flat float16": IndexConfig("flat", codes="float16"),
    "ivf": IndexConfig("ivf", nlist=8),
    "ivf int8": IndexConfig("ivf", codes="int8", nlist=8),
    "ivf-pq": IndexConfig("ivf-pq", nlist=8),
    "ivf-rabitq": IndexConfig("ivf-rabitq", nlist=8),
}


def rows(seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(ROWS, DIM))).astype(np.float16)


def built(blocks: list[np.ndarray], config: IndexConfig, trained: FaissIndex | None = None):
    index = build_index(blocks, config, dim=DIM, trained=trained)
    assert isinstance(index, FaissIndex)
    return index


@pytest.mark.parametrize("kind", KINDS)
def test_ten_shards_merged_answer_as_one_build(kind):
    whole = built([rows()], KINDS[kind])
    step = ROWS // 10
    starts = range(0, ROWS, step)
    shards = [built([rows()[start : start + step]], KINDS[kind], whole) for start in starts]
    merged = merge_indexes(shards, list(starts))
    queries = rows(seed=1)[:50].astype(np.float32)
    for allowed in (None, np.arange(ROWS) % 7 == 0):
        one, joined = (index.search(queries, 20, allowed=allowed) for index in (whole, merged))
        np.testing.assert_array_equal(one.rows, joined.rows)
        np.testing.assert_array_equal(one.scores, joined.scores)
    assert merged.size == ROWS
    assert [shard.size for shard in shards] == [step] * 10
    np.testing.assert_array_equal(
        shards[3].search(queries, 5).rows,
        built([rows()[3 * step : 4 * step]], KINDS[kind], whole).search(queries, 5).rows,
    )


def test_indexes_trained_apart_are_refused():
    one, other = built([rows()], KINDS["ivf"]), built([rows(seed=2)], KINDS["ivf"])
    with pytest.raises(UsageError, match=r"Index 1 was trained apart .* with trained="):
        merge_indexes([one, other], [0, ROWS])


def test_graphs_are_refused_with_the_way_out():
    graph = built([rows()], IndexConfig("hnsw", codes="float16", hnsw_m=8))
    with pytest.raises(UsageError, match="cannot be merged: build one over all rows"):
        merge_indexes([graph, graph], [0, ROWS])


def test_each_index_needs_its_offset():
    with pytest.raises(UsageError, match="1 indexes with 2 row offsets"):
        merge_indexes([built([rows()], KINDS["ivf"])], [0, ROWS])
    with pytest.raises(UsageError, match="at least one index"):
        merge_indexes([], [])
