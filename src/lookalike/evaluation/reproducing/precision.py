"""System A: precision and false-positive rate over K, encoder by encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.demonstration import render_collection
from lookalike.encoders import Encoder
from lookalike.encoders.embedding import embed
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.matrix.embedded import embed_set
from lookalike.evaluation.matrix.evaluating import evaluate
from lookalike.evaluation.matrix.places import Places, places_of
from lookalike.evaluation.matrix.wishes import EvalWish
from lookalike.evaluation.reports import write_report
from lookalike.evaluation.reports.figures import save_plot
from lookalike.evaluation.reports.plots import plot_false_positives, plot_precision
from lookalike.evaluation.reproducing.means import Means
from lookalike.evaluation.reproducing.outcome import Outcome, Table
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    tell_of_training,
    usable_encoders,
)
from lookalike.evaluation.reproducing.timing import FaissFlat
from lookalike.vectors import unit_rows

__all__ = ["compare_encoders", "evaluated", "precision_cell"]

# Pictures that are in no data set: one of each kind that Lookalike draws, others than
# those of the data set ``rendered``.
OUTSIDE_SEED = 1
OUTSIDE_PICTURES = 24


def compare_encoders(means: Means) -> Outcome:
    """Measure every encoder that is here, with queries of the set and from outside."""
    image_set = found_set(means)
    ks = fitting_ks(means.system.ks, image_set)
    outside = outside_pictures(means)
    results: list[dict[str, Any]] = []
    titles: list[str] = []
    agreements = []
    for wanted, encoder in usable_encoders(means):
        tell_of_training(means, encoder, image_set)
        results += evaluated(image_set, encoder, ks, means)
        titles.append(wanted.title)
        agreements.append(agreement(image_set, encoder, outside, ks, means))
    sets = {image_set.fingerprint: image_set}
    title = f"{image_set.name}: {titles[0] if len(titles) == 1 else f'{len(titles)} encoders'}"
    files = {
        **means.written(
            "precision over K",
            "precision-over-k.png",
            lambda file: save_plot(
                plot_precision(results, title=f"{image_set.name}: precision over K"), file
            ),
        ),
        **means.written(
            "false-positive rate over K",
            "false-positives-over-k.png",
            lambda file: save_plot(plot_false_positives(results, title=title), file),
        ),
        **means.written(
            "the whole report", "report.html", lambda file: write_report(results, file, sets=sets)
        ),
    }
    return Outcome(
        tables=(
            over_k_table("precision", "precision", titles, results, ks),
            over_k_table("fpr", "false-positive rate (1 - precision)", titles, results, ks),
            agreement_table(titles, agreements, ks),
        ),
        findings=tuple(findings(titles, results, ks)),
        facts={
            "set": results[0]["set"],
            "ks": list(ks),
            "encoders": [
                {
                    "title": title,
                    "encoder": result["encoder"],
                    "metrics": result["metrics"],
                    "outside": dict(zip(map(str, ks), agreed, strict=True)),
                }
                for title, result, agreed in zip(titles, results, agreements, strict=True)
            ],
        },
        files=files,
    )


def fitting_ks(ks: Sequence[int], image_set: ImageSet) -> tuple[int, ...]:
    """Leave out what is beyond the set."""
    most = len(image_set.images) - 1
    return tuple(k for k in ks if k <= most) or (1,)


def evaluated(
    image_set: ImageSet, encoder: Encoder, ks: Sequence[int], means: Means
) -> list[dict[str, Any]]:
    """Evaluate one encoder with exact search, as far as that is not done yet."""
    wish = EvalWish(
        encoders=(encoder.card.name,),
        indexes=("flat",),
        ks=tuple(ks),
        queries=means.scale.queries,
        seed=means.wish.seed,
    )
    return evaluate(
        image_set,
        wish,
        folder=means.folder / "evaluation",
        load=lambda name: encoder,
        say=means.say,
        on_progress=means.tell,
        tally=means.tally,
        is_fresh=means.wish.is_fresh,
    )


def outside_pictures(means: Means) -> list[Path]:
    """Draw pictures that are in no data set."""
    folder = means.folder / "outside"
    render_collection(folder, pictures=OUTSIDE_PICTURES, seed=OUTSIDE_SEED)
    return sorted(file for file in folder.glob("*/*.*") if file.parent.name != "damaged")


def evaluation_places(image_set: ImageSet, encoder: Encoder, means: Means) -> Places:
    """Say where the evaluation of a set by an encoder keeps its files."""
    return places_of(
        means.folder / "evaluation",
        image_set,
        encoder.card.name,
        encoder.space.fingerprint,
        seed=means.wish.seed,
    )


def agreement(
    image_set: ImageSet, encoder: Encoder, pictures: Sequence[Path], ks: Sequence[int], means: Means
) -> list[float]:
    """Measure outside queries by the system's rule: the first hit's label is taken for right."""
    places = evaluation_places(image_set, encoder, means)
    embedded = embed_set(
        image_set, image_set.queries[:1], encoder, places=places, load_s=0.0, tell=means.tell
    )
    alive = embedded.alive
    index = FaissFlat(unit_rows(embedded.rows[alive]), is_euclidean=True)
    found = alive[index.search(embed(pictures, encoder), max(ks), {})]
    labels = np.array(image_set.labels or ("",) * len(embedded.rows))[found]
    agrees = labels == labels[:, :1]
    return [float(agrees[:, :k].mean()) for k in ks]


def over_k_table(
    family: str,
    name: str,
    titles: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    ks: Sequence[int],
) -> Table:
    """Write one metric at every K, with its intervals."""
    first = results[0]["set"]
    rows = [
        (
            title,
            str(result["encoder"]["dim"]),
            *(precision_cell(result["metrics"][f"{family}@{k}"]) for k in ks),
        )
        for title, result in zip(titles, results, strict=True)
    ]
    return Table(
        f"{name}@K on {first['name']}, {first['images']:,} pictures, {first['classes']} classes",
        ("encoder", "dim", *(f"@{k}" for k in ks)),
        tuple(rows),
        "Means over the queries, with 95 % intervals. A query is never among its own hits."
        + ceiling(results[0], ks),
    )


def ceiling(result: Mapping[str, Any], ks: Sequence[int]) -> str:
    """Say from which K on no ranking is perfect, because a class has no more pictures."""
    of_set = result["set"]
    per_class = of_set["images"] / of_set["classes"]
    if per_class >= ks[-1]:
        return ""
    return (
        f" A class has {per_class:.0f} pictures on average: at larger K no ranking has a "
        "precision of 1."
    )


def precision_cell(found: Mapping[str, float]) -> str:
    """Write a mean with its interval."""
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def agreement_table(
    titles: Sequence[str], agreements: Sequence[Sequence[float]], ks: Sequence[int]
) -> Table:
    """Write what outside queries found."""
    rows = [
        (title, *(f"{value:.3f}" for value in agreed))
        for title, agreed in zip(titles, agreements, strict=True)
    ]
    return Table(
        f"precision@K of {OUTSIDE_PICTURES} queries from outside, by the system's rule",
        ("encoder", *(f"@{k}" for k in ks)),
        tuple(rows),
        "The rule takes the label of the first hit for right: this measures how far the hits "
        "agree with each other, not whether they are right.",
    )


def findings(
    titles: Sequence[str], results: Sequence[Mapping[str, Any]], ks: Sequence[int]
) -> Iterator[str]:
    """Say which encoder is the most precise, and how precision falls with K."""
    first, last = f"precision@{ks[0]}", f"precision@{ks[-1]}"

    def quality(number: int) -> float:
        return float(results[number]["metrics"][last]["mean"])

    best = max(range(len(results)), key=quality)
    if len(results) > 1:
        yield f"The most precise at {last} is {titles[best]}, with {quality(best):.3f}."
    for title, result in zip(titles, results, strict=True):
        start, end = (result["metrics"][name]["mean"] for name in (first, last))
        yield f"{title}: {first} {start:.3f} falls to {last} {end:.3f}."
