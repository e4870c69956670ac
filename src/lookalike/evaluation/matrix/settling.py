"""What follows from a wish and a set: which queries, which ks, which judgements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.judging.runs import NO_IMAGE, Run
from lookalike.evaluation.matrix.wishes import USUAL_KS, EvalWish

__all__ = ["drawn_queries", "require_fitting", "settled_ks", "with_answers"]


def drawn_queries(image_set: ImageSet, wish: EvalWish) -> tuple[str, ...]:
    """Draw the queries to ask, in the set's order."""
    count = len(image_set.queries)
    if wish.queries is None or wish.queries >= count:
        return image_set.queries
    drawn = np.random.default_rng(wish.seed).choice(count, wish.queries, replace=False)
    return tuple(image_set.queries[place] for place in np.sort(drawn))


def require_fitting(image_set: ImageSet, ks: tuple[int, ...]) -> None:
    """Refuse ks that were asked for and that no query can find so many pictures for.

    Raises:
        UsageError: One is larger than what the set holds.
    """
    is_own = bool(set(image_set.queries) & set(image_set.images)) and not image_set.captions
    most = len(image_set.images) - is_own
    if ks and max(ks) > most:
        besides = " besides itself" if is_own else ""
        raise UsageError(
            f"k is {max(ks)}, but in the set {image_set.name} a query can find {most} pictures"
            f"{besides}: choose a smaller k."
        )


def settled_ks(image_set: ImageSet, ks: tuple[int, ...], findable: int) -> tuple[int, ...]:
    """Take the ks that were asked for, or the usual ones that there are pictures for.

    Raises:
        UsageError: One that was asked for is larger than what could be read, or nothing
            could.
    """
    if max(ks, default=1) > findable:
        raise UsageError(
            f"k is {max(ks, default=1)}, but only {findable} pictures that a query can find "
            f"could be read of the set {image_set.name}: choose a smaller k, or mend the others."
        )
    return tuple(sorted(set(ks))) or tuple(k for k in USUAL_KS if k <= findable)


def with_answers(
    judgements: Mapping[str, Qrels], names: Sequence[str], set_name: str
) -> tuple[dict[str, Qrels], list[str]]:
    """Leave out protocols by which none of the queries has anything to find.

    Args:
        judgements: By protocol.
        names: Of the queries that are asked.
        set_name: For the message.

    Returns:
        Those that are left, and the names of the others.

    Raises:
        UsageError: None is left, and there was one.
    """
    ended = np.full((len(names), 1), NO_IMAGE)
    nothing = Run(tuple(names), ended, np.full(ended.shape, -np.inf, np.float32))
    left = {
        name: qrels
        for name, qrels in judgements.items()
        if (qrels.judge(nothing).positives > 0).any()
    }
    if judgements and not left:
        raise UsageError(
            f"None of the {len(names):,} queries asked of the set {set_name} has anything to "
            "find: ask more of them, or make sure that the other pictures of their classes are "
            "there and can be read."
        )
    return left, [name for name in judgements if name not in left]
