"""Two results over the same set, side by side: what differs, and which queries moved."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.comparing import Comparison, Moved, compare_runs
from lookalike.evaluation.judging.runs import NO_IMAGE
from lookalike.evaluation.judging.scoring import Scores
from lookalike.evaluation.matrix.results import Stored, load_result, located_result

__all__ = ["compare_results", "set_beside"]

MOVED_QUERIES = 12
SHOWN_HITS = 10
LISTED_METRICS = 12
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
    require_same_judgements(ours, theirs)
    known = set_of(ours)
    parameters = ours.facts["parameters"]
    compared = compare_runs(
        *comparable(ours, theirs),
        resamples=parameters["resamples"],
        level=parameters["level"],
        seed=parameters["seed"],
    )
    by = chosen_metric(compared, metric)
    rose, fell, same = compared.counts(by)
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
        f"{ours['name']} ({size_of(ours)}, and {size_of(theirs)}): pictures or labels changed in "
        "between, or --labels, --split or --per-class chose others; measure one of them again."
    )


def size_of(facts: Mapping[str, Any]) -> str:
    """Write how large a set was."""
    images, queries = facts.get("images"), facts.get("queries")
    return f"{images} pictures with {queries} queries"


def require_same_judgements(first: Stored, second: Stored) -> None:
    """Refuse results in which a query has other pictures to find, by any protocol.

    Raises:
        UsageError: It is so: other pictures could be read, most likely.
    """
    lines = {query: line for line, query in enumerate(second.run.queries)}
    common = [line for line, query in enumerate(first.run.queries) if query in lines]
    there = [lines[first.run.queries[line]] for line in common]
    for name, ours in first.positives.items():
        theirs = second.positives.get(name)
        if theirs is None:
            continue
        differing = np.flatnonzero(ours[common] != theirs[there])
        if len(differing):
            place = differing[0]
            raise UsageError(
                f"By the judgements {name} the query {first.run.queries[common[place]]!r} has "
                f"{ours[common[place]]} pictures to find in {first.file}, and "
                f"{theirs[there[place]]} in {second.file}: other pictures could be read; measure "
                "the older one again."
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
                f"{', '.join(nearest_names(metric, common))}."
            )
        return metric
    usual = [name for each in MOVED_BY for name in common if name.rpartition(":")[2] == each]
    return (usual or common)[0]


def nearest_names(metric: str, names: Sequence[str]) -> list[str]:
    """List the names, or those that are most like what was asked for where there are many."""
    if len(names) <= LISTED_METRICS:
        return list(names)
    near = difflib.get_close_matches(metric, names, LISTED_METRICS, 0)
    return [*near, f"... ({len(names)} in all)"]


def set_of(stored: Stored) -> ImageSet:
    """Read the set beside a result, and make sure that its image_ids are of it.

    Raises:
        UsageError: It is missing, damaged, or another.
    """
    known = set_beside(stored.file)
    is_covered = int(stored.run.image_ids.max(initial=NO_IMAGE)) < len(known.images)
    has_labels = known.labels is None or len(known.labels) == len(known.images)
    if known.fingerprint == stored.facts["set"]["fingerprint"] and is_covered and has_labels:
        return known
    raise UsageError(
        f"{stored.file.parent.parent / 'set.json'} is not of the set that the result "
        f"{stored.file} was measured on: measure again with lookalike eval, or bring it back."
    )


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
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
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
