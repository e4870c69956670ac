"""Copies on a GPU, with a FAISS that only pretends to have one."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import IndexConfig, SearchParams, build_index
from lookalike.vectors import unit_rows

ROWS = unit_rows(np.random.default_rng(0).normal(size=(500, 16)))
MOVABLE = [
    IndexConfig("flat", device="gpu"),
    IndexConfig("ivf", nlist=8, device="gpu"),
    IndexConfig("ivf", nlist=8, codes="int8", device="gpu"),
]


class Watched:
    """Searches as the index does, and counts how often it is asked."""

    calls = 0

    def __init__(self, index):
        self._index = index

    def search(self, *args, **options):
        Watched.calls += 1
        return self._index.search(*args, **options)


@pytest.fixture
def a_gpu(monkeypatch):
    Watched.calls = 0
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(
        faiss, "index_cpu_to_gpu", lambda _, number, index: Watched(index), raising=False
    )


@pytest.mark.parametrize("config", MOVABLE, ids=lambda config: f"{config.kind}-{config.codes}")
@pytest.mark.usefixtures("a_gpu")
def test_searches_without_a_filter_run_on_the_gpu(config):
    index = build_index([ROWS], config, dim=16)
    moved = index.search(ROWS[:5], 3)
    assert Watched.calls == 1
    settings = {**config.to_dict(), "device": "cpu"}
    plain = build_index([ROWS], IndexConfig.from_dict(settings), dim=16).search(ROWS[:5], 3)
    assert moved.rows.tolist() == plain.rows.tolist()
    assert Watched.calls == 1


@pytest.mark.parametrize("config", MOVABLE, ids=lambda config: f"{config.kind}-{config.codes}")
@pytest.mark.usefixtures("a_gpu")
def test_masks_and_long_answers_stay_on_the_processor(config):
    rows = np.tile(ROWS, (5, 1))
    index = build_index([rows], config, dim=16)
    index.search(ROWS[:2], 3, allowed=np.arange(2500) % 2 == 0)
    index.search(ROWS[:2], 2100, params=SearchParams(nprobe=8))
    assert Watched.calls == 0


@pytest.mark.usefixtures("a_gpu")
def test_rows_added_later_are_in_the_next_copy():
    index = build_index([ROWS[:400]], IndexConfig("ivf", nlist=8), dim=16)
    index.search(ROWS[450:451], 1, params=SearchParams(nprobe=8))
    index.add(ROWS[400:], np.arange(400, 500))
    found = index.search(ROWS[450:451], 1, params=SearchParams(nprobe=8))
    assert found.rows.tolist() == [[450]]
    assert Watched.calls == 2


@pytest.mark.parametrize(
    "config",
    [
        IndexConfig("exact", device="gpu"),
        IndexConfig("hnsw", device="gpu"),
        IndexConfig("ivf", nlist=8, refine="float16", device="gpu"),
    ],
    ids=lambda config: config.kind,
)
@pytest.mark.usefixtures("a_gpu")
def test_what_a_gpu_does_not_take_is_said(config):
    with pytest.raises(UsageError, match="takes the kinds 'flat'"):
        build_index([ROWS], config, dim=16)
    settings = {**config.to_dict(), "device": "auto"}
    assert build_index([ROWS], IndexConfig.from_dict(settings), dim=16).size == 500


@pytest.mark.parametrize("config", [IndexConfig("exact", device="gpu"), *MOVABLE])
def test_a_gpu_that_is_not_there_is_not_replaced_in_silence(config, monkeypatch):
    monkeypatch.delattr(faiss, "StandardGpuResources", raising=False)
    with pytest.raises(UsageError, match="finds none: install a build of FAISS for GPUs"):
        build_index([ROWS], config, dim=16)
