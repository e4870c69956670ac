"""From a listing to an image set: what is searched in, what with, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.listing import Listing, Pairs, digest_of, pictures, taken
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.judging.runs import NO_IMAGE

__all__ = ["Wish", "image_set"]

# Which part is searched with, and which is searched in: the first that is there.
QUERY_SPLITS = ("query", "queries", "test", "val", "validation", "valid", "dev")
GALLERY_SPLITS = ("gallery", "database", "index", "train", "training")
WHOLE = "all"
PROTOCOLS = ("easy", "medium", "hard")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which part of a data set is wanted, and by which labels it is judged.

    Attributes:
        column: The name of the labels; None for the usual ones.
        split: The part to search with its own pictures; ``all`` for every picture;
            None for what is usual.
        limit_per_class: How many pictures of each class at most, in each part.

    Raises:
        UsageError: The limit is below 2.
    """

    column: str | None = None
    split: str | None = None
    limit_per_class: int | None = None

    def __post_init__(self) -> None:
        if self.limit_per_class is not None and self.limit_per_class < 2:
            raise UsageError(
                f"At most {self.limit_per_class} pictures of each class were asked for: with "
                "fewer than 2 there is nothing to find."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Positions in a listing, ascending: what is searched in, and what with."""

    images: tuple[int, ...]
    queries: tuple[int, ...]
    remark: str = ""


def image_set(
    listing: Listing, wish: Wish, *, name: str, root: Path, licence: str = ""
) -> ImageSet:
    """Make an image set of a listing.

    Raises:
        UsageError: There is no such column or split, or there is nothing to judge by.
    """
    if listing.answers is not None:
        return revisited_set(listing, wish, name=name, root=root, licence=licence)
    if listing.pairs is not None:
        return pairs_set(listing, wish, name=name, root=root, licence=licence)
    if listing.captions is not None and wish.column is None:
        return captioned_set(listing, wish, name=name, root=root, licence=licence)
    parts = chosen_parts(listing, wish, name)
    column = chosen_column(listing, wish, name)
    labels = listing.columns[column]
    parts = labelled(parts, labels)
    remarks = [*listing.remarks, parts.remark]
    if unlabelled := labels.count(""):
        remarks.append(f"Left out for want of a {column}: {pictures(unlabelled)}.")
    if wish.limit_per_class is not None:
        parts = fewer(parts, labels, wish.limit_per_class)
        remarks.append(f"Of each class at most {wish.limit_per_class} pictures were taken.")
    images, queries = taken(listing.paths, parts.images), taken(listing.paths, parts.queries)
    image_labels, query_labels = taken(labels, parts.images), taken(labels, parts.queries)
    require_classes(image_labels, name, column)
    return ImageSet(
        name=name,
        root=root,
        images=images,
        queries=queries,
        judgements={"labels": label_qrels(queries, query_labels, images, image_labels)},
        labels=image_labels,
        fingerprint=digest_of(images, image_labels, queries, query_labels, [listing.content]),
        licence=licence,
        remarks=tuple(filter(None, remarks)),
    )


def chosen_column(listing: Listing, wish: Wish, name: str) -> str:
    """Find the labels that are asked for, by default the first.

    Raises:
        UsageError: There are none, none of that name, or none was named of several.
    """
    if not listing.columns:
        raise UsageError(
            f"The data set {name} has no labels, so that nothing says what answers a query: put "
            "the pictures into folders named after what they show, or write a table with the "
            "columns path and label."
        )
    if wish.column is None and not listing.has_usual:
        raise UsageError(
            f"The data set {name} has no labels called label, and more than one kind that could be "
            f"meant ({', '.join(listing.columns)}): name one with --labels, or call it label."
        )
    if wish.column is None:
        return next(iter(listing.columns))
    if wish.column in listing.columns:
        return wish.column
    raise UsageError(
        f"The data set {name} has no labels called {wish.column!r}: there "
        f"{'are' if len(listing.columns) > 1 else 'is'} {', '.join(listing.columns)}."
    )


def require_classes(labels: Sequence[str], name: str, column: str) -> None:
    """Refuse what cannot be judged.

    Raises:
        UsageError: There are no labels, or one only.
    """
    found = sorted(set(labels))
    if not found:
        raise UsageError(
            f"No picture of the data set {name} has a {column}: put the pictures into folders "
            "named after what they show, or write a table with the columns path and label."
        )
    if len(found) == 1:
        raise UsageError(
            f"All pictures of the data set {name} have the same {column}, {found[0]!r}: every "
            "answer would be right; take pictures of two classes at least."
        )


def chosen_parts(listing: Listing, wish: Wish, name: str) -> Parts:
    """Choose what is searched in and what with.

    Of two parts the one called query, test or val is searched with and the one called
    gallery or train is searched in; where that is not so, all pictures are searched with
    each of them, left out itself.

    Raises:
        UsageError: There is no part of that name.
    """
    splits = listing.splits or ("",) * len(listing.paths)
    names = sorted(set(splits) - {""})
    everything = tuple(range(len(splits)))
    if wish.split is not None and wish.split != WHOLE and wish.split not in names:
        there = f"its parts are {', '.join(names)}" if names else "it is not split"
        raise UsageError(
            f"The data set {name} has no part {wish.split!r}: {there}; {WHOLE} takes every picture."
        )
    if wish.split == WHOLE:
        return Parts(everything, everything)
    if wish.split is not None:
        members = places_of(splits, wish.split)
        return Parts(members, members, f"Only the part {wish.split} is searched.")
    query = next((split for split in QUERY_SPLITS if split in names), "")
    if not query or len(names) < 2:
        return Parts(everything, everything)
    usual = next((split for split in GALLERY_SPLITS if split in names), "")
    images = places_of(splits, usual) if usual else tuple(
        place for place, split in enumerate(splits) if split != query
    )  # fmt: skip
    remark = f"Searched in: the part {usual}; searched with: the part {query}."
    if not usual:
        remark = f"Searched with: the part {query}; searched in: all else."
    return Parts(images, places_of(splits, query), remark)


def places_of(splits: Sequence[str], wanted: str) -> tuple[int, ...]:
    """Find the members of a part."""
    return tuple(place for place, split in enumerate(splits) if split == wanted)


def labelled(parts: Parts, labels: Sequence[str]) -> Parts:
    """Leave out pictures without a label."""
    if "" not in labels:
        return parts
    images = tuple(place for place in parts.images if labels[place])
    queries = tuple(place for place in parts.queries if labels[place])
    return Parts(images, queries, parts.remark)


def fewer(parts: Parts, labels: Sequence[str], limit: int) -> Parts:
    """Take at most so many pictures of each class, in each part."""
    images = spread(parts.images, labels, limit)
    if parts.queries == parts.images:
        return Parts(images, images, parts.remark)
    return Parts(images, spread(parts.queries, labels, limit), parts.remark)


def spread(places: Sequence[int], labels: Sequence[str], limit: int) -> tuple[int, ...]:
    """Take pictures of each class from all over its list: neighbors are often alike."""
    members: dict[str, list[int]] = {}
    for place in places:
        members.setdefault(labels[place], []).append(place)
    kept: list[int] = []
    for of_class in members.values():
        count = min(limit, len(of_class))
        steps = np.arange(count) * len(of_class) // max(count, 1)
        kept += [of_class[step] for step in steps]
    return tuple(sorted(kept))


def label_qrels(
    queries: tuple[str, ...],
    query_labels: tuple[str, ...],
    images: tuple[str, ...],
    image_labels: tuple[str, ...],
) -> Qrels:
    """Judge by labels; a query that is an image of the set is left out of its ranking."""
    from lookalike.evaluation.judging.qrels import LabelQrels

    place = {path: number for number, path in enumerate(images)}
    own = [place.get(path, NO_IMAGE) for path in queries]
    has_own = any(image_id != NO_IMAGE for image_id in own)
    return LabelQrels(queries, query_labels, image_labels, self_ids=own if has_own else None)


def captioned_set(listing: Listing, wish: Wish, *, name: str, root: Path, licence: str) -> ImageSet:
    """Make a set in which texts are searched with: each has one answer.

    Raises:
        UsageError: A part was asked for, of which there are none.
    """
    from lookalike.evaluation.judging.qrels import ListedQrels

    require_no_choice(wish, name, "its captions")
    captions = listing.captions or ()
    return ImageSet(
        name=name,
        root=root,
        images=listing.paths,
        queries=listing.paths,
        judgements={
            "captions": ListedQrels(listing.paths, [(place,) for place in range(len(captions))])
        },
        labels=None,
        fingerprint=digest_of(listing.paths, captions, [listing.content]),
        licence=licence,
        remarks=listing.remarks,
        captions=captions,
    )


def pairs_set(listing: Listing, wish: Wish, *, name: str, root: Path, licence: str) -> ImageSet:
    """Make a set that is judged pair by pair.

    Raises:
        UsageError: Labels or a part were asked for, of which there are none; or no query
            has anything to find.
    """
    from lookalike.evaluation.judging.makers import qrels_from_pairs

    require_no_choice(wish, name, "its own pairs")
    pairs = listing.pairs or Pairs((), (), ())
    images, queries = taken(listing.paths, pairs.images), taken(listing.paths, pairs.queries)
    graded = [
        (listing.paths[query], listing.paths[image], grade) for query, image, grade in pairs.graded
    ]
    return ImageSet(
        name=name,
        root=root,
        images=images,
        queries=queries,
        judgements={"pairs": qrels_from_pairs(images, graded, queries=queries)},
        labels=None,
        fingerprint=digest_of(images, queries, map(str, sorted(graded)), [listing.content]),
        licence=licence,
        remarks=listing.remarks,
    )


def require_no_choice(wish: Wish, name: str, judge: str) -> None:
    """Refuse what only labels allow.

    Raises:
        UsageError: Labels, a part or a limit was asked for.
    """
    if wish != Wish():
        raise UsageError(
            f"The data set {name} is judged by {judge}: it has neither labels nor parts to choose "
            "from; leave these options out."
        )


def revisited_set(listing: Listing, wish: Wish, *, name: str, root: Path, licence: str) -> ImageSet:
    """Make a set with the three protocols of the revisited Oxford and Paris.

    Raises:
        UsageError: Labels or a part were asked for, of which there are none.
    """
    from lookalike.evaluation.judging.makers import qrels_from_revisited

    require_no_choice(wish, name, "its own lists")
    splits = listing.splits or ()
    at = {place: number for number, place in enumerate(places_of(splits, "images"))}
    images = taken(listing.paths, at)
    queries = taken(listing.paths, places_of(splits, "query"))
    lists: list[Mapping[str, list[int]]] = [
        {kind: [at[place] for place in getattr(one, kind)] for kind in ("easy", "hard", "junk")}
        for one in listing.answers or ()
    ]
    gnd = {"gnd": lists, "qimlist": list(queries), "imlist": list(images)}
    return ImageSet(
        name=name,
        root=root,
        images=images,
        queries=queries,
        judgements={kind: qrels_from_revisited(gnd, kind) for kind in PROTOCOLS},
        labels=None,
        fingerprint=digest_of(images, queries, map(str, lists), [listing.content]),
        licence=licence,
        remarks=listing.remarks,
    )
