"""Pictures that were uploaded, and what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["KeptFile", "UploadedPicture", "result_of"]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A picture's file that lies safe among the uploads.

    Attributes:
        path: Within the uploads, '/'-separated.
        content_hash: Of its bytes.
        metadata: Columns to keep with it.
    """

    path: str
    content_hash: str
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture that was uploaded, and what became of it.

    Attributes:
        name: What its sender calls it.
        status: ``"waiting"``; ``"added"``; ``"already_there"``, where the gallery held
            these very bytes; ``"refused"``, where it cannot be used.
        kept: Its file, where it waits or was added.
        image_id: The image that it is now, or that was there already.
        problem: Why it was refused, or still waits, as an answer tells it.
    """

    name: str
    status: str = "waiting"
    kept: KeptFile | None = None
    image_id: int | None = None
    problem: Mapping[str, Any] | None = None

    @property
    def to_add(self) -> KeptFile | None:
        """Its file, where that is to become an image."""
        return self.kept if self.status == "waiting" else None

    def to_dict(self) -> dict[str, Any]:
        """Turn into what a job's result tells."""
        return {
            "name": self.name,
            "status": self.status,
            "image_id": self.image_id,
            "path": None if self.kept is None else self.kept.path,
            "problem": None if self.problem is None else dict(self.problem),
        }

    def refused(self, problem: Mapping[str, Any]) -> UploadedPicture:
        """Say that it cannot be used."""
        return replace(self, status="refused", kept=None, problem=problem)

    def delayed(self, problem: Mapping[str, Any]) -> UploadedPicture:
        """Say why it still waits."""
        return replace(self, problem=problem)

    def known_as(self, image_id: int) -> UploadedPicture:
        """Say that the gallery holds it already."""
        return replace(self, status="already_there", kept=None, image_id=image_id)

    def added_as(self, image_id: int) -> UploadedPicture:
        """Say that it is in the gallery now."""
        return replace(self, status="added", image_id=image_id)


def result_of(sent: Sequence[UploadedPicture]) -> dict[str, Any]:
    """Write the result of a job that adds pictures."""
    counts = dict.fromkeys(("waiting", "added", "already_there", "refused"), 0)
    for picture in sent:
        counts[picture.status] += 1
    return {
        **counts,
        "image_ids": [picture.image_id for picture in sent if picture.image_id is not None],
        "pictures": [picture.to_dict() for picture in sent],
    }
