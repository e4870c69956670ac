"""What became of each picture that was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Outcome", "Waiting", "told"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture.

    Attributes:
        name: What its sender called it.
        status: ``"waiting"``; ``"added"``; ``"already_there"``, where the gallery held
            these very bytes; ``"refused"``, where it cannot be used.
        image_id: The image that it is now, or that was there already.
        path: Of a picture that was added: within the uploads.
        problem: Why it was refused, as an answer tells it.
    """

    name: str
    status: str = "waiting"
    image_id: int | None = None
    path: str | None = None
    problem: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Turn into what a job's result tells."""
        return {
            "name": self.name,
            "status": self.status,
            "image_id": self.image_id,
            "path": self.path,
            "problem": None if self.problem is None else dict(self.problem),
        }

    def refused(self, problem: Mapping[str, Any]) -> Outcome:
        """Say that it cannot be used."""
        return replace(self, status="refused", path=None, problem=problem)

    def kept(self, problem: Mapping[str, Any]) -> Outcome:
        """Say why it still waits."""
        return replace(self, problem=problem)

    def known_as(self, image_id: int) -> Outcome:
        """Say that the gallery holds it already."""
        return replace(self, status="already_there", path=None, image_id=image_id)

    def added_as(self, image_id: int) -> Outcome:
        """Say that it is in the gallery now."""
        return replace(self, status="added", image_id=image_id)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A picture that lies safe among the uploads and is not in the gallery yet.

    Attributes:
        path: Within the uploads, '/'-separated.
        content_hash: Of its bytes.
        metadata: Columns to keep with it.
    """

    path: str
    content_hash: str
    metadata: Mapping[str, Any] | None = None


def told(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Write the result of a job that adds pictures."""
    counts = dict.fromkeys(("waiting", "added", "already_there", "refused"), 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    return {
        **counts,
        "image_ids": [item.image_id for item in outcomes if item.image_id is not None],
        "pictures": [outcome.to_dict() for outcome in outcomes],
    }
