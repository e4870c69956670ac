"""Judgements: what answers a query, what is junk, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging import qrels as qrels_module
from lookalike.evaluation.judging.protocol import JUNK, UNRANKED
from lookalike.evaluation.judging.qrels import LabelQrels, ListedQrels
from lookalike.evaluation.judging.runs import NO_IMAGE, Run

IMAGES = ["cat", "cat", "dog", "cat", None, "owl"]


def run_with(queries, image_ids):
    ids = np.array(image_ids, dtype=np.int64)
    scores = np.broadcast_to(-np.arange(ids.shape[1], dtype=np.float32), ids.shape)
    return Run(tuple(queries), ids, scores)


def leave_one_out():
    names = [f"q{place}" for place in range(6)]
    return LabelQrels(names, IMAGES, IMAGES, self_ids=range(6))


def test_an_image_answers_by_its_label_and_never_itself():
    judged = leave_one_out().judge(run_with(["q0", "q2", "q3"], [[1, 2, 3], [0, 5, 1], [5, 3, 0]]))
    # q3 found itself, which the searcher should have left out: junk by its image_id.
    assert judged.grades.tolist() == [[1, 0, 1], [0, 0, 0], [0, JUNK, 1]]
    assert judged.positives.tolist() == [2, 0, 2]
    assert judged.groups == ("cat", "dog", "cat")
    assert judged.ideal is None


def test_a_copy_that_is_ranked_first_is_a_positive():
    # Image 0 finds its copy, image 1, before anything else: no position stands for the query.
    judged = leave_one_out().judge(run_with(["q0"], [[1]]))
    assert judged.grades.tolist() == [[1]]


def test_an_image_without_a_label_is_junk_and_asks_for_nothing():
    judgements = leave_one_out()
    judged = judgements.judge(run_with(["q0", "q4"], [[4, 1, 2], [0, 1, NO_IMAGE]]))
    assert judged.grades.tolist() == [[JUNK, 1, 0], [0, 0, UNRANKED]]
    assert judged.positives.tolist() == [2, 0]
    assert judgements.most_junk == 1


def test_positives_of_all_queries():
    assert leave_one_out().positives.tolist() == [2, 2, 0, 2, 0, 0]


def test_queries_that_are_none_of_the_images():
    judgements = LabelQrels(["x", "y", "z"], ["cat", "fox", None], IMAGES)
    judged = judgements.judge(run_with(["z", "x"], [[0, 1], [0, 2]]))
    assert judgements.positives.tolist() == [3, 0, 0]
    assert judged.grades.tolist() == [[0, 0], [1, 0]]
    assert judgements.self_ids is None


def test_some_queries_may_be_images_and_others_not():
    judgements = LabelQrels(["a", "b"], ["cat", "cat"], IMAGES, self_ids=[1, NO_IMAGE])
    judged = judgements.judge(run_with(["a", "b"], [[0, 1, -1], [0, 1, -1]]))
    assert judged.grades.tolist() == [[1, JUNK, UNRANKED], [1, 1, UNRANKED]]
    assert judgements.positives.tolist() == [2, 3]


def test_image_ids_of_a_gallery_need_not_be_positions():
    ids = [70, 12, 5]
    judgements = LabelQrels(["a"], ["cat"], ["cat", "dog", "cat"], image_ids=ids, self_ids=[5])
    judged = judgements.judge(run_with(["a"], [[12, 70]]))
    assert judged.grades.tolist() == [[0, 1]]
    assert judgements.positives.tolist() == [1]
    with pytest.raises(UsageError, match="with the image 11, which the judgements do not know"):
        judgements.judge(run_with(["a"], [[12, 11]]))


def test_a_run_over_other_images_is_refused():
    with pytest.raises(UsageError, match="the query 'q1' with the image 6, which"):
        leave_one_out().judge(run_with(["q0", "q1"], [[1, 2], [2, 6]]))


def test_a_run_of_other_queries_is_refused():
    with pytest.raises(UsageError, match="answers the query 'q9', which is not judged"):
        leave_one_out().judge(run_with(["q9"], [[1]]))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([None, None], "None of the 2 images has a label"),
        ([], "None of the 0 images has a label"),
        (["cat", "cat", None], "All images have the same label, 'cat'"),
        (["cat", "dog", "owl"], "None of the 3 queries has anything to find"),
    ],
)
def test_labels_that_tell_nothing(labels, sentence):
    names = [f"q{place}" for place in range(len(labels))]
    with pytest.raises(UsageError, match=sentence):
        LabelQrels(names, labels, labels, self_ids=range(len(labels)))


def test_lengths_and_names_must_fit():
    with pytest.raises(UsageError, match="There must be 1 labels, not 2"):
        LabelQrels(["a"], ["cat", "dog"], IMAGES)
    with pytest.raises(UsageError, match="There must be 6 image_ids, not 2"):
        LabelQrels(["a"], ["cat"], IMAGES, image_ids=[1, 2])
    with pytest.raises(UsageError, match="'a' is there twice"):
        LabelQrels(["a", "a"], ["cat", "dog"], IMAGES)
    with pytest.raises(UsageError, match="image_ids must be unique"):
        LabelQrels(["a"], ["cat"], ["cat", "dog"], image_ids=[3, 3])


def listed():
    return ListedQrels(
        ["a", "b", "c"],
        [{4: 1, 1: 3, 7: 2, 6: 0}, [2], []],
        junk=[[5], [], [1, 2]],
        groups=["x", "y", "x"],
    )


def test_lists_grade_what_they_name():
    judged = listed().judge(run_with(["a", "b"], [[5, 6, 7, 9], [0, 2, 5, NO_IMAGE]]))
    assert judged.grades.tolist() == [[JUNK, 0, 2, 0], [0, 1, 0, UNRANKED]]
    assert judged.positives.tolist() == [3, 1]
    assert judged.groups == ("x", "y")


def test_the_ideal_ranking_falls_from_grade_to_grade():
    judged = listed().judge(run_with(["b", "a", "c"], [[0, 1, 2, 3]] * 3))
    assert judged.ideal.tolist() == [[1, 0, 0, 0], [3, 2, 1, 0], [0, 0, 0, 0]]
    assert listed().judge(run_with(["a"], [[0, 1]])).ideal.tolist() == [[3, 2]]


def test_lists_without_grades_need_no_ideal():
    assert ListedQrels(["a"], [[1, 2]]).judge(run_with(["a"], [[1]])).ideal is None


def test_a_listed_query_never_answers_itself():
    judgements = ListedQrels(["a", "b"], [[1, 2], [1]], self_ids=[1, NO_IMAGE])
    judged = judgements.judge(run_with(["a", "b"], [[1, 2, -1], [2, 1, -1]]))
    assert judged.grades.tolist() == [[JUNK, 1, UNRANKED], [0, 1, UNRANKED]]
    assert judged.positives.tolist() == [1, 1]
    assert judgements.answers_to("b") == {1: 1}


def test_many_queries_are_looked_up_in_blocks(monkeypatch):
    dice = np.random.default_rng(2)
    positives = [dice.choice(30, dice.integers(1, 9), replace=False).tolist() for _ in range(40)]
    judgements = ListedQrels([f"q{line}" for line in range(40)], positives)
    ids = np.stack([dice.permutation(30) for _ in range(40)])
    order = dice.permutation(40)
    monkeypatch.setattr(qrels_module, "CELLS", 100)
    judged = judgements.judge(run_with([f"q{line}" for line in order], ids))
    for line, query in enumerate(order):
        expected = [int(image_id in positives[query]) for image_id in ids[line]]
        assert judged.grades[line].tolist() == expected


@pytest.mark.parametrize(
    ("positives", "junk", "sentence"),
    [
        ([[1, 1]], None, "listed twice for the query 'a'"),
        ([[1]], [[1]], "listed twice for the query 'a'"),
        ([[1]], [[2, 2]], "listed twice for the query 'a'"),
        ([{1: 128}], None, "a grade that is not from 0 to 127"),
        ([{1: -1}], None, "a grade that is not from 0 to 127"),
        ([[-3]], None, "an image_id below 0"),
        ([[]], [[2]], "None of the 1 queries has anything to find"),
        ([{1: 0}], None, "None of the 1 queries has anything to find"),
        ([[1], [2]], None, "There must be 1 positives, not 2"),
    ],
)
def test_lists_that_make_no_sense(positives, junk, sentence):
    with pytest.raises(UsageError, match=sentence):
        ListedQrels(["a"], positives, junk=junk)


def test_what_answers_one_query():
    assert leave_one_out().answers_to("q0") == {1: 1, 3: 1, 4: JUNK, 0: JUNK}
    assert listed().answers_to("a") == {1: 3, 4: 1, 7: 2, 6: 0, 5: JUNK}
    with pytest.raises(UsageError, match="'z' is not judged"):
        listed().answers_to("z")
