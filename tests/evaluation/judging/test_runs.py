"""What a run must be to be judged."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.runs import NO_IMAGE, Run


def run_with(image_ids, scores=None, queries=("a", "b")):
    ids = np.array(image_ids, dtype=np.int64)
    if scores is None:
        scores = np.broadcast_to(-np.arange(ids.shape[1], dtype=np.float32), ids.shape)
    return Run(tuple(queries), ids, np.asarray(scores, dtype=np.float32))


def test_a_run_is_as_deep_as_its_deepest_line():
    run = run_with([[3, 1, 2], [2, NO_IMAGE, NO_IMAGE]])
    assert (run.depth, len(run)) == (3, 2)


def test_equal_scores_do_not_rise():
    assert len(run_with([[3, 1], [2, 1]], [[0.5, 0.5], [0.1, -np.inf]])) == 2


def test_what_follows_the_end_has_no_score_to_speak_of():
    assert len(run_with([[3, NO_IMAGE], [2, 1]], [[0.5, 9], [0.1, 0.1]])) == 2


@pytest.mark.parametrize(
    ("image_ids", "scores", "queries", "sentence"),
    [
        ([[1, 2], [2, 1]], None, ("a", "a"), "The query 'a' is there twice"),
        ([[1, 2], [2, 1]], None, ("a",), "1 names came with 2 rankings"),
        ([[1, 2], [4, 4]], None, ("a", "b"), "the query 'b' names an image twice"),
        ([[1, 2, 1], [4, 5, 6]], None, ("a", "b"), "the query 'a' names an image twice"),
        ([[1, 2], [-1, 4]], None, ("a", "b"), "the query 'b' has a gap"),
        ([[1, 2], [4, -2]], None, ("a", "b"), "the query 'b' names the image -2"),
        ([[1, 2], [3, 4]], [[1, 0], [0, 1]], ("a", "b"), "scores of the query 'b' rise"),
        ([[1, 2], [3, 4]], [[1, np.nan], [1, 0]], ("a", "b"), "scores of the query 'a' rise"),
        ([[], []], None, ("a", "b"), "no hits at all"),
        ([[1, 2], [3, 4]], [[1], [1]], ("a", "b"), "of one shape"),
    ],
)
def test_what_is_no_run(image_ids, scores, queries, sentence):
    with pytest.raises(UsageError, match=sentence):
        run_with(image_ids, scores, queries)


def test_long_lines_are_looked_at_in_blocks(monkeypatch):
    monkeypatch.setattr("lookalike.evaluation.judging.runs.SORTED_AT_ONCE", 4)
    with pytest.raises(UsageError, match="the query 'c' names an image twice"):
        run_with([[1, 2], [1, 2], [3, 3]], queries=("a", "b", "c"))
