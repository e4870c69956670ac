"""Layouts: a place in the plane for every row, near where the embeddings are alike."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.maps.neighboring import Nearest, Neighborhood, neighborhood_of
from lookalike.evaluation.maps.sameness import Distinct, distinct_rows, fanned_out
from lookalike.vectors import FloatRows, unit_rows

__all__ = [
    "LAYOUTS",
    "lay_out",
    "layout_library",
    "neighbors_needed",
    "pca_layout",
    "tsne_layout",
    "umap_layout",
]

LAYOUTS = ("tsne", "umap", "pca")
Progress = Callable[[str, int, int], None]
Placing = Callable[[], NDArray[np.floating[Any]]]

# Fewer different rows than this have no neighborhoods: their principal components tell all.
FEWEST = 5
EXAGGERATION = 12.0
# Of fewer rows, full exaggeration can draw all into one point, which they never leave.
FEW = 25
EARLY_ITERATIONS = 250
LATE_ITERATIONS = 500
TOLD_EVERY = 25
# Interpolation beats the tree of Barnes and Hut from about here.
INTERPOLATED_FROM = 15_000
UMAP_NEIGHBORS = 15


def lay_out(
    rows: FloatRows,
    layout: str = "tsne",
    *,
    perplexity: float = 30.0,
    seed: int = 0,
    threads: int | None = None,
    neighborhood: Neighborhood | None = None,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Place embeddings by a layout named in ``LAYOUTS``; see the function of each.

    Raises:
        UsageError: There is no such layout, or an argument makes no sense.
        MissingExtra: The library that it needs is not installed.
    """
    if layout == "tsne":
        return tsne_layout(
            rows, perplexity=perplexity, seed=seed, threads=threads, neighborhood=neighborhood,
            on_progress=on_progress,
        )  # fmt: skip
    if layout == "umap":
        return umap_layout(rows, seed=seed, neighborhood=neighborhood, on_progress=on_progress)
    if layout == "pca":
        return pca_layout(rows)
    raise UsageError(f"There is no layout {layout!r}: name one of {', '.join(LAYOUTS)}.")


def neighbors_needed(layout: str, perplexity: float) -> int:
    """Say how many neighbors of each row a layout asks for."""
    # Three times the perplexity: the weights of others are as good as nothing.
    return {"tsne": int(3 * perplexity), "umap": UMAP_NEIGHBORS - 1}.get(layout, 0)


def layout_library(layout: str) -> Any:
    """Import what a layout needs; None for one that needs nothing.

    Raises:
        MissingExtra: It is not installed.
    """
    name, extra = {"tsne": ("openTSNE", "eval"), "umap": ("umap", "umap")}.get(layout, ("", ""))
    if not name:
        return None
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(extra, f"The layout {layout!r}") from error


def tsne_layout(
    rows: FloatRows,
    *,
    perplexity: float = 30.0,
    seed: int = 0,
    threads: int | None = None,
    neighborhood: Neighborhood | None = None,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Place embeddings by t-SNE: neighbors stay neighbors, distances between groups say little.

    van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008, computed by
    openTSNE from our own neighbors. It starts from the principal components (Kobak and
    Berens, "The art of using t-SNE for single-cell transcriptomics", Nature
    Communications 10, 2019), so that the large picture has a meaning and the seed hardly
    matters. Equal rows are laid out once and fanned out around their place.

    Args:
        rows: ``(n, dim)``; they are scaled to unit length.
        perplexity: About how many neighbors a row holds on to; less where there are few.
        seed: Equal seeds give equal layouts, on the same machine.
        threads: Of openTSNE; as many as FAISS uses unless told.
        neighborhood: Of these rows, where it is known already.
        on_progress: Told what is done, how much of it, of how much.

    Returns:
        float32 ``(n, 2)``, finite, its middle at the origin.

    Raises:
        UsageError: The perplexity is not above 1 or not finite, or a value is not finite.
        MissingExtra: openTSNE is not installed.
    """
    if not 1 < perplexity < math.inf:
        raise UsageError(f"t-SNE needs a finite perplexity above 1, not {perplexity:g}.")
    library = layout_library("tsne")

    known = neighborhood or neighborhood_of(
        rows,
        neighbors_needed("tsne", perplexity),
        seed=seed,
        on_progress=step("neighbors", on_progress),
    )

    def place() -> NDArray[np.floating[Any]]:
        nearest = known.nearest.first(neighbors_needed("tsne", perplexity))
        fitting = min(perplexity, nearest.rows.shape[1] / 3)
        tell = step("t-SNE", on_progress)
        return optimized(
            library, known.units, nearest, fitting, seed, threads or used_threads(), tell
        )

    return placed(known.units, known.distinct, place)


def optimized(
    library: Any,
    units: NDArray[np.float32],
    nearest: Nearest,
    perplexity: float,
    seed: int,
    threads: int,
    tell: Callable[[int, int], None],
) -> NDArray[np.floating[Any]]:
    """Run t-SNE's gradient descent: early exaggeration, then the layout itself.

    Exaggeration 12, less for few rows, with momentum 0.5, then 1 with 0.8, at the learning rate n /
    exaggeration (Belkina et al., "Automated optimized parameters for t-distributed
    stochastic neighbor embedding", Nature Communications 10, 2019).
    """
    affinity = import_module("openTSNE.affinity")
    known = import_module("openTSNE.nearest_neighbors").PrecomputedNeighbors(
        nearest.rows, nearest.distances.astype(np.float64)
    )
    affinities = affinity.PerplexityBasedNN(
        knn_index=known, perplexity=perplexity, n_jobs=threads, random_state=seed
    )
    start = principal_components(units)
    start *= 1e-4 / max(float(np.std(start[:, 0])), 1e-30)
    embedding = library.TSNEEmbedding(
        start,
        affinities,
        negative_gradient_method="fft" if len(units) >= INTERPOLATED_FROM else "bh",
        n_jobs=threads,
        random_state=seed,
    )
    done = 0
    early = min(EXAGGERATION, max(1.0, len(units) / FEW))

    def count(iteration: int, error: float, points: Any) -> None:
        tell(done + iteration, EARLY_ITERATIONS + LATE_ITERATIONS)

    for iterations, exaggeration, momentum in (
        (EARLY_ITERATIONS, early, 0.5),
        (LATE_ITERATIONS, 1, 0.8),
    ):
        embedding = embedding.optimize(
            iterations, exaggeration=exaggeration, momentum=momentum,
            callbacks=count, callbacks_every_iters=TOLD_EVERY,
        )  # fmt: skip
        done += iterations
    return np.asarray(embedding)


def umap_layout(
    rows: FloatRows,
    *,
    seed: int = 0,
    neighborhood: Neighborhood | None = None,
    on_progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Place embeddings by UMAP, from our own neighbors.

    McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection
    for Dimension Reduction", arXiv 1802.03426, 2018, computed by umap-learn.

    Args:
        rows: ``(n, dim)``; they are scaled to unit length.
        seed: Equal seeds give equal layouts, on the same machine.
        neighborhood: Of these rows, where it is known already.
        on_progress: Told what is done, how much of it, of how much.

    Returns:
        float32 ``(n, 2)``, finite, its middle at the origin.

    Raises:
        MissingExtra: umap-learn is not installed.
    """
    library = layout_library("umap")

    known = neighborhood or neighborhood_of(
        rows,
        neighbors_needed("umap", 0),
        seed=seed,
        on_progress=step("neighbors", on_progress),
    )

    def place() -> NDArray[np.floating[Any]]:
        nearest = known.nearest.first(neighbors_needed("umap", 0))
        step("UMAP", on_progress)(0, 0)
        own = np.arange(len(known.units))[:, None]
        start = principal_components(known.units)
        reducer = library.UMAP(
            # UMAP counts a row as its own first neighbor.
            precomputed_knn=(
                np.hstack([own, nearest.rows]).astype(np.int32),
                np.pad(nearest.distances, ((0, 0), (1, 0))),
                None,
            ),
            n_neighbors=nearest.rows.shape[1] + 1,
            init=(10 * start / max(float(np.abs(start).max()), 1e-30)).astype(np.float32),
            force_approximation_algorithm=True,  # else few rows are compared once more
            random_state=seed,
            n_jobs=1,  # what UMAP needs to be the same again
        )
        with warnings.catch_warnings():
            # That it could not place further rows with these neighbors.
            warnings.simplefilter("ignore", UserWarning)
            return np.asarray(reducer.fit_transform(known.units))

    return placed(known.units, known.distinct, place)


def pca_layout(rows: FloatRows) -> NDArray[np.float32]:
    """Place embeddings by their first two principal components: fast, and groups overlap.

    Returns:
        float32 ``(n, 2)``, finite, its middle at the origin.
    """
    units = unit_rows(rows)
    distinct = distinct_rows(units)
    different = units[distinct.first]
    return placed(different, distinct, lambda: principal_components(different))


def placed(
    different: NDArray[np.float32], distinct: Distinct, place: Placing
) -> NDArray[np.float32]:
    """Lay out the rows that differ, and then all; few ones by their principal components."""
    if len(different) <= 1:
        return fanned_out(np.zeros((len(different), 2), np.float32), distinct)
    points = principal_components(different) if len(different) < FEWEST else place()
    if not np.isfinite(points).all() or not np.ptp(points):
        points = principal_components(different)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return fanned_out((points - middle).astype(np.float32), distinct)


def principal_components(units: NDArray[np.float32]) -> NDArray[np.float64]:
    """Project rows on the two directions in which they differ most, ``(n, 2)``.

    The largest number of each direction is positive, so that a map is never mirrored.
    """
    centered = units.astype(np.float64) - units.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centered.T @ centered)
    first = directions[:, ::-1][:, :2]
    largest = np.abs(first).argmax(axis=0)
    first = first * np.sign(first[largest, np.arange(first.shape[1])])
    points = np.zeros((len(units), 2))
    points[:, : first.shape[1]] = centered @ first
    return points


def step(what: str, on_progress: Progress | None) -> Callable[[int, int], None]:
    """Say what is done along with how much of it."""
    return lambda done, total: on_progress(what, done, total) if on_progress else None


def used_threads() -> int:
    """Ask FAISS how many threads it uses: it heeds what the user has set."""
    from lookalike.index.faiss_library import faiss_library

    return int(faiss_library().omp_get_max_threads())
