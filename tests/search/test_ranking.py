"""Ties: told in full, and nobody's business but the query's whose they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lookalike.search.indexing import Indexed
from lookalike.search.ranking import ranked_with_ties
from lookalike.vectors import Neighbors

ROWS = 40


class Noted:
    """An index of 40 rows; the first query ties with all of them, the second with none."""

    size = ROWS

    def __init__(self):
        self.asked = []

    def search(self, queries, k, *, params=None, allowed=None):
        self.asked.append((queries[:, 0].tolist(), k))
        count = min(k, ROWS)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        for line, (kind, _) in enumerate(queries):
            scores[line, :count] = 1.0 if kind == 0 else np.linspace(1, 0, ROWS)[:count]
            rows[line, :count] = np.arange(count)
        return Neighbors(scores, rows)


def test_only_those_with_ties_are_asked_for_more():
    index = Noted()
    current = Indexed(SimpleNamespace(generation=1), index)
    queries = np.array([[0, 0], [1, 0]], dtype=np.float32)
    lowest = np.full(2, -np.inf, dtype=np.float32)
    tied, plain = ranked_with_ties(current, queries, 2, lowest)
    assert tied.rows.tolist() == list(range(ROWS))
    assert plain.rows.tolist() == [0, 1]
    assert index.asked == [([0.0, 1.0], 3), ([0.0], 18), ([0.0], 258)]
