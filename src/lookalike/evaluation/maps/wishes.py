"""What a map shall show."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lookalike.errors import UsageError
from lookalike.evaluation.maps.layouts import LAYOUTS

__all__ = ["NAMINGS", "MapWish"]

# Where the names of clusters come from.
NAMINGS = ("auto", "labels", "words", "files")


@dataclass(frozen=True, slots=True)
class MapWish:
    """What a map shall show.

    Attributes:
        clusters: How many; None for as many as there are labels, up to 200, else for as
            many as ``usual_cluster_count`` says.
        layout: ``tsne``, ``umap`` or ``pca``.
        perplexity: Of t-SNE.
        colour: What the points are coloured by first: ``cluster``, ``label``,
            ``outlier`` or a column.
        labels: The column that says what a picture shows; ``folder`` for the folder it
            lies in. None for folders where they are of use as labels.
        columns: Further columns that the page offers; None for those of the gallery
            that tell pictures apart.
        names: Where the clusters' names come from: ``labels``, ``words`` of the
            encoder's text tower, ``files``, or ``auto`` for the first of these there is.
        seed: Equal seeds give equal maps, on the same machine.
        most_images: Of a larger gallery a sample of so many is drawn.
        thumbnails_mb: Megabytes of small pictures to put into the page.
        has_page, has_plot: Whether the page and the PNG are written.
        has_pictures: Whether the PNG shows pictures over its points.
        title: Of the page and the PNG; None for the name of the gallery's folder.

    Raises:
        UsageError: A value makes no sense.
    """

    clusters: int | None = None
    layout: str = "tsne"
    perplexity: float = 30.0
    colour: str = "cluster"
    labels: str | None = None
    columns: tuple[str, ...] | None = None
    names: str = "auto"
    seed: int = 0
    most_images: int = 100_000
    thumbnails_mb: float = 20.0
    has_page: bool = True
    has_plot: bool = True
    has_pictures: bool = False
    title: str | None = None

    def __post_init__(self) -> None:
        if self.clusters is not None and self.clusters < 1:
            raise UsageError(f"{self.clusters} clusters were asked for: ask for at least 1.")
        if self.layout not in LAYOUTS:
            raise UsageError(
                f"There is no layout {self.layout!r}: name one of {', '.join(LAYOUTS)}."
            )
        if self.names not in NAMINGS:
            raise UsageError(
                f"Clusters cannot be named by {self.names!r}: name one of {', '.join(NAMINGS)}."
            )
        if not 1 < self.perplexity < math.inf:
            raise UsageError(f"t-SNE needs a finite perplexity above 1, not {self.perplexity:g}.")
        if self.most_images < 1:
            raise UsageError(f"A map needs at least 1 image, not {self.most_images}.")
        if not 0 <= self.thumbnails_mb < math.inf:
            raise UsageError(
                f"{self.thumbnails_mb:g} MB of thumbnails were asked for: ask for 0 or more."
            )
