"""Exact search where the rows lie: conversions, views of the memory, and ways that agree."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import ExactIndex, exact, scanning
from lookalike.index.scanning import ScannedBlock, to_float32
from lookalike.vectors import unit_rows


def random_rows(count: int, dim: int = 32, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, dim)))


def test_every_finite_half_is_converted_exactly():
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = every[np.isfinite(every)][:, None]
    wide = to_float32(halves)
    assert wide.dtype == np.float32
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    assert np.array_equal(np.signbit(wide), np.signbit(halves))


def test_the_view_copies_nothing():
    rows = random_rows(1000).astype(np.float16)
    block = ScannedBlock(rows, 0, "cosine")
    assert not block.view.codes.is_owned
    scores, places = block.scan(random_rows(1, seed=1), 1, None)
    best = int(places[0, 0])
    rows[best] = -rows[best]
    again, _ = block.scan(random_rows(1, seed=1), 1, None)
    assert again[0, 0] < scores[0, 0]


def test_lengths_are_measured_by_hand():
    rows = np.array([[3, 4], [0.6, 0.8], [0, 2]], dtype=np.float16)
    assert ScannedBlock(rows, 0, "l2").lengths == (pytest.approx(1, abs=1e-3), 5)
    assert not ScannedBlock(rows, 0, "cosine").has_unit_rows
    assert ScannedBlock(rows, 0, "cosine").view is None
    assert ScannedBlock(rows[1:2], 0, "cosine").has_unit_rows


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("count", [1, 20])
def test_numbers_that_are_not_finite_are_refused(bad, dtype, count):
    rows = random_rows(50).astype(dtype)
    rows[49, 31] = bad
    with pytest.raises(UsageError, match="not finite"):
        ExactIndex([rows], dim=32).search(random_rows(count), 1)


@pytest.mark.parametrize("metric", ["cosine", "inner_product", "l2"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("is_masked", [False, True])
def test_scanning_and_multiplying_give_the_same_bits(metric, dtype, is_masked, monkeypatch):
    rows = random_rows(5000).astype(dtype)
    rows[100:160] = rows[100]
    queries = np.concatenate([random_rows(8, seed=1), rows[100:101].astype(np.float32)])
    allowed = np.random.default_rng(2).random(5000) < 0.4 if is_masked else None
    index = ExactIndex([rows[:3000], rows[3000:]], dim=32, metric=metric, dead=np.array([101]))
    answers = []
    for few in (0, 100):
        monkeypatch.setattr(scanning, "FEW_QUERIES", few)
        answers.append(index.search(queries, 12, allowed=allowed))
    monkeypatch.setattr(ScannedBlock, "view", None)
    answers.append(index.search(queries, 12, allowed=allowed))
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer.rows, answers[0].rows)
        np.testing.assert_array_equal(answer.scores, answers[0].scores)


def test_a_faiss_without_views_is_no_obstacle(monkeypatch):
    rows, query = random_rows(300).astype(np.float16), random_rows(1, seed=1)
    expected = ExactIndex([rows], dim=32).search(query, 5)
    monkeypatch.delattr(faiss, "MaybeOwnedVectorUInt8")
    index = ExactIndex([rows], dim=32)
    assert index.search(query, 5).rows.tolist() == expected.rows.tolist()
    assert index._blocks[0].view is None


@pytest.mark.parametrize("count", [1, 9])
def test_a_query_that_ties_with_more_rows_than_are_kept_at_once(count, monkeypatch):
    monkeypatch.setattr(exact, "MOST_CANDIDATES", 500)
    monkeypatch.setattr(exact, "SCORED_ROWS", 300)
    rows = np.tile(random_rows(2).astype(np.float16), (4000, 1))
    found = ExactIndex([rows[:5000], rows[5000:]], dim=32).search(
        np.repeat(rows[:1].astype(np.float32), count, axis=0), 6
    )
    assert found.rows.tolist() == [[0, 2, 4, 6, 8, 10]] * count


@pytest.mark.parametrize("count", [1, 9])
def test_rows_that_lie_apart_in_memory_are_searched_too(count):
    rows = random_rows(600).astype(np.float16)
    queries = random_rows(count, seed=1)
    apart = ExactIndex([rows[::2]], dim=32).search(queries, 4)
    together = ExactIndex([rows[::2].copy()], dim=32).search(queries, 4)
    np.testing.assert_array_equal(apart.rows, together.rows)
    np.testing.assert_array_equal(apart.scores, together.scores)


@pytest.mark.parametrize("count", [1, 9])
def test_mapped_rows_are_searched_where_they_lie(count, tmp_path):
    rows = random_rows(600).astype(np.float16)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    queries = random_rows(count, seed=1)
    found = ExactIndex([mapped], dim=32).search(queries, 4)
    assert found.rows.tolist() == ExactIndex([rows], dim=32).search(queries, 4).rows.tolist()
