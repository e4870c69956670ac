"""``lookalike map``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.gallery_place import gallery_place
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import absolute, located_gallery, logging_options
from lookalike.cli.output import counted, note, printable, say, shown_path
from lookalike.cli.progress import step_bar
from lookalike.gallery import Gallery

if TYPE_CHECKING:
    from lookalike.evaluation.maps import MapReport

EXAMPLES = (
    ("lookalike map ~/photos", "map/map.html opens in any browser, from the disk."),
    (
        "lookalike map ~/photos --colour camera",
        "In other colours, a moment later: the layout of before is kept.",
    ),
    ("lookalike map ~/photos --clusters 12 --labels species --out birds", "Against your labels."),
)
SHOWN = 8


@click.command("map", cls=ExampleCommand, examples=EXAMPLES)
@gallery_place
@click.option(
    "--out",
    default="map",
    show_default=True,
    metavar="DIR",
    help="Folder for map.html, map.png, map.csv and map.json.",
)
@click.option(
    "--clusters",
    type=WholeNumber(1),
    metavar="N",
    help="How many clusters. Default: one for each label, up to 200; without labels the root of "
    "half the pictures, at most 40.",
)
@click.option(
    "--layout",
    type=click.Choice(["tsne", "umap", "pca"]),
    default="tsne",
    show_default=True,
    help="How pictures find their place; umap needs the extra of that name.",
)
@click.option(
    "--perplexity",
    type=float,
    default=30.0,
    show_default=True,
    metavar="P",
    help="Of t-SNE: about how many neighbors a picture holds on to.",
)
@click.option(
    "--colour",
    "--color",
    "colour",
    default="cluster",
    show_default=True,
    metavar="COLUMN",
    help="What the points are coloured by first: cluster, label, outlier, or a column of the "
    "gallery. The page can change it.",
)
@click.option(
    "--labels",
    metavar="COLUMN",
    help="The column that says what a picture shows; folder for the folder it lies in. Default: "
    "folders, where they hold two pictures or more on average.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="COLUMN",
    help="A column that the page offers to colour by; may be repeated. Default: the metadata, "
    "and what the files tell.",
)
@click.option(
    "--names",
    type=click.Choice(["auto", "labels", "words", "files"]),
    default="auto",
    show_default=True,
    help="What clusters are named after: labels, words that the encoder's text tower knows, or "
    "files; auto takes the first there is.",
)
@click.option(
    "--seed",
    type=WholeNumber(0, 2**31 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Equal seeds give equal maps, on the same machine.",
)
@click.option(
    "--most",
    type=WholeNumber(1),
    default=100_000,
    show_default=True,
    metavar="N",
    help="Of a larger gallery a sample of so many pictures is drawn.",
)
@click.option(
    "--thumbnails-mb",
    type=float,
    default=20.0,
    show_default=True,
    metavar="MB",
    help="Room for small pictures inside the page; those beyond are read from their files.",
)
@click.option("--pictures", is_flag=True, help="Show pictures over the points of map.png.")
@click.option("--no-page", is_flag=True, help="Write no map.html.")
@click.option("--no-png", is_flag=True, help="Write no map.png.")
@click.option("--json", "as_json", is_flag=True, help="Print the report, as in map.json.")
@logging_options
def command(
    gallery_folder: str | None,
    out: str,
    clusters: int | None,
    layout: str,
    perplexity: float,
    colour: str,
    labels: str | None,
    columns: tuple[str, ...],
    names: str,
    seed: int,
    most: int,
    thumbnails_mb: float,
    pictures: bool,
    no_page: bool,
    no_png: bool,
    as_json: bool,
) -> None:
    """Draw a gallery as a map: what lies together looks alike.

    GALLERY is the gallery, or the folder that has it inside; --gallery says the same.
    The page works from the disk: move, magnify, search, filter, look. Pictures are
    grouped by k-means, and the groups are named and compared with labels where there
    are any. What looks like nothing else has a ring.
    """
    from lookalike.evaluation.maps import MapWish, map_gallery
    from lookalike.evaluation.reports.figures import can_draw

    if not no_png and not can_draw():
        note("map.png is left out: it needs pip install 'lookalike[plot]'.")
        no_png = True
    wish = MapWish(
        clusters=clusters,
        layout=layout,
        perplexity=perplexity,
        colour=colour,
        labels=labels,
        columns=columns or None,
        names=names,
        seed=seed,
        most_images=most,
        thumbnails_mb=thumbnails_mb,
        has_page=not no_page,
        has_plot=not no_png,
        has_pictures=pictures,
    )
    with Gallery.open(located_gallery(gallery_folder)) as opened:
        try:
            with step_bar("Drawing the map") as tell:
                report = map_gallery(opened, wish, Path(absolute(out)), on_progress=tell)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted: no map was finished in {shown_path(out)}; a layout that was "
                "finished is kept there."
            ) from None
    show(report, as_json=as_json)


def show(report: MapReport, *, as_json: bool) -> None:
    """Print what the map turned out to be."""
    if as_json:
        click.echo(json.dumps(report.to_dict()))
        return
    say(f"{counted(report.images, 'picture')}, {counted(len(report.clusters), 'cluster')}")
    for cluster in report.clusters[:SHOWN]:
        share = "" if cluster.share is None else f", {100 * cluster.share:.0f} % of one label"
        say(f"  {cluster.size:>7,}  {printable(cluster.name)}{share}")
    if len(report.clusters) > SHOWN:
        say(f"           and {len(report.clusters) - SHOWN} more")
    if report.scores is not None:
        scores = report.scores
        say(
            f"clusters against {counted(scores.labels, 'label')}: purity {scores.purity:.3f}, "
            f"NMI {scores.nmi:.3f}, ARI {scores.ari:.3f}"
        )
    if report.outliers:
        first = report.outliers[0]
        say(f"least like any other: {shown_path(first.path)} ({len(report.outliers)} have a ring)")
    for remark in report.remarks:
        note(printable(remark))
    if report.is_layout_kept:
        note("The layout of the map before was kept.")
    for file in (report.page, report.plot, report.table, report.facts):
        if file is not None:
            say(shown_path(file))
