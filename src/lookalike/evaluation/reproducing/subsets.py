"""Parts of image sets: queries held out, some classes, some pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lookalike.evaluation.datasets.choosing import label_qrels
from lookalike.evaluation.datasets.listing import digest_of, taken
from lookalike.evaluation.datasets.sets import ImageSet

__all__ = ["fewer_pictures", "hold_out", "of_classes"]

# Of a set without queries of its own, so many of its pictures are held out.
LARGEST_HELD_OUT_SHARE = 0.2


def hold_out(image_set: ImageSet, count: int | None, *, seed: int) -> ImageSet:
    """Take some pictures out of a set to search with, where it has no queries of its own.

    Args:
        image_set: Whose pictures.
        count: How many queries at most; None for as many as the set has, or a fifth
            of its pictures.
        seed: Which ones.

    Returns:
        A set none of whose queries is among its images.
    """
    dice = np.random.default_rng(seed)
    if not set(image_set.queries).isdisjoint(image_set.images) or image_set.captions is not None:
        most = max(1, int(LARGEST_HELD_OUT_SHARE * len(image_set.images)))
        held = dice.permutation(len(image_set.images))[: min(most, count or most)]
        kept = np.setdiff1d(np.arange(len(image_set.images)), held)
        return parted(image_set, kept.tolist(), sorted(held.tolist()))
    if count is None or count >= len(image_set.queries):
        return image_set
    chosen = np.sort(dice.permutation(len(image_set.queries))[:count])
    groups = image_set.judgements["labels"].groups or ()
    return with_parts(
        image_set,
        image_set.images,
        image_set.labels,
        taken(image_set.queries, chosen.tolist()),
        taken(groups, chosen.tolist()) if groups else None,
    )


def of_classes(image_set: ImageSet, count: int, *, seed: int) -> ImageSet:
    """Keep some of a set's classes, drawn at random, as images and as queries."""
    labels = image_set.labels or ()
    groups = image_set.judgements["labels"].groups or ()
    names = sorted(set(labels))
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    chosen = {names[place] for place in drawn}
    images = [place for place, label in enumerate(labels) if label in chosen]
    queries = [place for place, label in enumerate(groups) if label in chosen]
    return with_parts(
        image_set,
        taken(image_set.images, images),
        taken(labels, images),
        taken(image_set.queries, queries),
        taken(groups, queries),
    )


def fewer_pictures(image_set: ImageSet, count: int, *, seed: int) -> ImageSet:
    """Keep some of a set's pictures, drawn at random; each is a query."""
    drawn = np.random.default_rng(seed).permutation(len(image_set.images))[:count]
    kept = np.sort(drawn).tolist()
    return parted(image_set, kept, kept)


def parted(image_set: ImageSet, kept: Sequence[int], held: Sequence[int]) -> ImageSet:
    """Part the images of a set into those that are searched in and those that are asked."""
    labels = image_set.labels
    return with_parts(
        image_set,
        taken(image_set.images, kept),
        None if labels is None else taken(labels, kept),
        taken(image_set.images, held),
        None if labels is None else taken(labels, held),
    )


def with_parts(
    image_set: ImageSet,
    images: tuple[str, ...],
    labels: tuple[str, ...] | None,
    queries: tuple[str, ...],
    query_labels: tuple[str, ...] | None,
) -> ImageSet:
    """Make a set of other images and queries, under a fingerprint of its own."""
    judgements = {}
    if labels is not None and query_labels is not None:
        judgements["labels"] = label_qrels(queries, query_labels, images, labels)
    return replace(
        image_set,
        images=images,
        labels=labels,
        queries=queries,
        judgements=judgements,
        captions=None,
        fingerprint=digest_of([image_set.fingerprint], images, queries),
    )
