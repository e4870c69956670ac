"""Drawing a gallery as a map: what lies together looks alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.errors import UsageError
from lookalike.evaluation.maps.clustering import Clusters, kmeans_clusters
from lookalike.evaluation.maps.columns import (
    OWN,
    Categories,
    Quantities,
    labels_of,
    offered_columns,
)
from lookalike.evaluation.maps.images import MapImages, read_images
from lookalike.evaluation.maps.layouts import lay_out, layout_library, neighbors_needed
from lookalike.evaluation.maps.naming import (
    ClusterName,
    cluster_names,
    most_central,
)
from lookalike.evaluation.maps.neighboring import neighborhood_of
from lookalike.evaluation.maps.outliers import (
    OUTLIER_NEIGHBORS,
    outlier_scores,
    outliers_among,
)
from lookalike.evaluation.maps.plot import MapPlot, map_png, require_matplotlib
from lookalike.evaluation.maps.reporting import ClusterFacts, MapReport, Outlier
from lookalike.evaluation.maps.scores import cluster_scores
from lookalike.evaluation.maps.standalone import MapPage, map_page, places_of
from lookalike.evaluation.maps.thumbnails import small_pictures, thumbnail_order
from lookalike.evaluation.maps.wishes import MapWish
from lookalike.evaluation.maps.writing import (
    FACTS,
    PAGE,
    PLOT,
    TABLE,
    KeptLayout,
    keep_layout,
    keep_thumbnails,
    kept_layout,
    kept_thumbnails,
    layout_key,
    prepare_folder,
    thumbnails_key,
    write_csv,
)
from lookalike.evaluation.writing import write_json, write_whole
from lookalike.gallery import Gallery

__all__ = ["Drawn", "draw_gallery", "map_gallery", "page_of"]

Progress = Callable[[str, int, int], None]
OUTLIER = "outlier score"
MOST_BY_LABELS = 200
TITLES = (
    "image_id", "path", "x", "y", "cluster", "cluster_name", "label", "outlier_score", "is_outlier",
)  # fmt: skip


@dataclass(slots=True)
class Clock:
    """Measures steps by their names."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure what happens in a block."""
        began = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - began


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Everything that the map's files are written from.

    Attributes:
        clock: What the steps took.
        is_layout_kept: Whether the layout of an earlier map was taken.
    """

    gallery: Gallery
    wish: MapWish
    images: MapImages
    labels: Categories | None
    clusters: Clusters
    names: list[ClusterName]
    layout: KeptLayout
    outliers: NDArray[np.int64]
    columns: list[Categories | Quantities]
    remarks: tuple[str, ...]
    clock: Clock
    is_layout_kept: bool


def map_gallery(
    gallery: Gallery,
    wish: MapWish,
    folder: Path,
    *,
    encoder: Encoder | None = None,
    on_progress: Progress | None = None,
) -> MapReport:
    """Draw a gallery as a map, and write it into a folder.

    ``map.html`` works from disk, ``map.png`` is one picture, ``map.csv`` says where each
    image is and what it belongs to, ``map.json`` holds the report. The layout is kept
    beside them: another map of the same images, in other colours or with other clusters,
    takes it over.

    Args:
        gallery: Only read.
        wish: What the map shall show.
        folder: Made where it is missing; an earlier map's files are replaced.
        encoder: For naming clusters by words; found through the gallery's space if None.
        on_progress: Told what is done, how much of it, of how much.

    Raises:
        GalleryError: The gallery is empty.
        UsageError: A column is not there or has too many values, or the folder cannot
            be written.
        MissingExtra: The library for the layout, or matplotlib, is not installed.
        StorageFull: The disk is full.
    """
    if wish.has_plot:
        require_matplotlib()
    drawn = draw_gallery(gallery, wish, folder, encoder=encoder, on_progress=on_progress)
    thumbnails = write_map(drawn, folder, drawn.clock, on_progress)
    report = reported(drawn, folder, thumbnails=thumbnails)
    write_json(folder / FACTS, report.to_dict())
    return report


def draw_gallery(
    gallery: Gallery,
    wish: MapWish,
    folder: Path,
    *,
    encoder: Encoder | None = None,
    on_progress: Progress | None = None,
) -> Drawn:
    """Draw a gallery as a map that nothing but the layout is written of.

    Args and errors are those of ``map_gallery``.
    """
    clock = Clock()
    prepare_folder(folder)
    with clock.step("read"):
        images = read_images(gallery, most=wish.most_images, seed=wish.seed)
        labels = labels_of(images.records, wish.labels, paths=images.paths)
        offered = columns_read(images, wish)
        require_labels(wish, labels)
    with clock.step("cluster"):
        clusters = kmeans_clusters(images.rows, cluster_count(wish, labels), seed=wish.seed)
    layout, is_kept = laid_out(images, wish, folder, clock, on_progress)
    with clock.step("name"):
        names, remarks = cluster_names(
            clusters, gallery.space.encoder, labels=labels, paths=images.paths, by=wish.names,
            encoder=encoder,
        )  # fmt: skip
    if images.of > len(images):
        remarks += (f"A sample of {len(images):,} of {images.of:,} pictures is drawn.",)
    columns = ordered_columns(wish, names, clusters, labels, layout, offered)
    outliers = outliers_among(layout.outlier_scores)
    return Drawn(
        gallery, wish, images, labels, clusters, names, layout, outliers, columns, remarks,
        clock, is_kept,
    )  # fmt: skip


def columns_read(images: MapImages, wish: MapWish) -> list[Categories | Quantities]:
    """Read the columns that the page offers besides those that a map has anyway."""
    offered = offered_columns(images.records, wish.columns, paths=images.paths)
    if wish.colour in OWN:
        return offered
    (first,) = offered_columns(images.records, (wish.colour,), paths=images.paths)
    return [first, *(column for column in offered if column.name != first.name)]


def require_labels(wish: MapWish, labels: Categories | None) -> None:
    """Find out before the long work whether labels that are needed are there.

    Raises:
        UsageError: They are not.
    """
    needed = {"be coloured by label": wish.colour == "label"}
    needed["name its clusters by labels"] = wish.names == "labels"
    for what, is_needed in needed.items():
        if is_needed and labels is None:
            raise UsageError(
                f"The map is to {what}, and the pictures have none: name the column that holds "
                "them with --labels."
            )


def cluster_count(wish: MapWish, labels: Categories | None) -> int | None:
    """Make as many clusters as asked for, else as many as labels, as long as these are few."""
    if wish.clusters is None and labels is not None and len(labels.values) <= MOST_BY_LABELS:
        return len(labels.values)
    return wish.clusters


def laid_out(
    images: MapImages, wish: MapWish, folder: Path, clock: Clock, on_progress: Progress | None
) -> tuple[KeptLayout, bool]:
    """Take the layout over that the folder keeps, or make it and keep it."""
    parameters = {"layout": wish.layout, "seed": wish.seed}
    if wish.layout == "tsne":
        parameters["perplexity"] = wish.perplexity
    key = layout_key(images.rows, parameters)
    known = kept_layout(folder, key)
    if known is not None:
        return known, True
    layout_library(wish.layout)
    with clock.step("neighbors"):
        neighborhood = neighborhood_of(
            images.rows,
            max(OUTLIER_NEIGHBORS, neighbors_needed(wish.layout, wish.perplexity)),
            seed=wish.seed,
            on_progress=lambda done, total: tell(on_progress, "neighbors", done, total),
        )
    scores = outlier_scores(images.rows, neighborhood=neighborhood)
    with clock.step("layout"):
        points = lay_out(
            images.rows,
            wish.layout,
            perplexity=wish.perplexity,
            seed=wish.seed,
            neighborhood=neighborhood,
            on_progress=on_progress,
        )
    made = KeptLayout(points, scores)
    keep_layout(folder, key, made)
    return made, False


def tell(on_progress: Progress | None, step: str, done: int, total: int) -> None:
    """Tell the listener, if there is one."""
    if on_progress is not None:
        on_progress(step, done, total)


def ordered_columns(
    wish: MapWish,
    names: Sequence[ClusterName],
    clusters: Clusters,
    labels: Categories | None,
    layout: KeptLayout,
    offered: Sequence[Categories | Quantities],
) -> list[Categories | Quantities]:
    """Line up what the points may be coloured by, what was asked for first."""
    columns: list[Categories | Quantities] = [
        Categories("cluster", tuple(each.name for each in names), clusters.assigned),
        *([labels] if labels is not None else []),
        Quantities(OUTLIER, layout.outlier_scores.astype(np.float64)),
        *offered,
    ]
    own = {"cluster": "cluster", "label": "label", "outlier": OUTLIER, OUTLIER: OUTLIER}
    asked = own.get(wish.colour) or offered[0].name
    first = next(each for each in columns if each.name == asked)
    return [first, *(each for each in columns if each is not first)]


def write_map(drawn: Drawn, folder: Path, clock: Clock, on_progress: Progress | None) -> int:
    """Write table, PNG and page; return how many pictures the page holds."""
    wish = drawn.wish
    write_csv(folder / TABLE, TITLES, table_lines(drawn))
    thumbnails: list[bytes | None] = []
    if wish.has_page or (wish.has_plot and wish.has_pictures):
        with clock.step("thumbnails"):
            thumbnails = thumbnails_of(drawn, folder, on_progress)
    if wish.has_plot:
        tell(on_progress, "PNG", 0, 0)
        with clock.step("png"):
            pictures = thumbnails if wish.has_pictures else ()
            write_whole(folder / PLOT, map_png(plot_of(drawn, pictures)))
    if not wish.has_page:
        return 0
    with clock.step("page"):
        write_whole(folder / PAGE, map_page(page_of(drawn, thumbnails)).encode())
    return sum(picture is not None for picture in thumbnails)


def thumbnails_of(drawn: Drawn, folder: Path, on_progress: Progress | None) -> list[bytes | None]:
    """Take the small pictures over that the folder keeps, or make them and keep them."""
    first = [*most_central(drawn.clusters), *drawn.outliers.tolist()]
    order = thumbnail_order(len(drawn.images), first, seed=drawn.wish.seed)
    budget = int(drawn.wish.thumbnails_mb * 1e6)
    contents = [record.content_hash for record in drawn.images.records]
    key = thumbnails_key(contents, order, budget)
    known = kept_thumbnails(folder, key)
    if known is not None:
        return known
    made = small_pictures(
        drawn.images.paths,
        order,
        budget_bytes=budget,
        on_progress=lambda done, total: tell(on_progress, "small pictures", done, total),
    )
    if any(made):
        keep_thumbnails(folder, key, made)
    return made


def table_lines(drawn: Drawn) -> Iterator[tuple[Any, ...]]:
    """Write a line for each image."""
    is_outlier = np.zeros(len(drawn.images), dtype=bool)
    is_outlier[drawn.outliers] = True
    for row, record in enumerate(drawn.images.records):
        number = int(drawn.clusters.assigned[row])
        code = -1 if drawn.labels is None else int(drawn.labels.codes[row])
        label = "" if drawn.labels is None or code < 0 else drawn.labels.values[code]
        x, y = drawn.layout.points[row].tolist()
        yield (
            record.image_id, drawn.images.paths[row], f"{x:.6g}", f"{y:.6g}", number,
            drawn.names[number].name, label, f"{drawn.layout.outlier_scores[row]:.6g}",
            int(is_outlier[row]),
        )  # fmt: skip


def title_of(drawn: Drawn) -> str:
    """Name the map as was asked, else after the gallery's folder."""
    if drawn.wish.title:
        return drawn.wish.title
    place = drawn.gallery.path
    return place.parent.name if place.name.startswith(".") else place.stem


def remarks_of(drawn: Drawn) -> list[str]:
    """Say in a few lines what is seen."""
    layout = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}[drawn.wish.layout]
    encoder = drawn.gallery.space.encoder or "an unknown encoder"
    lines = [
        f"{len(drawn.images):,} pictures by {layout}, {len(drawn.clusters)} clusters; "
        f"embedded by {encoder}."
    ]
    if drawn.labels is not None:
        scores = cluster_scores(drawn.clusters.assigned, label_list(drawn.labels))
        lines.append(
            f"Clusters against labels: purity {scores.purity:.2f}, NMI {scores.nmi:.2f}, "
            f"ARI {scores.ari:.2f}."
        )
    return [*lines, *drawn.remarks]


def label_list(labels: Categories) -> list[str | None]:
    """Write out the label of each image."""
    return [None if code < 0 else labels.values[code] for code in labels.codes]


def plot_of(drawn: Drawn, pictures: Sequence[bytes | None]) -> MapPlot:
    """Gather what the PNG shows."""
    column = drawn.columns[0]
    named = column if isinstance(column, Categories) else drawn.columns[1]
    names = named.values if isinstance(named, Categories) else ()
    places = places_of(named, drawn.layout.points) if isinstance(named, Categories) else None
    return MapPlot(
        title_of(drawn),
        "  ".join(remarks_of(drawn)),
        drawn.layout.points,
        column,
        names,
        np.zeros((0, 2), np.float32) if places is None else places,
        drawn.outliers,
        pictures,
    )


def page_of(drawn: Drawn, thumbnails: Sequence[bytes | None]) -> MapPage:
    """Gather what the page shows."""
    return MapPage(
        title_of(drawn),
        remarks_of(drawn),
        drawn.layout.points,
        drawn.images.paths,
        drawn.columns,
        [name.share for name in drawn.names] if drawn.labels is not None else [],
        drawn.outliers,
        thumbnails,
    )


def reported(drawn: Drawn, folder: Path, *, thumbnails: int) -> MapReport:
    """Sum a map up."""
    scores = drawn.layout.outlier_scores
    paths, records = drawn.images.paths, drawn.images.records
    central = most_central(drawn.clusters)
    return MapReport(
        images=len(drawn.images),
        of=drawn.images.of,
        clusters=tuple(
            ClusterFacts(number, name.name, name.source, name.share, int(size), paths[row])
            for number, (name, size, row) in enumerate(
                zip(drawn.names, drawn.clusters.sizes, central, strict=True)
            )
        ),
        scores=None
        if drawn.labels is None
        else cluster_scores(drawn.clusters.assigned, label_list(drawn.labels)),
        outliers=tuple(
            Outlier(records[row].image_id, paths[row], float(scores[row])) for row in drawn.outliers
        ),
        is_layout_kept=drawn.is_layout_kept,
        seconds={step: round(taken, 3) for step, taken in drawn.clock.seconds.items()},
        thumbnails=thumbnails,
        remarks=drawn.remarks,
        parameters={**asdict(drawn.wish), "encoder": drawn.gallery.space.encoder},
        page=folder / PAGE if drawn.wish.has_page else None,
        plot=folder / PLOT if drawn.wish.has_plot else None,
        table=folder / TABLE,
        facts=folder / FACTS,
    )
