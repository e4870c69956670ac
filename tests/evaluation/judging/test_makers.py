"""Judgements from folders, labels, pairs and the files of the revisited sets."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.makers import (
    labels_of_folders,
    qrels_from_labels,
    qrels_from_pairs,
    qrels_from_revisited,
)
from lookalike.evaluation.judging.protocol import JUNK
from lookalike.evaluation.judging.runs import Run

IMAGES = ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg")
LABELS = ("cat", "cat", "dog", "dog")


def run_with(queries, image_ids):
    ids = np.array(image_ids, dtype=np.int64)
    scores = np.broadcast_to(-np.arange(ids.shape[1], dtype=np.float32), ids.shape)
    return Run(tuple(queries), ids, scores)


def test_folders_are_labels():
    paths = ["cat/indoors/1.jpg", "dog/2.jpg", "3.jpg"]
    assert labels_of_folders(paths) == ("cat", "dog", None)
    assert labels_of_folders(paths, is_nearest=True) == ("indoors", "dog", None)


def test_every_image_is_a_query_once():
    qrels = qrels_from_labels(IMAGES, LABELS)
    assert (qrels.queries, qrels.groups, qrels.self_ids) == (IMAGES, LABELS, (0, 1, 2, 3))
    assert qrels.positives.tolist() == [1, 1, 1, 1]


def test_some_images_are_queries():
    qrels = qrels_from_labels(IMAGES, LABELS, queries=["dog/2.jpg", "cat/1.jpg"])
    assert (qrels.groups, qrels.self_ids) == (("dog", "cat"), (3, 0))
    judged = qrels.judge(run_with(["cat/1.jpg"], [[0, 1, 2]]))
    assert judged.grades.tolist() == [[JUNK, 1, 0]]


def test_queries_of_their_own():
    qrels = qrels_from_labels(IMAGES, LABELS, queries=["val/7.jpg"], query_labels=["dog"])
    assert (qrels.self_ids, qrels.positives.tolist()) == (None, [2])


def test_a_query_from_elsewhere_needs_a_label():
    with pytest.raises(UsageError, match=r"'val/7.jpg' is none of the 4 images: give the labels"):
        qrels_from_labels(IMAGES, LABELS, queries=["val/7.jpg"])


def test_one_class_is_refused():
    with pytest.raises(UsageError, match="same label, 'cat': every answer would be right"):
        qrels_from_labels(IMAGES, ["cat"] * 4)


def test_pairs_say_what_answers_what():
    pairs = [("cat/1.jpg", "cat/2.jpg"), ("a text", "dog/1.jpg", 2), ("a text", "cat/1.jpg", 0)]
    qrels = qrels_from_pairs(IMAGES, pairs)
    judged = qrels.judge(run_with(["cat/1.jpg", "a text"], [[0, 1, 2], [0, 1, 2]]))
    assert judged.grades.tolist() == [[JUNK, 1, 0], [0, 0, 2]]
    assert judged.positives.tolist() == [1, 1]


def test_a_query_of_no_pair_has_nothing_to_find():
    qrels = qrels_from_pairs(IMAGES, [("b", "cat/1.jpg")], queries=["a", "b"])
    assert (qrels.queries, qrels.positives.tolist()) == (("a", "b"), [0, 1])


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        (("a", "cat/9.jpg"), "'a' is answered by 'cat/9.jpg', which is none of the 4 images"),
        (("a", "cat/1.jpg"), "The pair of 'a' and 'cat/1.jpg' is there twice"),
        (("z", "cat/1.jpg"), "A pair names 'z', which is none of the queries"),
    ],
)
def test_pairs_that_do_not_fit(pair, sentence):
    with pytest.raises(UsageError, match=sentence):
        qrels_from_pairs(IMAGES, [("a", "cat/1.jpg"), pair], queries=["a"])


GND = {
    "imlist": ["b0", "b1", "b2", "b3"],
    "qimlist": ["p", "q"],
    "gnd": [
        {"bbx": [0, 0, 9, 9], "easy": [0], "hard": np.array([2, 3]), "junk": []},
        {"bbx": [0, 0, 9, 9], "easy": [], "hard": [1], "junk": [0]},
    ],
}


@pytest.mark.parametrize(
    ("protocol", "grades", "positives"),
    [
        ("easy", [[1, 0, JUNK, JUNK], [JUNK, JUNK, 0, 0]], [1, 0]),
        ("medium", [[1, 0, 1, 1], [JUNK, 1, 0, 0]], [3, 1]),
        ("hard", [[JUNK, 0, 1, 1], [JUNK, 1, 0, 0]], [2, 1]),
    ],
)
def test_the_three_protocols_of_the_revisited_sets(protocol, grades, positives):
    qrels = qrels_from_revisited(GND, protocol)
    judged = qrels.judge(run_with(["p", "q"], [[0, 1, 2, 3]] * 2))
    assert judged.grades.tolist() == grades
    assert judged.positives.tolist() == positives
    assert qrels.is_revisited


def test_images_of_a_set_may_stand_in_another_order():
    qrels = qrels_from_revisited(GND, "hard", image_ids=[3, 2, 1, 0], queries=["x/p", "x/q"])
    assert qrels.answers_to("x/p") == {1: 1, 0: 1, 3: JUNK}
    assert qrels.answers_to("x/q") == {2: 1, 3: JUNK}


def test_no_such_protocol_or_file():
    with pytest.raises(UsageError, match="no protocol 'tough': choose one of easy, medium, hard"):
        qrels_from_revisited(GND, "tough")
    for broken in ({}, {**GND, "gnd": [{"easy": [0]}] * 2}, {**GND, "imlist": ["b0"]}):
        with pytest.raises(UsageError, match="no gnd file of the revisited"):
            qrels_from_revisited(broken, "easy")
