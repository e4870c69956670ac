"""System E: precision by label, k-means and a t-SNE picture, without any training."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lookalike.encoders import Encoder
from lookalike.errors import MissingExtra
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.maps import MapReport, MapWish, map_gallery
from lookalike.evaluation.maps.layouts import layout_library
from lookalike.evaluation.reports import write_report
from lookalike.evaluation.reports.charts import Line
from lookalike.evaluation.reports.figures import can_draw, save_plot
from lookalike.evaluation.reports.plots import plot_precision
from lookalike.evaluation.reproducing.means import Means, file_name
from lookalike.evaluation.reproducing.outcome import Outcome, Table
from lookalike.evaluation.reproducing.precision import (
    evaluated,
    evaluation_places,
    fitting_ks,
    precision_cell,
)
from lookalike.evaluation.reproducing.published import published
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    tell_of_training,
    usable_encoders,
)
from lookalike.evaluation.reproducing.subsets import of_classes
from lookalike.evaluation.reproducing.systems import WantedEncoder
from lookalike.evaluation.writing import write_whole
from lookalike.gallery import Gallery
from lookalike.images.sources import tidy
from lookalike.ingest import MetadataTable, add_images

__all__ = ["search_and_cluster"]

# CIFAR-10 has ten classes, and the system made ten groups.
GROUPS = 10
# t-SNE of more shows nothing more.
MOST_PLACED = 10_000
MOST_CLASSES_SHOWN = 30
PUBLISHED_K = 5


def search_and_cluster(means: Means) -> Outcome:
    """Search, judge by label, cluster and lay out, with every encoder that is here."""
    image_set = found_set(means)
    if image_set.class_count > GROUPS:
        means.remark(f"Of its classes {GROUPS} are taken, as many as {means.system.set_title} has.")
        image_set = of_classes(image_set, GROUPS, seed=means.wish.seed)
    ks = fitting_ks(means.system.ks, image_set)
    results: list[dict[str, Any]] = []
    tables: list[Table] = []
    findings: list[str] = []
    maps: dict[str, Any] = {}
    files: dict[str, Path] = {}
    for wanted, encoder in usable_encoders(means):
        tell_of_training(means, encoder, image_set)
        result = evaluated(image_set, encoder, ks, means)[0]
        report = mapped(image_set, encoder, means)
        results.append(result)
        name = file_name(encoder)
        maps[name] = map_facts(report)
        tables += [
            precision_table(wanted, result, ks),
            cluster_table(wanted, report),
            class_table(wanted, result, ks),
        ]
        findings += list(told(wanted, result, report))
        files |= map_files(wanted, report, name, means)
    sets = {image_set.fingerprint: image_set}
    files |= means.written(
        "precision over K",
        "precision-over-k.png",
        lambda file: save_plot(precision_plot(results, image_set.name), file),
    )
    files |= means.written(
        "the whole report", "report.html", lambda file: write_report(results, file, sets=sets)
    )
    return Outcome(
        tuple(tables),
        tuple(findings),
        {
            "set": results[0]["set"],
            "ks": list(ks),
            "groups": GROUPS,
            "encoders": [
                {"encoder": result["encoder"], "metrics": result["metrics"], "map": of}
                for result, of in zip(results, maps.values(), strict=True)
            ],
        },
        files,
    )


def precision_plot(results: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Draw precision over K, and the one figure that was published."""
    theirs = Line(
        "published, one query on CIFAR-10",
        [PUBLISHED_K],
        [published("E").tables[0].rows["resnet18"][0]],
        place=len(results),
        is_published=True,
    )
    encoders = ", ".join(str(result["encoder"]["name"]) for result in results)
    return plot_precision(results, title=f"{name}: {encoders}", published=[theirs])


def mapped(image_set: ImageSet, encoder: Encoder, means: Means) -> MapReport:
    """Cluster the embeddings that were evaluated and lay them out; two pictures and a page."""
    places = evaluation_places(image_set, encoder, means)
    name = file_name(encoder)
    wish = MapWish(
        clusters=GROUPS,
        layout=layout_here(means),
        labels="label",
        seed=means.wish.seed,
        most_images=MOST_PLACED,
        has_plot=can_draw(),
        title=f"{image_set.name}: {encoder.card.name}",
    )
    with Gallery.open(places.gallery("images")) as gallery:
        add_images(gallery, places.listed("images"), encoder, metadata=labelled(image_set))
        # The page comes with the second one: it offers both colours anyway.
        for colour in ("label", "cluster"):
            report = map_gallery(
                gallery,
                replace(wish, colour=colour, has_page=colour == "cluster"),
                means.folder / f"map-{name}",
                encoder=encoder,
                on_progress=means.tell,
            )
            if report.plot is not None:
                write_whole(means.folder / picture_name(colour, name), report.plot.read_bytes())
    return report


def layout_here(means: Means) -> str:
    """Choose t-SNE, or principal components where its library is not installed."""
    try:
        layout_library("tsne")
    except MissingExtra as error:
        means.leave_out(error)
        return "pca"
    return "tsne"


def picture_name(colour: str, encoder: str) -> str:
    """Name a picture of the map."""
    return f"map-by-{colour}-{encoder}.png"


def map_files(wanted: WantedEncoder, report: MapReport, name: str, means: Means) -> dict[str, Path]:
    """List what was drawn of a map."""
    layout = "t-SNE" if report.parameters["layout"] == "tsne" else "principal components"
    files = {}
    if report.plot is not None:
        files = {
            f"{layout}, coloured by {colour}, {wanted.title}": means.folder
            / picture_name(colour, name)
            for colour in ("label", "cluster")
        }
    if report.page is not None:
        files[f"the map as a page, {wanted.title}"] = report.page
    return files


def labelled(image_set: ImageSet) -> MetadataTable:
    """Make a column of the labels."""
    labels = image_set.labels or ("",) * len(image_set.images)
    return MetadataTable(
        {
            tidy(os.path.join(image_set.root, path)): {"label": label}
            for path, label in zip(image_set.images, labels, strict=True)
        }
    )


def map_facts(report: MapReport) -> dict[str, Any]:
    """Say how clusters and labels agree."""
    return {
        "images": report.images,
        "of": report.of,
        "clusters": [asdict(each) for each in report.clusters],
        "scores": None if report.scores is None else asdict(report.scores),
        "seconds": dict(report.seconds),
    }


def precision_table(wanted: WantedEncoder, result: Mapping[str, Any], ks: tuple[int, ...]) -> Table:
    """Write precision over K beside the one number that was published."""
    known = published("E").tables[0]
    theirs = {PUBLISHED_K: known.rows["resnet18"][0]}
    of_set = result["set"]
    rows = [
        (
            f"precision@{k}",
            precision_cell(result["metrics"][f"precision@{k}"]),
            f"{theirs[k]:.1f}" if k in theirs else "",
        )
        for k in ks
    ]
    return Table(
        f"{wanted.title}, exact search: {of_set['name']}, "
        f"{of_set['images']:,} pictures, {of_set['classes']} classes",
        ("", "mean over queries (95 % interval)", "published, one query"),
        tuple(rows),
        "The published figure counts the query among its own hits; here it is left out. The "
        "system ranks by Euclidean distance: on rows of unit length as cosine does.",
    )


def cluster_table(wanted: WantedEncoder, report: MapReport) -> Table:
    """Write the groups, and how well they agree with the labels."""
    rows = [
        (each.name, f"{each.size:,}", "" if each.share is None else f"{each.share:.1%}")
        for each in report.clusters
    ]
    note = ""
    if report.scores is not None:
        score = report.scores
        note = f"purity {score.purity:.3f}, NMI {score.nmi:.3f}, ARI {score.ari:.3f}."
    sample = f" (a sample of {report.of:,})" if report.images < report.of else ""
    return Table(
        f"{wanted.title}: k-means into {len(report.clusters)} groups of {report.images:,} "
        f"pictures{sample}",
        ("group, by its most frequent label", "pictures", "share of that label"),
        tuple(rows),
        note,
    )


def class_table(wanted: WantedEncoder, result: Mapping[str, Any], ks: tuple[int, ...]) -> Table:
    """Write precision label by label."""
    name = f"precision@{10 if 10 in ks else ks[-1]}"
    listed = sorted(
        (each for each in result["classes"] if each["metrics"].get(name) is not None),
        key=lambda each: -float(each["metrics"][name]),
    )
    shown = listed if len(listed) <= MOST_CLASSES_SHOWN else listed[: MOST_CLASSES_SHOWN // 2]
    last = [] if shown is listed else listed[-(MOST_CLASSES_SHOWN // 2) :]
    rows = [
        (str(each["label"]), f"{each['queries']:,}", f"{each['metrics'][name]:.3f}")
        for each in (*shown, *last)
    ]
    left = len(listed) - len(rows)
    return Table(
        f"{wanted.title}: {name} by label",
        ("label", "queries", name),
        tuple(rows),
        f"{left} labels between the best and the worst are in the report." if left else "",
    )


def told(wanted: WantedEncoder, result: Mapping[str, Any], report: MapReport) -> Iterator[str]:
    """Say what was found in sentences."""
    metrics = result["metrics"]
    name = "precision@5" if "precision@5" in metrics else next(iter(metrics))
    yield f"{wanted.title}: {name} is {precision_cell(metrics[name])}."
    if report.scores is not None:
        yield (
            f"{wanted.title}: k-means finds groups of purity {report.scores.purity:.3f} without "
            "having seen a label."
        )
