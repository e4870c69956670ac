"""k-means: right where groups are plain, the same for the same seed, never an empty cluster."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.maps import kmeans_clusters
from lookalike.evaluation.maps.clustering import usual_cluster_count
from lookalike.vectors import unit_rows


def groups(*sizes: int, dim: int = 16, width: float = 0.1, seed: int = 0):
    dice = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(dim)[numbers] + width * dice.normal(size=(len(numbers), dim)) / np.sqrt(dim)
    return unit_rows(rows), numbers


def test_plain_groups_are_found_the_largest_first():
    rows, numbers = groups(20, 50, 35)
    found = kmeans_clusters(rows, 3)
    assert found.sizes.tolist() == [50, 35, 20]
    assert np.array_equal(found.assigned, np.array([2, 0, 1])[numbers])


def test_a_center_is_the_direction_of_the_mean_of_its_rows():
    rows, _ = groups(20, 50, 35)
    found = kmeans_clusters(rows, 3)
    means = np.stack([rows[found.assigned == number].mean(axis=0) for number in range(3)])
    assert np.allclose(found.centers, unit_rows(means), atol=1e-4)
    assert np.allclose(found.scores, (rows * found.centers[found.assigned]).sum(axis=1), atol=1e-5)


def test_each_row_is_in_the_cluster_of_the_nearest_center():
    rows = unit_rows(np.random.default_rng(3).normal(size=(600, 12)))
    found = kmeans_clusters(rows, 17)
    assert np.array_equal(found.assigned, (rows @ found.centers.T).argmax(axis=1))
    assert found.sizes.min() > 0


def test_equal_seeds_give_equal_clusters_and_others_may_differ():
    rows = unit_rows(np.random.default_rng(3).normal(size=(600, 12)))
    first, again, other = (kmeans_clusters(rows, 17, seed=seed).assigned for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_length_does_not_count():
    rows, _ = groups(20, 30)
    longer = rows * np.random.default_rng(0).uniform(0.1, 9, (50, 1))
    assert np.array_equal(kmeans_clusters(longer, 2).assigned, kmeans_clusters(rows, 2).assigned)


@pytest.mark.parametrize("k", [3, 10, 5000])
def test_there_are_never_more_clusters_than_different_rows(k):
    rows = np.repeat(np.eye(3, dtype=np.float32), 7, axis=0)
    found = kmeans_clusters(rows, k)
    assert len(found) == 3
    assert found.sizes.tolist() == [7, 7, 7]
    assert np.allclose(found.scores, 1)


def test_one_row_two_rows_and_none():
    assert kmeans_clusters(np.ones((1, 4))).assigned.tolist() == [0]
    assert kmeans_clusters(np.eye(2), 5).assigned.tolist() == [0, 1]
    assert len(kmeans_clusters(np.zeros((0, 4)))) == 0


def test_rows_of_zeros_belong_somewhere():
    rows = np.concatenate([np.eye(4), np.zeros((3, 4))])
    found = kmeans_clusters(rows, 2)
    assert found.sizes.sum() == 7
    assert np.isfinite(found.scores).all()


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (8, 2), (200, 10), (3_200, 40), (10**6, 40)])
def test_usual_counts(rows, count):
    assert usual_cluster_count(rows) == count


def test_bad_input_is_refused():
    with pytest.raises(UsageError, match="0 clusters were asked for"):
        kmeans_clusters(np.eye(3), 0)
    with pytest.raises(UsageError, match="not finite"):
        kmeans_clusters(np.array([[1.0, np.nan]]))
    with pytest.raises(UsageError, match=r"rows \(n, dim\)"):
        kmeans_clusters(np.ones(3))
