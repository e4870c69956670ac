"""Relevance feedback: what was thought of earlier hits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from lookalike.errors import UsageError
from lookalike.search.parts import checked_id
from lookalike.search.strictness import finite_number, require_keys

__all__ = ["Feedback"]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was thought of earlier hits, and how far that moves the query.

    The query q becomes ``alpha q + beta mean(kept) - gamma mean(rejected)`` over
    unit embeddings (Rocchio, "Relevance feedback in information retrieval", in
    Salton's *The SMART Retrieval System*, 1971), and is brought to unit length.
    Rejected images are not found again; kept ones are, as any other.

    Attributes:
        kept: image_ids that were right.
        rejected: image_ids that were wrong.
        alpha: How much the query itself counts.
        beta: How much the kept images count.
        gamma: How much the rejected images count.

    Raises:
        UsageError: No image is named, or one is on both sides, or a factor is
            below 0.
    """

    kept: tuple[int, ...] | Sequence[int] = ()
    rejected: tuple[int, ...] | Sequence[int] = ()
    alpha: float = 1.0
    beta: float = 0.75
    gamma: float = 0.15

    def __post_init__(self) -> None:
        for name in ("kept", "rejected"):
            object.__setattr__(self, name, distinct_ids(name, getattr(self, name)))
        for name in ("alpha", "beta", "gamma"):
            object.__setattr__(self, name, checked_factor(name, getattr(self, name)))
        if not self.kept and not self.rejected:
            raise UsageError("Feedback names no image: give image_ids that were kept or rejected.")
        both = set(self.kept) & set(self.rejected)
        if both:
            raise UsageError(
                f"Image {min(both)} is kept and rejected: leave it out on one of the two sides."
            )

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return {**asdict(self), "kept": list(self.kept), "rejected": list(self.rejected)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Feedback:
        """Make feedback of what ``to_dict`` wrote.

        Raises:
            UsageError: A key is unknown, or a value makes no sense.
        """
        require_keys(told, {item.name for item in fields(cls)}, owner="Feedback")
        return cls(**told)


def distinct_ids(name: str, given: object) -> tuple[int, ...]:
    """List each image_id once, in order."""
    if not isinstance(given, list | tuple | set | frozenset):
        raise UsageError(f"What was {name} is a list of image_ids, not {given!r:.60}.")
    return tuple(dict.fromkeys(checked_id(image_id) for image_id in given))


def checked_factor(name: str, value: object) -> float:
    """Refuse a factor that is no number from 0."""
    number = finite_number(value)
    if number is None or number < 0:
        raise UsageError(f"{name} of the feedback is {value!r:.60}: give a number, 0 or above.")
    return number
