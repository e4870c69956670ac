"""Exact rankings and rankings without the query itself, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.evaluation.judging.runs import NO_IMAGE
from lookalike.evaluation.matrix import ranking
from lookalike.evaluation.matrix.embedded import Embedded
from lookalike.evaluation.matrix.ranking import (
    answered,
    exact_runs,
    joined_runs,
    ranked,
    run_without_self,
    spread,
)
from lookalike.index import ExactIndex
from lookalike.vectors import unit_rows


def embedded(rows, *, dead=(), own=None, queries=None):
    rows = np.asarray(rows, dtype=np.float32)
    asked = rows if queries is None else np.asarray(queries, dtype=np.float32)
    own = np.arange(len(asked)) if own is None else np.array(own)
    names = tuple(f"q{line}" for line in range(len(asked)))
    return Embedded(rows, np.array(dead, np.int64), unit_rows(asked), names, own, {})


def test_equal_scores_are_ordered_by_image_id():
    run = ranked(("q",), np.array([[0.5, 0.9, 0.5, -0.5, 0.9, -0.0, 0.0]], np.float32), 7)
    assert run.image_ids.tolist() == [[1, 4, 0, 2, 5, 6, 3]]
    assert run.scores[0, :3].tolist() == pytest.approx([0.9, 0.9, 0.5])


def test_integers_sort_as_scores_do():
    scores = np.random.default_rng(1).normal(size=(9, 300)).astype(np.float32)
    run = ranked(tuple("abcdefghi"), scores.copy(), 300)
    assert run.image_ids.tolist() == np.argsort(-scores, axis=1, kind="stable").tolist()


def test_a_few_found_by_an_index_are_the_beginning_of_all(monkeypatch):
    asked = embedded(np.random.default_rng(3).normal(size=(50, 6)), dead=[4])
    (whole,) = exact_runs(asked)
    monkeypatch.setattr(ranking, "QUERIES_AT_ONCE", 20)
    index = ExactIndex([asked.rows], dim=6, dead=asked.dead)
    few = answered(index, asked, 7)
    assert few.queries == whole.queries
    assert few.image_ids.tolist() == whole.image_ids[:, :7].tolist()
    assert (
        answered(index, asked, 7, lines=np.arange(10, 40)).image_ids.tolist()
        == few.image_ids[10:40].tolist()
    )


def test_the_query_itself_is_left_out_and_its_copy_is_not():
    (run,) = exact_runs(embedded([[1, 0], [1, 0], [0, 1]]))
    assert run.image_ids.tolist() == [[1, 2], [0, 2], [0, 1]]


def test_a_query_that_is_no_image_ranks_them_all():
    (run,) = exact_runs(embedded([[1, 0], [0, 1]], queries=[[0, 1]], own=[-1]))
    assert run.image_ids.tolist() == [[1, 0]]


def test_what_cannot_be_read_is_never_found_and_leaves_room():
    (run,) = exact_runs(embedded([[1, 0], [1, 0], [0, 1]], dead=[1], own=[0, -1, 2]))
    assert run.image_ids.tolist() == [[2, NO_IMAGE, NO_IMAGE], [0, 2, NO_IMAGE], [0, -1, -1]]


def test_blocks_of_queries_make_no_difference(monkeypatch):
    rows = np.random.default_rng(2).normal(size=(40, 5))
    whole = list(exact_runs(embedded(rows)))
    monkeypatch.setattr(ranking, "PLACES_AT_ONCE", 40 * 9)
    monkeypatch.setattr(ranking, "ROWS_AT_ONCE", 3)
    parts = list(exact_runs(embedded(rows)))
    assert (len(whole), len(parts)) == (1, 5)
    together = joined_runs(parts, 39)
    assert together.queries == whole[0].queries
    assert together.image_ids.tolist() == whole[0].image_ids.tolist()


def test_an_index_answer_without_the_query_wherever_it_stands():
    rows = np.array([[7, 3, 5], [4, 8, 6], [1, 2, 9], [2, -1, -1]])
    scores = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1], [3, -np.inf, -np.inf]], np.float32)
    run = run_without_self(("a", "b", "c", "d"), rows, scores, np.array([3, 4, 5, -1]), 2)
    # c's own image was not among the three: the third is dropped as too many.
    assert run.image_ids.tolist() == [[7, 5], [8, 6], [1, 2], [2, NO_IMAGE]]
    assert run.scores.tolist() == [[3, 1], [2, 1], [3, 2], [3, -np.inf]]


def test_runs_of_other_depths_are_filled_up():
    first = ranked(("a",), np.array([[0.1, 0.2]], np.float32), 2)
    second = ranked(("b",), np.array([[0.3, 0.2, 0.1]], np.float32), 3)
    together = joined_runs([first, second], 3)
    assert together.image_ids.tolist() == [[1, 0, NO_IMAGE], [0, 1, 2]]


def test_copies_stand_in_the_order_of_their_image_ids_and_as_exact_search_puts_them():
    dice = np.random.default_rng(5)
    rows = dice.normal(size=(40, 128)).astype(np.float16)[dice.integers(0, 40, 300)]
    asked = embedded(rows)
    whole = joined_runs(list(exact_runs(asked)), 299)
    few = answered(ExactIndex([rows], dim=128), asked, 299)
    assert whole.image_ids.tolist() == few.image_ids.tolist()
    assert whole.scores.tolist() == few.scores.tolist()


def test_lines_are_spread_over_all():
    assert spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread(7, 3).tolist() == [0, 2, 4]
    assert spread(3, 5).tolist() == [0, 1, 2]
