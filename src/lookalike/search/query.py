"""What one means to ask: parts with weights, and which hits are wanted, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from lookalike.encoders import ImageInput
from lookalike.errors import UsageError
from lookalike.gallery import Condition, parse_where
from lookalike.search.feedback import Feedback
from lookalike.search.parts import PartInput, QueryPart, plain_parts
from lookalike.search.strictness import finite_number, require_keys

__all__ = ["Query", "QueryInput"]

COMBINATIONS = ("mean", "best")
# Of five times as many candidates: a quarter of a second at dim 512.
MOST_DIVERSE = 1000

# What ``search`` takes: a query, or the one thing that it is made of.
QueryInput: TypeAlias = "Query | ImageInput | int"


@dataclass(frozen=True, slots=True)
class Query:
    """A query: what is searched with, and which hits are wanted.

    With ``combine="mean"`` the query is the direction of the weighted sum of its
    parts' unit embeddings. With ``"best"`` each picture, image_id or embedding of a
    weight above 0 is a view of one thing: texts and what is taken away are added to
    every view, and an image scores as its best view does. Where there are only texts,
    the texts are the views.

    Attributes:
        parts: One or more; a bare path, picture, image_id or array is taken as a part.
        combine: ``"mean"`` or ``"best"``.
        template: Put around each text in the place of its ``{}``, as in
            ``"a photo of {}"``.
        k: How many hits at most.
        where: Search only among the images that a filter lets through.
        min_score: Leave out images of a lower score.
        exclude_self: Leave out the images that the query is made of.
        exclude_copies: Leave out their copies too: files of the same bytes, and
            embeddings that equal one of the query's within the rounding of float16.
        diversity: From 0, best first, to 1, each hit as unlike those before it as
            can be; None for 0.
        group_by: A column of the catalog or the metadata: only the best hit of each
            of its values.
        feedback: What was thought of earlier hits.

    Raises:
        UsageError: A value makes no sense.
    """

    parts: tuple[QueryPart, ...] | Sequence[PartInput] | PartInput = ()
    combine: str = "mean"
    template: str | None = None
    k: int = 10
    where: str | Condition | None = None
    min_score: float | None = None
    exclude_self: bool = False
    exclude_copies: bool = False
    diversity: float | None = None
    group_by: str | None = None
    feedback: Feedback | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", plain_parts(self.parts))
        if not self.items and self.feedback is None:
            raise UsageError("A query needs at least one part: a picture, a text, an image_id.")
        if self.combine not in COMBINATIONS:
            raise UsageError(
                f"Parts of a query are combined by 'mean' or 'best', not {self.combine!r}."
            )
        object.__setattr__(self, "k", checked_count(self.k))
        require_claim("exclude_self", self.exclude_self)
        require_claim("exclude_copies", self.exclude_copies)
        object.__setattr__(
            self, "min_score", between("min_score", self.min_score, -1, "is no cosine")
        )
        object.__setattr__(
            self, "diversity", between("diversity", self.diversity, 0, "is no share")
        )
        require_name(self.group_by)
        if self.diversity and self.k > MOST_DIVERSE:
            raise UsageError(
                f"{self.k} hits with diversity were asked for: each is compared with all before "
                f"it, so ask for {MOST_DIVERSE} at most."
            )
        self._check_template()
        if self.combine == "best":
            self._check_views()
        self._check_kinds()

    def _check_kinds(self) -> None:
        """Read the filter, so that a mistake in it is told now."""
        condition = self.condition
        if condition is not None and not isinstance(condition, Condition):
            raise UsageError(
                f"The filter of a query is a text, or what parse_where read, not {condition!r:.60}."
            )
        if self.feedback is not None and not isinstance(self.feedback, Feedback):
            raise UsageError(f"The feedback of a query is a Feedback, not {self.feedback!r:.60}.")

    def _check_template(self) -> None:
        if self.template is None:
            return
        if not isinstance(self.template, str) or self.template.count("{}") != 1:
            raise UsageError(
                f"The template {self.template!r} needs one {{}} in the place of the text, "
                "as in 'a photo of {}'."
            )
        if not any(part.text is not None for part in self.items):
            raise UsageError(
                f"The template {self.template!r} has no text to go into: give a text, or leave "
                "it out."
            )

    def _check_views(self) -> None:
        """Refuse a choice of the best that has nothing to choose from, or ignores a weight."""
        views = self.views
        if not views:
            raise UsageError(
                "The best of several pictures was asked for, but no part has a weight above 0: "
                "add a picture, or combine by 'mean'."
            )
        if len(views) == len(self.items) and any(part.weight != 1 for part in views):
            raise UsageError(
                "The best of several pictures is each for itself, so that their weights change "
                "nothing: leave them out, or combine by 'mean'."
            )

    @property
    def items(self) -> tuple[QueryPart, ...]:
        """The parts, as what they have become."""
        return self.parts  # type: ignore[return-value]

    @property
    def views(self) -> tuple[QueryPart, ...]:
        """The parts that show the thing: what ``combine="best"`` chooses among."""
        plus = [part for part in self.items if not part.is_minus]
        return tuple(part for part in plus if part.text is None) or tuple(plus)

    @property
    def condition(self) -> Condition | None:
        """The filter, read."""
        return parse_where(self.where) if isinstance(self.where, str) else self.where

    @property
    def label(self) -> str:
        """What is asked, for people: ``a.jpg + "at night" (0.7) - b.jpg``."""
        if not self.items:
            return "what was kept" if self.feedback and self.feedback.kept else "what was rejected"
        written = ""
        for part in self.items:
            size = abs(part.weight)
            amount = part.label if size == 1 else f"{part.label} ({size:g})"
            sign = ("- " if part.is_minus else "+ ") if written else "-" * part.is_minus
            written += f" {sign}{amount}" if written else f"{sign}{amount}"
        return written

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold, values left at their defaults left out.

        Raises:
            UsageError: The filter was given read, and not as text.
        """
        told: dict[str, Any] = {"parts": [part.to_dict() for part in self.items], "k": self.k}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name not in {"parts", "k"} and value != item.default:
                told[item.name] = value
        if self.feedback is not None:
            told["feedback"] = self.feedback.to_dict()
        if not isinstance(told.get("where", ""), str):
            raise UsageError("A filter that was read is not written back: give where as text.")
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any], *, paths: bool = True) -> Query:
        """Make a query of what ``to_dict`` wrote.

        Args:
            told: As JSON holds it.
            paths: Whether its pictures may be files of this machine; False where
                strangers ask.

        Raises:
            UsageError: A key is unknown, or a value makes no sense.
        """
        known = {item.name for item in fields(cls)}
        require_keys(told, known, owner="A query")
        values = dict(told)
        parts = values.pop("parts", [])
        if not isinstance(parts, list):
            raise UsageError(f"The parts of a query are a list, not {parts!r:.60}.")
        if not isinstance(values.get("where", ""), str | None):
            raise UsageError(f"The filter of a query is a text, not {values['where']!r:.60}.")
        if values.get("feedback") is not None:
            values["feedback"] = Feedback.from_dict(values["feedback"])
        return cls(tuple(QueryPart.from_dict(part, paths=paths) for part in parts), **values)


def checked_count(k: object) -> int:
    """Refuse a number of hits that is none."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer):
        raise UsageError(f"k is {k!r}: ask for a whole number of hits.")
    if k < 1:
        raise UsageError(f"k is {k}: ask for at least one hit.")
    return int(k)


def require_claim(name: str, value: object) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}: say true or false.")


def require_name(group_by: object) -> None:
    """Refuse what cannot name a column."""
    if group_by is not None and (not isinstance(group_by, str) or not group_by.strip()):
        raise UsageError(f"group_by is {group_by!r}: name a column, as in 'product'.")


def between(name: str, value: object, lowest: float, complaint: str) -> float | None:
    """Bring a number from ``lowest`` to 1 to float.

    Raises:
        UsageError: It lies outside.
    """
    if value is None:
        return None
    number = finite_number(value)
    if number is None or not lowest <= number <= 1:
        raise UsageError(f"{name} {value!r:.60} {complaint}: give a number from {lowest} to 1.")
    return number
