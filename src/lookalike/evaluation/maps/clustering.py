"""Clusters of embeddings: spherical k-means by FAISS, the same for the same seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.maps.sameness import distinct_rows
from lookalike.index.faiss_library import faiss_library
from lookalike.vectors import FloatRows, unit_rows

__all__ = ["Clusters", "kmeans_clusters", "usual_cluster_count"]

# More colours than this nobody tells apart on a map.
MOST_USUAL = 40
ITERATIONS = 25
# k-means ends in a local optimum: the best of so many beginnings is kept.
BEGINNINGS = 3
POINTS_PER_CENTROID = 512


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """Which row belongs to which cluster; the largest cluster is number 0.

    Attributes:
        assigned: int32 ``(n,)``: the number of each row's cluster.
        centers: float32 ``(k, dim)``, unit rows. No cluster is empty, so that there
            may be fewer than were asked for.
        scores: float32 ``(n,)``: the cosine of each row with its center.
    """

    assigned: NDArray[np.int32]
    centers: NDArray[np.float32]
    scores: NDArray[np.float32]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows each cluster has."""
        return np.bincount(self.assigned, minlength=len(self.centers)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.centers)


def usual_cluster_count(rows: int) -> int:
    """Say how many clusters are made unless told: the root of half the rows, at most 40."""
    return max(1, min(MOST_USUAL, round(math.sqrt(rows / 2))))


def kmeans_clusters(rows: FloatRows, k: int | None = None, *, seed: int = 0) -> Clusters:
    """Part embeddings into clusters by spherical k-means.

    Each row goes to the center of the greatest cosine; a center is the mean of its
    rows, brought back to unit length (Dhillon and Modha, "Concept decompositions for
    large sparse text data using clustering", Machine Learning 42, 2001, section 2).

    Args:
        rows: ``(n, dim)``; they are scaled to unit length.
        k: How many clusters; ``usual_cluster_count`` unless told, and never more than
            there are different rows.
        seed: Equal seeds give equal clusters.

    Raises:
        UsageError: k is below 1, the shape is not ``(n, dim)``, or a value is not finite.
    """
    if k is not None and k < 1:
        raise UsageError(f"{k} clusters were asked for: ask for at least 1.")
    if np.ndim(rows) != 2:
        raise UsageError(f"Clusters need rows (n, dim); these have the shape {np.shape(rows)}.")
    units = unit_rows(rows)
    if not len(units):
        dim = units.shape[1]
        return Clusters(np.zeros(0, np.int32), np.zeros((0, dim), np.float32), np.zeros(0, "f4"))
    different = units[distinct_rows(units).first]
    count = min(k or usual_cluster_count(len(units)), len(different))
    # As many centers as different rows: each is one, and there is nothing to iterate.
    centers = different if count == len(different) else trained_centers(units, count, seed)
    return largest_first(units, centers)


def trained_centers(units: NDArray[np.float32], k: int, seed: int) -> NDArray[np.float32]:
    """Run k-means by FAISS and return its centers ``(k, dim)``."""
    faiss = faiss_library()
    settings = faiss.ClusteringParameters()
    settings.niter, settings.nredo, settings.seed = ITERATIONS, BEGINNINGS, seed
    settings.spherical = True
    settings.min_points_per_centroid = 1
    settings.max_points_per_centroid = POINTS_PER_CENTROID
    clustering = faiss.Clustering(units.shape[1], k, settings)
    clustering.train(units, faiss.IndexFlatIP(units.shape[1]))
    return unit_rows(faiss.vector_to_array(clustering.centroids).reshape(k, -1))


def largest_first(units: NDArray[np.float32], centers: NDArray[np.float32]) -> Clusters:
    """Assign rows to centers; drop centers without rows, and number the rest by size."""
    index: Any = faiss_library().IndexFlatIP(units.shape[1])
    index.add(centers)
    scores, nearest = index.search(units, 1)
    sizes = np.bincount(nearest[:, 0], minlength=len(centers))
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    number = np.full(len(centers), -1, dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return Clusters(number[nearest[:, 0]], centers[order], np.clip(scores[:, 0], -1, 1))
