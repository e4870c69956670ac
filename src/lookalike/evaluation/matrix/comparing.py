"""Two results over the same set, side by side: what differs, and which queries moved."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.comparing import Comparison, Moved, compare_runs
from lookalike.evaluation.judging.runs import NO_IMAGE
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.matrix.results import Stored, load_result, located_result

__all__ = ["compare_results", "set_beside"]

MOVED_QUERIES = 12
SHOWN_HITS = 10
# What queries are sorted by: the first that both results have.
MOVED_BY = ("ap_trapezoid", "ap", "map@10", "precision@10")


def compare_results(first: Path, second: Path, *, metric: str | None = None) -> dict[str, Any]:
    """Compare two results query by query.

    Args:
        first: A result's JSON file, its rankings beside it, or a folder with one result.
        second: Another, over the same set: where it is better, differences are positive.
        metric: What decides which queries moved; None for average precision where both
            ranked all images, else the nearest to it.

    Returns:
        What JSON can hold: ``first`` and ``second``, the two results as they are on
        disk; ``differences`` by metric that both have: the means of the ``first`` and
        the ``second``, and of their difference ``mean``, ``low``, ``high`` and ``p``;
        ``queries``, how many both answer; ``metric``, what the rest is about:
        ``counts`` of queries that ``rose``, ``fell`` and stayed the ``same``; and
        ``gained`` and ``lost``, those that moved most, each with ``query``, ``before``,
        ``after``, ``first_hits`` and ``second_hits`` (``path``, ``score``,
        ``is_positive``, which is None where the set has no labels).

    Raises:
        UsageError: A result cannot be read, the sets differ, or they have no metric in
            common.
    """
    ours, theirs = (load_result(located_result(place)) for place in (first, second))
    require_same_set(ours, theirs)
    parameters = ours.facts["parameters"]
    compared = compare_runs(
        *comparable(ours, theirs),
        resamples=parameters["resamples"],
        level=parameters["level"],
        seed=parameters["seed"],
    )
    by = chosen_metric(compared, metric)
    rose, fell, same = compared.counts(by)
    known = set_beside(ours.file)
    return {
        "first": ours.facts,
        "second": theirs.facts,
        "queries": len(compared.first),
        "only_first": compared.only_first,
        "only_second": compared.only_second,
        "differences": {
            name: {
                "first": compared.before[name].mean,
                "second": compared.after[name].mean,
                **asdict(each),
            }
            for name, each in compared.differences.items()
        },
        "metric": by,
        "counts": {"rose": rose, "fell": fell, "same": same},
        "gained": [moved(each, ours, theirs, known) for each in compared.gained(by, MOVED_QUERIES)],
        "lost": [moved(each, ours, theirs, known) for each in compared.lost(by, MOVED_QUERIES)],
    }


def require_same_set(first: Stored, second: Stored) -> None:
    """Refuse results that are not of the same pictures and judgements.

    Raises:
        UsageError: They are not.
    """
    ours, theirs = first.facts["set"], second.facts["set"]
    if ours["fingerprint"] == theirs["fingerprint"]:
        return
    if ours["name"] != theirs["name"]:
        raise UsageError(
            f"The result {first.file} is of the set {ours['name']}, and {second.file} of "
            f"{theirs['name']}: compare two results of one set."
        )
    raise UsageError(
        f"The results {first.file} and {second.file} are of different states of the set "
        f"{ours['name']}: pictures or labels changed in between; measure the older one again."
    )


def comparable(first: Stored, second: Stored) -> tuple[Scores, Scores]:
    """Leave out what means something else in rankings of another depth."""
    depths = {stored.facts["parameters"]["depth"] for stored in (first, second)}
    if len(depths) == 1:
        return first.scores, second.scores
    ours, theirs = (
        replace(
            stored.scores,
            values={
                name: values
                for name, values in stored.scores.values.items()
                if name.rpartition(":")[2] != "mrr"
            },
        )
        for stored in (first, second)
    )
    return ours, theirs


def chosen_metric(compared: Comparison, metric: str | None) -> str:
    """Choose what queries are sorted by.

    Raises:
        UsageError: The two have nothing in common, or not the metric that was asked for.
    """
    common = list(compared.differences)
    if metric is not None:
        if metric not in common:
            raise UsageError(
                f"The two results have no metric {metric!r} in common: choose one of "
                f"{', '.join(common)}."
            )
        return metric
    usual = [name for each in MOVED_BY for name in common if name.rpartition(":")[2] == each]
    return (usual or common)[0]


def set_beside(result: Path) -> ImageSet:
    """Read the set that a result is of, without its judgements.

    Args:
        result: As ``compare_results`` takes it.

    Raises:
        UsageError: What was written down of it beside the results is missing or damaged.
    """
    file = located_result(result).parent.parent / "set.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        labels = known["labels"]
        return ImageSet(
            name=known["name"],
            root=Path(known["root"]),
            images=tuple(known["images"]),
            queries=tuple(known["queries"]),
            judgements={},
            labels=None if labels is None else tuple(labels),
            fingerprint=known["fingerprint"],
            licence=known["licence"],
            remarks=tuple(known["remarks"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{file}, which says what the rankings beside it mean, is missing or damaged: measure "
            "again with lookalike eval, or bring it back."
        ) from error


def moved(each: Moved, first: Stored, second: Stored, known: ImageSet) -> dict[str, Any]:
    """Show a query with what it found before and after."""
    return {
        **asdict(each),
        "first_hits": hits_of(first, each.query, known),
        "second_hits": hits_of(second, each.query, known),
    }


def hits_of(stored: Stored, query: str, known: ImageSet) -> list[dict[str, Any]]:
    """List the first hits of a query."""
    line = stored.run.queries.index(query)
    labels = known.labels
    groups = stored.scores.groups
    wanted = groups[line] if groups else None
    return [
        {
            "path": known.images[image_id],
            "score": float(score),
            "is_positive": None if labels is None else labels[image_id] == wanted,
        }
        for image_id, score in zip(
            stored.run.image_ids[line, :SHOWN_HITS].tolist(),
            stored.run.scores[line, :SHOWN_HITS].tolist(),
            strict=True,
        )
        if image_id != NO_IMAGE
    ]
