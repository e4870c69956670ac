"""What building takes care of beside FAISS."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from lookalike.index import ExactIndex, IndexConfig, SearchParams, build_index
from lookalike.index.faiss_library import threads_for
from lookalike.vectors import unit_rows

DIM = 48


@pytest.fixture(scope="module")
def lopsided():
    """Rows far from zero, as many encoders' are, and queries like them."""
    dice = np.random.default_rng(11)
    spread = np.linspace(1, 0.1, DIM)
    mean = dice.normal(size=DIM)
    rows = unit_rows(mean + spread * dice.normal(size=(4000, DIM)))
    return rows, unit_rows(mean + spread * dice.normal(size=(100, DIM)))


def share(exact, found):
    return np.mean([len(set(a) & set(b)) for a, b in zip(exact, found, strict=True)]) / 10


def test_principal_components_keep_the_mean(lopsided):
    rows, queries = lopsided
    exact = ExactIndex([rows], dim=DIM).search(queries, 10).rows
    ours = build_index([rows], IndexConfig("ivf-pq", reduced_dim=40), dim=DIM)
    wide = SearchParams(nprobe=ours.nlist, k_factor=3)

    # FAISS's own training, the same in all else.
    centred = faiss.index_factory(DIM, ours.config.to_factory(len(rows), DIM), 0)
    centred.train(rows)
    centred.add(rows)
    lists = faiss.IVFSearchParameters(nprobe=ours.nlist)
    outer = faiss.SearchParametersPreTransform(index_params=lists)
    params = faiss.IndexRefineSearchParameters(k_factor=3, base_index_params=outer)
    refined = faiss.IndexRefine(centred, ours.refine)

    # Measured: 0.994 and 0.479.
    assert share(exact, ours.search(queries, 10, params=wide).rows) > 0.97
    assert share(exact, refined.search(queries, 10, params=params)[1]) < 0.7


def test_a_single_query_gets_a_single_thread():
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(4)
    try:
        with threads_for(1):
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == 4
        with threads_for(100):
            assert faiss.omp_get_max_threads() == 4
    finally:
        faiss.omp_set_num_threads(usual)


def test_the_first_neighbor_gets_as_many_candidates_as_the_first_ten(lopsided):
    rows, queries = lopsided
    index = build_index([rows], IndexConfig("ivf-pq", reduced_dim=24), dim=DIM)
    params = SearchParams(nprobe=index.nlist, k_factor=3)
    ten = index.search(queries, 10, params=params)
    one = index.search(queries, 1, params=params)
    assert one.rows[:, 0].tolist() == ten.rows[:, 0].tolist()


def test_no_more_candidates_are_scored_than_there_are(lopsided):
    rows, queries = lopsided
    index = build_index([rows], IndexConfig("ivf-pq", reduced_dim=24), dim=DIM)
    all_of_them = SearchParams(nprobe=index.nlist, k_factor=1e9)
    exact = ExactIndex([rows], dim=DIM).search(queries, 10).rows
    assert share(exact, index.search(queries, 10, params=all_of_them).rows) > 0.99


def test_few_rows_a_list_are_no_reason_to_write_to_the_terminal(capfd):
    rows = unit_rows(np.random.default_rng(3).normal(size=(200, 16)))
    build_index([rows], IndexConfig(kind="factory", factory="IVF16,Flat"), dim=16)
    assert capfd.readouterr() == ("", "")
