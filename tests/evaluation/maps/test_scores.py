"""Purity, NMI and ARI, against a case counted by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.maps import cluster_scores


def test_a_case_counted_by_hand():
    # Clusters {a a b}, {b b b}, {a}: 2 + 3 + 1 of 7 have their cluster's most frequent label.
    found = cluster_scores([0, 0, 0, 1, 1, 1, 2], list("aabbbba"))
    assert found.purity == pytest.approx(6 / 7)
    # Pairs: 3 + 3 share a cluster, 3 + 6 a label, 1 + 3 both, of 21.
    expected = 6 * 9 / 21
    assert found.ari == pytest.approx((4 - expected) / (7.5 - expected))
    assert (found.images, found.labels) == (7, 2)


@pytest.mark.parametrize("seed", range(4))
def test_nmi_and_ari_are_those_of_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    dice = np.random.default_rng(seed)
    labels = dice.integers(12, size=400)
    clusters = np.where(dice.random(400) < 0.6, labels % 7, dice.integers(9, size=400))
    found = cluster_scores(clusters, [f"label {label}" for label in labels])
    assert found.nmi == pytest.approx(metrics.normalized_mutual_info_score(labels, clusters))
    assert found.ari == pytest.approx(metrics.adjusted_rand_score(labels, clusters))


@pytest.mark.parametrize(
    ("clusters", "labels"),
    [([0, 0, 0], "aaa"), ([0, 1, 2], "abc"), ([0], "a"), ([0, 0, 1], "aab"), ([0, 0, 0], "abc")],
)
def test_the_ends_of_the_scale_are_those_of_scikit_learn(clusters, labels):
    metrics = pytest.importorskip("sklearn.metrics")
    found = cluster_scores(clusters, list(labels))
    names = list(labels)
    assert found.nmi == pytest.approx(metrics.normalized_mutual_info_score(names, clusters))
    assert found.ari == pytest.approx(metrics.adjusted_rand_score(names, clusters))


def test_perfect_clusters_score_one_whatever_their_numbers():
    found = cluster_scores([7, 7, 3, 3], list("aabb"))
    assert (found.purity, found.nmi, found.ari) == (1, 1, 1)


def test_images_without_label_do_not_count():
    found = cluster_scores([0, 0, 1, 1, 1], ["a", None, "b", None, "b"])
    assert (found.purity, found.images) == (1, 3)


def test_no_labels_are_refused():
    with pytest.raises(UsageError, match="no image has one"):
        cluster_scores([0, 1], [None, None])
    with pytest.raises(UsageError, match="3 images came with 2 labels"):
        cluster_scores([0, 1, 1], ["a", "b"])
