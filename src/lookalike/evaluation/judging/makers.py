"""Judgements from what data sets come with: folders, labels, pairs, ``gnd`` files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.judging.qrels import LabelQrels, ListedQrels, require_lengths
from lookalike.evaluation.judging.runs import NO_IMAGE

__all__ = [
    "REVISITED",
    "labels_of_folders",
    "qrels_from_labels",
    "qrels_from_pairs",
    "qrels_from_revisited",
]

# Of each protocol of the revisited Oxford and Paris: which lists answer, which are junk
# (Radenović et al., *Revisiting Oxford and Paris*, CVPR 2018).
REVISITED = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}


def labels_of_folders(paths: Iterable[str], *, is_nearest: bool = False) -> tuple[str | None, ...]:
    """Take the label of each picture from the folder that it lies in.

    Args:
        paths: '/'-separated, relative to the set's root.
        is_nearest: Take the folder that holds the picture, as in ``train/cat/1.jpg``;
            else the first one, as in ``cat/indoors/1.jpg``.

    Returns:
        None for a picture that lies in no folder.
    """
    folders = (path.split("/")[:-1] for path in paths)
    return tuple(each[-1 if is_nearest else 0] if each else None for each in folders)


def qrels_from_labels(
    images: Sequence[str],
    labels: Sequence[str | None],
    *,
    queries: Sequence[str] | None = None,
    query_labels: Sequence[str | None] | None = None,
) -> LabelQrels:
    """Judge by label: an image answers a query of its own label.

    Args:
        images: Paths of what is searched in: an image_id is a position among them.
        labels: Theirs; None for a picture without one.
        queries: Paths of the queries; None for every image (leave one out). A query
            that is one of the images is left out of its own ranking.
        query_labels: Theirs; None where all queries are images.

    Raises:
        UsageError: There are no labels, all images are of one class, no query has
            anything to find, or a query without a label is none of the images.
    """
    require_lengths(len(images), labels=labels)
    if queries is None or tuple(queries) == tuple(images):
        return LabelQrels(images, query_labels or labels, labels, self_ids=range(len(images)))
    places = {path: place for place, path in enumerate(images)}
    if query_labels is None:
        strange = next((query for query in queries if query not in places), None)
        if strange is not None:
            raise UsageError(
                f"The query {strange!r} is none of the {len(images)} images: give the labels of "
                "the queries too."
            )
        query_labels = [labels[places[query]] for query in queries]
    own = [places.get(query, NO_IMAGE) for query in queries]
    return LabelQrels(
        queries, query_labels, labels, self_ids=own if max(own, default=NO_IMAGE) >= 0 else None
    )


def qrels_from_pairs(
    images: Sequence[str],
    pairs: Iterable[tuple[str, str] | tuple[str, str, int]],
    *,
    queries: Sequence[str] | None = None,
) -> ListedQrels:
    """Judge by pairs: a query, an image that answers it, and perhaps how well.

    Args:
        images: Paths of what is searched in: an image_id is a position among them.
        pairs: Query, image, and a grade from 0, no answer, to 127; 1 if none is given.
            A pair says nothing about the same two the other way round.
        queries: In which order; None for that of the pairs. One of no pair has
            nothing to find.

    Raises:
        UsageError: A pair is there twice, names an image that is not there, or a query
            that is not listed; or no query has anything to find.
    """
    places = {path: place for place, path in enumerate(images)}
    answers: dict[str, dict[int, int]] = {query: {} for query in queries or ()}
    for query, image, *grade in pairs:
        if queries is not None and query not in answers:
            raise UsageError(f"A pair names {query!r}, which is none of the queries.")
        if image not in places:
            raise UsageError(
                f"The query {query!r} is answered by {image!r}, which is none of the "
                f"{len(images)} images."
            )
        of_query = answers.setdefault(query, {})
        if places[image] in of_query:
            raise UsageError(f"The pair of {query!r} and {image!r} is there twice.")
        of_query[places[image]] = int(grade[0]) if grade else 1
    names = tuple(answers)
    own = [places.get(query, NO_IMAGE) for query in names]
    return ListedQrels(names, [answers[query] for query in names], self_ids=own)


def qrels_from_revisited(
    gnd: Mapping[str, Any],
    protocol: str,
    *,
    image_ids: Sequence[int] | None = None,
    queries: Sequence[str] | None = None,
) -> ListedQrels:
    """Judge as the revisited Oxford and Paris sets do.

    - easy: the easy images answer; hard ones are junk.
    - medium: easy and hard ones answer.
    - hard: the hard images answer; easy ones are junk.

    What a set lists as junk is junk in all three.

    Source: Radenović et al., *Revisiting Oxford and Paris*, CVPR 2018.

    Args:
        gnd: What the set's ``gnd`` file holds: ``imlist``, ``qimlist``, and for each
            query in ``gnd`` the lists ``easy``, ``hard`` and ``junk`` of positions.
        protocol: ``"easy"``, ``"medium"`` or ``"hard"``.
        image_ids: Of each entry of ``imlist``; None where it is the position.
        queries: Their names; None for those of ``qimlist``.

    Raises:
        UsageError: There is no such protocol, or the file is not of this form.
    """
    if protocol not in REVISITED:
        raise UsageError(
            f"There is no protocol {protocol!r}: choose one of {', '.join(REVISITED)}."
        )
    try:
        ids = range(len(gnd["imlist"])) if image_ids is None else image_ids
        require_lengths(len(gnd["imlist"]), image_ids=ids)
        answers, junk = (
            [[int(ids[place]) for name in names for place in each[name]] for each in gnd["gnd"]]
            for names in REVISITED[protocol]
        )
        names = tuple(gnd["qimlist"]) if queries is None else tuple(queries)
    except (KeyError, IndexError, TypeError) as error:
        raise UsageError(
            "This is no gnd file of the revisited Oxford and Paris sets, which holds imlist, "
            f"qimlist and gnd with easy, hard and junk: {type(error).__name__} {error}."
        ) from error
    return ListedQrels(names, answers, junk=junk, is_revisited=True)
