"""Sight: a gallery as a map, with clusters, names, outliers and how well labels agree."""

from __future__ import annotations

from lookalike.evaluation.maps.clustering import Clusters, kmeans_clusters
from lookalike.evaluation.maps.layouts import pca_layout, tsne_layout, umap_layout
from lookalike.evaluation.maps.mapping import map_gallery
from lookalike.evaluation.maps.outliers import outlier_scores
from lookalike.evaluation.maps.reporting import ClusterFacts, MapReport, Outlier
from lookalike.evaluation.maps.scores import ClusterScores, cluster_scores
from lookalike.evaluation.maps.wishes import MapWish

__all__ = [
    "ClusterFacts",
    "ClusterScores",
    "Clusters",
    "MapReport",
    "MapWish",
    "Outlier",
    "cluster_scores",
    "kmeans_clusters",
    "map_gallery",
    "outlier_scores",
    "pca_layout",
    "tsne_layout",
    "umap_layout",
]
