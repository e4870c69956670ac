"""Names of clusters: from labels, from words, from files."""

from __future__ import annotations

import numpy as np

from lookalike.evaluation.maps.clustering import Clusters
from lookalike.evaluation.maps.columns import categories_of
from lookalike.evaluation.maps.naming import file_names, label_names, word_names, words


def clusters(assigned, centers=None, scores=None):
    numbers = np.array(assigned, dtype=np.int32)
    count = int(numbers.max()) + 1
    rows = np.eye(count, dtype=np.float32) if centers is None else np.array(centers, np.float32)
    ones = np.ones(len(numbers)) if scores is None else np.array(scores)
    return Clusters(numbers, rows, ones.astype(np.float32))


def test_the_most_frequent_label_names_a_cluster_with_its_share():
    labels = categories_of("label", ["cat", "cat", "dog", "owl", "owl"])
    names = label_names(clusters([0, 0, 0, 1, 1]), labels)
    assert [(each.name, each.share) for each in names] == [("cat", 2 / 3), ("owl", 1.0)]


def test_mixed_clusters_are_named_by_what_makes_up_half_of_them():
    labels = categories_of("label", [*"aaa", *"bbb", *"cc", *"dd"])
    names = label_names(clusters([0] * 10), labels)
    assert [(each.name, each.share) for each in names] == [("a, b", 0.3)]


def test_at_most_three_labels_name_a_cluster():
    labels = categories_of("label", list("abcdefghij"))
    assert label_names(clusters([0] * 10), labels)[0].name == "a, b, c"


def test_clusters_of_one_name_are_numbered_and_those_without_label_say_so():
    labels = categories_of("label", ["cat", "cat", None])
    names = label_names(clusters([0, 1, 2]), labels)
    assert [each.name for each in names] == ["cat", "cat (2)", "without label"]


def test_words_name_clusters_by_what_is_theirs_alone():
    # "photo" is near to both centers: it must not name them.
    directions = {"a cat": [1, 0, 0], "a dog": [0, 1, 0], "a photo": [0.75, 0.75, 0]}

    def encode(texts):
        assert texts[0] == "a photo of a cat"
        return np.array([directions[text.removeprefix("a photo of ")] for text in texts])

    names = word_names(
        clusters([0, 1], [[0.7, 0.3, 0.6], [0.3, 0.7, 0.6]]), encode, tuple(directions)
    )
    assert [(each.name, each.source) for each in names] == [("cat", "word"), ("dog", "word")]


def test_the_most_central_file_names_a_cluster():
    found = clusters([0, 0, 1], scores=[0.5, 0.9, 0.7])
    names = file_names(found, ["/x/a.jpg", "/x/b.c.jpg", "/y/a.png"])
    assert [each.name for each in names] == ["like b.c", "like a"]


def test_the_words_are_many_and_each_is_there_once():
    assert len(words()) == len(set(words())) > 300
