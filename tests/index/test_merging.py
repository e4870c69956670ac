"""Indexes of shards joined into the one over all rows."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import FaissIndex, IndexConfig, build_index
from lookalike.index.faiss_index import layers
from lookalike.index.merging import copied, merge_indexes, move_whole_blocks, renumber
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


@pytest.mark.parametrize("kind", ["ivf-pq", "ivf-rabitq"])
def test_lists_that_fill_their_blocks_are_not_left_to_faiss(kind):
    whole = built([rows()], IndexConfig(kind, nlist=1))
    lists = faiss.downcast_InvertedLists(layers(whole.base)[-1].invlists)
    rows_in_first = 2 * lists.block_size
    cuts = [rows()[:rows_in_first], rows()[rows_in_first:]]
    shards = [built([cut], whole.config, whole) for cut in cuts]
    copies = [copied(shard.base) for shard in shards]
    bases = [layers(each)[-1] for each in copies]
    move_whole_blocks(bases[0], bases[1], rows_in_first)
    assert [base.invlists.list_size(0) for base in bases] == [ROWS, 0]
    merged = merge_indexes(shards, [0, rows_in_first])
    queries = rows(seed=1)[:50].astype(np.float32)
    one, joined = (index.search(queries, 20) for index in (whole, merged))
    np.testing.assert_array_equal(one.rows, joined.rows)
    np.testing.assert_array_equal(one.scores, joined.scores)


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


def test_rows_are_numbered_as_the_gallery_that_took_them_in_numbers_them():
    blocks, queries = [rows()[:300]], rows()[:300].astype(np.float32)
    index = built(blocks, IndexConfig("flat", codes="float16"))
    numbers = np.arange(300)[::-1].copy()
    assert renumber(index, numbers, rows=300) == 300
    assert index.search(queries, 1).rows[:, 0].tolist() == numbers.tolist()


def test_what_the_gallery_has_not_got_or_has_once_is_numbered_behind_its_rows():
    index = built([rows()[:6]], IndexConfig("flat", codes="float16"))
    assert renumber(index, np.array([2, -1, 0, 2, 1, -1]), rows=4) == 3
    assert index.numbers.rows.tolist() == [2, 4, 0, 5, 1, 6]
    assert index.size == 6
