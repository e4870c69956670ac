"""System B: brute force, FAISS flat and FAISS IVF, at N rows and at ten times as many."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.intervals import bootstrap
from lookalike.evaluation.judging.metrics import ann_recall_at_k, precision_at_k
from lookalike.evaluation.judging.qrels import LabelQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.maps.sameness import distinct_rows
from lookalike.evaluation.matrix.embedded import Embedded, embed_set
from lookalike.evaluation.matrix.places import places_of
from lookalike.evaluation.reproducing.means import Means, file_name
from lookalike.evaluation.reproducing.outcome import FORMAT, Outcome
from lookalike.evaluation.reproducing.published import published
from lookalike.evaluation.reproducing.rows import view_rows
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    require_pictures,
    tell_of_training,
    usable_encoders,
)
from lookalike.evaluation.reproducing.strategy_plots import save_precision_plot, save_recall_plot
from lookalike.evaluation.reproducing.strategy_tables import (
    findings,
    published_seconds,
    tables,
)
from lookalike.evaluation.reproducing.subsets import hold_out
from lookalike.evaluation.reproducing.systems import WantedEncoder
from lookalike.evaluation.reproducing.timing import (
    BruteForce,
    FaissFlat,
    Searching,
    Setting,
    extraction_seconds,
    seconds_each,
)
from lookalike.evaluation.search_bench.engines import make_engine
from lookalike.evaluation.writing import fingerprint
from lookalike.vectors import unit_rows

__all__ = ["GROWTH", "compare_strategies"]

Rows = NDArray[np.float32]

K = 5
# The system's question: what does ten times the gallery change?
GROWTH = 10
NEAR_ENOUGH = 0.9995


@dataclass(frozen=True, slots=True, eq=False)
class Galleries:
    """What is searched in and what with, for one encoder.

    Attributes:
        rows: Unit rows ``(GROWTH * n, dim)``: pictures first, then views of them; the
            smaller gallery is the first n.
        labels: One a row.
        queries: Unit rows of pictures that are not among them.
        names, query_labels: Of the queries.
        small: n.
        views: How many of the rows are views, in the smaller and in the larger gallery.
    """

    rows: Rows
    labels: tuple[str, ...]
    queries: Rows
    names: tuple[str, ...]
    query_labels: tuple[str, ...]
    small: int
    views: tuple[int, int]

    @property
    def sizes(self) -> tuple[int, int]:
        """Both galleries' rows."""
        return self.small, len(self.rows)


def compare_strategies(means: Means) -> Outcome:
    """Time all ways to search at both sizes, with every encoder that is here."""
    found = found_set(means)
    require_pictures(means, found)
    image_set = hold_out(found, means.scale.queries, seed=means.wish.seed)
    measured = []
    for wanted, encoder in usable_encoders(means):
        tell_of_training(means, encoder, image_set)
        galleries, pictures = galleries_of(image_set, encoder, means)
        facts = {
            "data": fingerprint(galleries.rows, galleries.queries),
            "set": image_set.fingerprint,
            "runs_on": encoder.runs_on,
            "k": K,
            "rows": galleries.sizes,
            "format": FORMAT,
        }
        place = means.folder / "timings" / f"{file_name(encoder)}.json"
        measure = partial(measured_encoder, wanted, encoder, galleries, pictures, means)
        measured.append(means.kept(place, facts, measure))
    told = published(means.system.letter)
    files: dict[str, Path] = {}
    for result in measured:
        name, theirs = result["file_name"], published_seconds(told, result["column"])
        files |= means.written(
            f"accuracy against time, {result['title']}",
            f"accuracy-time-{name}.png",
            partial(save_recall_plot, result, theirs, K),
        )
        files |= means.written(
            f"precision against time, {result['title']}",
            f"precision-time-{name}.png",
            partial(save_precision_plot, result, K),
        )
    return Outcome(
        tables=tuple(table for result in measured for table in tables(result, told)),
        findings=tuple(line for result in measured for line in findings(result)),
        facts={"k": K, "set": set_facts(image_set), "encoders": measured},
        files=files,
    )


def galleries_of(
    image_set: ImageSet, encoder: Encoder, means: Means
) -> tuple[Galleries, list[str]]:
    """Embed the pictures, then as many views of them as both galleries need.

    Returns:
        The galleries, and the files of the pictures.
    """
    name, space = encoder.card.name, encoder.space
    places = places_of(means.folder, image_set, name, space.fingerprint, seed=means.wish.seed)
    embedded = embed_set(
        image_set, image_set.queries, encoder, places=places, load_s=0.0, tell=means.tell
    )
    whole = whole_pictures(embedded)
    pictures = [os.fspath(image_set.root / image_set.images[place]) for place in whole]
    small = means.scale.rows or len(pictures)
    shown = min(small, len(whole))
    rows = np.empty((GROWTH * small, space.dim), dtype=np.float32)
    rows[:shown] = unit_rows(embedded.rows[whole[:shown]])
    view_rows(
        pictures,
        rows[shown:],
        encoder,
        folder=means.folder / "views" / file_name(encoder),
        seed=means.wish.seed,
        on_progress=lambda done, total: means.tell("embedding views", done, total),
    )
    of_row = [*whole[:shown], *(whole[view % len(whole)] for view in range(len(rows) - shown))]
    labels = image_set.labels or ("",) * len(image_set.images)
    label_of = dict(zip(image_set.queries, query_labels(image_set), strict=True))
    galleries = Galleries(
        rows=rows,
        labels=tuple(labels[place] for place in of_row),
        queries=embedded.queries,
        names=embedded.names,
        query_labels=tuple(label_of[name] for name in embedded.names),
        small=small,
        views=(small - shown, len(rows) - shown),
    )
    return galleries, pictures


def whole_pictures(embedded: Embedded) -> list[int]:
    """List the images that can be read, exact copies of others left out.

    Copies tie for every place, and which of them is found says nothing about an index.
    """
    alive = embedded.alive
    first = distinct_rows(embedded.rows[alive]).first
    return [int(place) for place in alive[first]]


def query_labels(image_set: ImageSet) -> Sequence[str]:
    """Return the label of every query."""
    judged = image_set.judgements.get("labels")
    return (judged.groups if judged is not None else None) or ("",) * len(image_set.queries)


def measured_encoder(
    wanted: WantedEncoder,
    encoder: Encoder,
    galleries: Galleries,
    pictures: Sequence[str],
    means: Means,
) -> dict[str, Any]:
    """Measure everything with one encoder."""
    extraction = extraction_seconds(pictures, encoder)
    return {
        "k": K,
        "title": wanted.title,
        "column": wanted.column,
        "encoder": encoder.card.name,
        "file_name": file_name(encoder),
        "dim": encoder.space.dim,
        "runs_on": encoder.runs_on,
        "extraction": asdict(extraction),
        "queries": len(galleries.queries),
        "sizes": [
            measured_size(galleries, size, views, means)
            for size, views in zip(galleries.sizes, galleries.views, strict=True)
        ],
    }


def measured_size(galleries: Galleries, size: int, views: int, means: Means) -> dict[str, Any]:
    """Measure every way to search in one gallery."""
    rows = galleries.rows[:size]
    flat = FaissFlat(rows)
    truth = flat.search(galleries.queries, K, {})
    judge = partial(judged, galleries, size, truth)
    points = []
    for number, (method, way, setting) in enumerate(ways(rows, flat, galleries.queries)):
        means.tell(f"searching {size:,} rows", number, number + 1)
        taken = seconds_each(partial(asked, way, setting), galleries.queries)
        found = truth if way is flat else way.search(galleries.queries, K, setting)
        point = {"method": method, "setting": dict(setting), "seconds": asdict(taken)}
        points.append({**point, **judge(found)})
        means.say(
            f"{size:,} rows, {method} {dict(setting) or ''}: {taken.p50:.6f} s a query, "
            f"ann_recall@{K} {points[-1]['ann_recall']:.4f}"
        )
        if method == "ivf" and points[-1]["ann_recall"] >= NEAR_ENOUGH:
            break
    return {"rows": size, "views": views, "nlist": lists(size), "points": points}


def asked(way: Searching, setting: Setting, query: Rows) -> NDArray[np.int64]:
    """Ask for as many neighbors as the system does."""
    return way.search(query, K, setting)


def ways(rows: Rows, flat: FaissFlat, queries: Rows) -> Iterator[tuple[str, Searching, Setting]]:
    """List the ways to search, the inverted file with every number of lists in turn."""
    yield "brute", BruteForce(rows), {}
    yield "flat", flat, {}
    ivf = make_engine("faiss-ivf", k=K, tuning_queries=queries)
    ivf.build(rows)
    for setting in ivf.settings:
        if setting["nprobe"] <= lists(len(rows)):
            yield "ivf", ivf, setting


def lists(rows: int) -> int:
    """Say how many lists the system makes."""
    return round(math.sqrt(rows))


def judged(
    galleries: Galleries, size: int, truth: NDArray[np.int64], found: NDArray[np.int64]
) -> dict[str, Any]:
    """Compare what was found with exact search, and with the labels."""
    recall = float(np.nanmean(ann_recall_at_k(found, truth, K)))
    qrels = LabelQrels(galleries.names, galleries.query_labels, galleries.labels[:size])
    run = Run(galleries.names, found, np.zeros(found.shape, dtype=np.float32))
    precision = bootstrap(precision_at_k(qrels.judge(run).without_junk(), K))
    return {"ann_recall": recall, "precision": asdict(precision)}


def set_facts(image_set: ImageSet) -> dict[str, Any]:
    """Say what was searched."""
    return {
        "name": image_set.name,
        "fingerprint": image_set.fingerprint,
        "images": len(image_set.images),
        "queries": len(image_set.queries),
        "classes": image_set.class_count,
        "remarks": list(image_set.remarks),
    }
