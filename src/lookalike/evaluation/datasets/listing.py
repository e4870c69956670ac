"""What a data set holds, before it is decided what is searched in and what with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lookalike.evaluation.writing import text_bytes

__all__ = ["Answers", "Listing", "Pairs", "digest_of", "pictures"]


@dataclass(frozen=True, slots=True)
class Answers:
    """What answers one query of the revisited Oxford and Paris: positions of pictures."""

    easy: tuple[int, ...]
    hard: tuple[int, ...]
    junk: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which picture answers which query, one by one: positions of pictures.

    Attributes:
        images: What is searched in.
        queries: What is searched with.
        graded: Query, image and grade.
    """

    images: tuple[int, ...]
    queries: tuple[int, ...]
    graded: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The pictures of a data set and all that is known of each.

    Attributes:
        paths: Relative to the set's folder, '/'-separated, sorted.
        columns: Names of labels, the usual one first, and for each the label of every
            picture; empty where a picture has none.
        has_usual: Whether there is a usual one; else one of several has to be named.
        splits: The part that each picture belongs to; None where there is one part.
        captions: The text that describes each picture.
        answers: Of the pictures of the part ``query``, in the order of their paths.
        pairs: What a table of pairs says.
        content: Changes whenever the pictures change; for the fingerprint.
        remarks: What a reader of a result has to know.
    """

    paths: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    splits: tuple[str, ...] | None = None
    captions: tuple[str, ...] | None = None
    answers: tuple[Answers, ...] | None = None
    pairs: Pairs | None = None
    has_usual: bool = True
    content: str = ""
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold: all that a set which is prepared has."""
        answers = self.answers and [[one.easy, one.hard, one.junk] for one in self.answers]
        return {
            "paths": self.paths,
            "columns": dict(self.columns),
            "splits": self.splits,
            "captions": self.captions,
            "answers": answers,
            "content": self.content,
            "remarks": self.remarks,
        }

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Listing:
        """Make of what :meth:`to_dict` gave.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        answers = facts["answers"]
        listing = cls(
            paths=tuple(facts["paths"]),
            columns={name: tuple(labels) for name, labels in facts["columns"].items()},
            splits=optional(facts["splits"]),
            captions=optional(facts["captions"]),
            answers=None if answers is None else tuple(answers_from(one) for one in answers),
            content=str(facts["content"]),
            remarks=tuple(facts["remarks"]),
        )
        described = (*listing.columns.values(), listing.splits, listing.captions)
        if any(len(of) != len(listing.paths) for of in described if of is not None):
            raise ValueError("columns of another length")
        return listing

    def sorted(self) -> Listing:
        """Put the pictures in the order of their paths."""
        return self.picked(sorted(range(len(self.paths)), key=self.paths.__getitem__))

    def picked(self, places: Sequence[int]) -> Listing:
        """Take some of the pictures, in the order given; there are no answers."""
        return replace(
            self,
            paths=taken(self.paths, places),
            columns={name: taken(labels, places) for name, labels in self.columns.items()},
            splits=None if self.splits is None else taken(self.splits, places),
            captions=None if self.captions is None else taken(self.captions, places),
        )


def answers_from(lists: Sequence[Sequence[int]]) -> Answers:
    """Make of three lists."""
    easy, hard, junk = (tuple(int(place) for place in places) for places in lists)
    return Answers(easy, hard, junk)


def optional(values: Iterable[str] | None) -> tuple[str, ...] | None:
    """Make a tuple of a list that may be missing."""
    return None if values is None else tuple(values)


def taken(values: Sequence[str], places: Iterable[int]) -> tuple[str, ...]:
    """Take values at places."""
    return tuple(values[place] for place in places)


def digest_of(*columns: Iterable[object]) -> str:
    """Hash columns of texts or numbers: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for column in columns:
        text = "\0".join(map(str, column))
        digest.update(text_bytes(text) + b"\n\n")
    return digest.hexdigest()[:16]


def pictures(count: int) -> str:
    """Write a number of pictures."""
    return f"{count:,} picture{'' if count == 1 else 's'}"
