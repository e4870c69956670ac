"""Finding rows that are equal bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.index import collapsing
from lookalike.index.collapsing import find_copies

NOBODY = np.empty(0, dtype=np.int64)


def random_rows(count: int, dim: int, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, dim)).astype(dtype)


def pairs(blocks: list[np.ndarray], dead: np.ndarray = NOBODY) -> list[tuple[int, int]]:
    found = find_copies(blocks, dead)
    return list(zip(found.first.tolist(), found.copy.tolist(), strict=True))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("dim", [1, 3, 4, 33])
def test_copies_stand_behind_the_smallest_of_them(dtype, dim):
    rows = random_rows(50, dim, dtype)
    rows = np.unique(rows, axis=0)[::-1].copy()
    rows[[40, 9, 20]] = rows[3]
    rows[11] = rows[30]
    assert pairs([rows]) == [(3, 9), (3, 20), (3, 40), (11, 30)]


def test_copies_are_found_over_blocks_and_slices(monkeypatch):
    monkeypatch.setattr(collapsing, "SLICE_ROWS", 7)
    rows = random_rows(60, 8)
    rows[[29, 31, 59]] = rows[0]
    assert pairs([rows[:30], rows[30:30], rows[30:]]) == [(0, 29), (0, 31), (0, 59)]


def test_a_dead_row_stands_for_nobody_and_is_no_copy():
    rows = random_rows(10, 8)
    rows[[2, 5, 7, 8]] = rows[2]
    assert pairs([rows], np.array([2, 7])) == [(5, 8)]


def test_rows_whose_hashes_meet_by_chance_are_told_apart(monkeypatch):
    monkeypatch.setattr(collapsing, "hashed", lambda rows: np.zeros(len(rows), np.uint64))
    rows = random_rows(6, 8)
    rows[4] = rows[0]
    assert pairs([rows]) == [(0, 4)]


def test_nearly_equal_rows_are_not_copies():
    rows = random_rows(2, 8)
    rows[1] = rows[0]
    rows[1, 7] = np.nextafter(rows[1, 7], 2)
    assert pairs([rows]) == []


def test_no_rows_have_no_copies():
    assert pairs([]) == []
    assert pairs([np.empty((0, 8), dtype=np.float32)]) == []
