"""How well clusters agree with labels: purity, NMI, ARI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lookalike.errors import UsageError

__all__ = ["ClusterScores", "adjusted_rand", "cluster_scores", "mutual_information", "purity"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClusterScores:
    """How well clusters agree with labels; 1 is perfect for each.

    Attributes:
        purity: Share of images whose label is the most frequent of their cluster. It
            rises with the number of clusters: with one for each image it is 1.
        nmi: Normalized mutual information, from 0.
        ari: Adjusted Rand index: 0 is expected of clusters drawn at random.
        images: How many images have a label; only they count.
        labels: How many different labels there are.
    """

    purity: float
    nmi: float
    ari: float
    images: int
    labels: int


def cluster_scores(assigned: ArrayLike, labels: Sequence[str | None]) -> ClusterScores:
    """Compare clusters with labels.

    Args:
        assigned: The number of each image's cluster ``(n,)``.
        labels: The label of each image; None where it has none, which leaves it out.

    Raises:
        UsageError: There are not as many labels as images, or none at all.
    """
    clusters = np.asarray(assigned)
    if len(clusters) != len(labels):
        raise UsageError(f"{len(clusters)} images came with {len(labels)} labels: give one each.")
    labelled = np.array([label is not None for label in labels], dtype=bool)
    names = np.array([label for label in labels if label is not None], dtype=str)
    if not len(names):
        raise UsageError("Clusters are compared with labels, and no image has one.")
    counts = contingency(clusters[labelled], names)
    return ClusterScores(
        purity(counts),
        mutual_information(counts),
        adjusted_rand(counts),
        images=len(names),
        labels=counts.shape[1],
    )


def contingency(clusters: NDArray[np.integer], labels: NDArray[np.str_]) -> Counts:
    """Count the images of each label in each cluster, int64 ``(clusters, labels)``."""
    names, line = np.unique(clusters, return_inverse=True)
    kinds, column = np.unique(labels, return_inverse=True)
    cells = np.bincount(line * len(kinds) + column, minlength=len(names) * len(kinds))
    return cells.reshape(len(names), len(kinds)).astype(np.int64)


def purity(counts: Counts) -> float:
    """Add up the most frequent label of each cluster, over n.

    ``sum_i max_j n_ij / n`` (Manning, Raghavan and Schütze, "Introduction to
    Information Retrieval", 2008, section 16.3), n_ij images of cluster i having label j.
    """
    return float(counts.max(axis=1).sum() / counts.sum())


def mutual_information(counts: Counts) -> float:
    """Normalize the mutual information by the mean of both entropies.

    ``I / ((H_clusters + H_labels) / 2)`` with ``I = sum_ij p_ij log(p_ij / (p_i p_j))``
    (Manning, Raghavan and Schütze, 2008, section 16.3). One cluster and one label
    agree: 1, as scikit-learn has it.
    """
    shares = counts / counts.sum()
    by_cluster, by_label = shares.sum(axis=1), shares.sum(axis=0)
    if len(by_cluster) == len(by_label) == 1:
        return 1.0
    expected = np.outer(by_cluster, by_label)
    there = shares > 0
    information = float((shares[there] * np.log(shares[there] / expected[there])).sum())
    mean = (entropy(by_cluster) + entropy(by_label)) / 2
    return min(max(information / mean, 0.0), 1.0)


def entropy(shares: NDArray[np.float64]) -> float:
    """Measure how evenly shares are spread: ``-sum p log p``."""
    return float(-(shares * np.log(shares)).sum())


def adjusted_rand(counts: Counts) -> float:
    """Count the pairs of images that clusters and labels agree on, corrected for chance.

    ``(S - E) / (M - E)``: S pairs share both cluster and label, A share a cluster, B a
    label, of all N pairs; E = A B / N is expected by chance and M = (A + B) / 2 the most
    (Hubert and Arabie, "Comparing partitions", Journal of Classification 2, 1985,
    equation 5).
    """
    total = pairs(counts.sum())
    same, by_cluster, by_label = pairs(counts), pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    expected = by_cluster * by_label / total if total else 0.0
    most = (by_cluster + by_label) / 2
    # All in one on both sides, or each alone on both sides.
    return 1.0 if most == expected else (same - expected) / (most - expected)


def pairs(counts: NDArray[np.int64] | np.int64) -> float:
    """Count the pairs within groups of these sizes."""
    sizes = np.asarray(counts, dtype=np.float64)
    return float((sizes * (sizes - 1) / 2).sum())
