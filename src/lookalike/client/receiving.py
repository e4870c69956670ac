"""What a server answered, as the library's own values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from lookalike.client.failures import error_of
from lookalike.gallery import ImageRecord
from lookalike.index.plans import Plan
from lookalike.search import Hit, Query, Results

__all__ = ["AddProgress", "AddReport", "SentPicture", "ServerJob", "record_of", "results_of"]

ENDED = frozenset({"done", "failed", "cancelled"})

RECORD_FIELDS = tuple(item.name for item in fields(ImageRecord))


@dataclass(frozen=True, slots=True)
class ServerJob:
    """Something a server does or did, as it was when it was asked.

    Attributes:
        job_id: Its name.
        gallery: The name of the gallery that it is about.
        kind: ``"add"``, ``"update"``, ``"map"`` and so on.
        state: ``"waiting"``, ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        done: How much of it is done.
        total: Of how much; None where nobody knows yet.
        note: What it is doing or waiting for.
        result: What came of it.
        error: The problem that it failed of.
    """

    job_id: str
    gallery: str
    kind: str
    state: str
    done: int = 0
    total: int | None = None
    note: str = ""
    created: str | None = None
    started: str | None = None
    ended: str | None = None
    result: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> ServerJob:
        """Read what a server tells; what a newer one adds is left out."""
        return cls(**{item.name: told[item.name] for item in fields(cls) if item.name in told})

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED

    def require_done(self) -> ServerJob:
        """Raise the error that it failed of.

        Raises:
            LookalikeError: It failed.
        """
        if self.state == "failed" and self.error is not None:
            raise error_of(self.error)
        return self


@dataclass(frozen=True, slots=True)
class SentPicture:
    """What became of one picture that was sent.

    Attributes:
        name: What it was called.
        status: ``"added"``; ``"already_there"``, where the gallery held these very bytes;
            ``"refused"``; ``"waiting"``, where nobody waited for the end.
        image_id: The image that it is.
        reason: Why it was refused.
    """

    name: str
    status: str
    image_id: int | None = None
    reason: str | None = None

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> SentPicture:
        """Read what a server tells."""
        problem = told.get("problem") or {}
        return cls(told["name"], told["status"], told.get("image_id"), problem.get("detail"))


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of pictures that were sent.

    Attributes:
        pictures: In their order.
        jobs: What the server does with them; several, where they were many.
    """

    pictures: tuple[SentPicture, ...]
    jobs: tuple[ServerJob, ...]

    @property
    def image_ids(self) -> list[int]:
        """The images that they are, also those that were there already."""
        return [item.image_id for item in self.pictures if item.image_id is not None]

    @property
    def added(self) -> int:
        """How many are new."""
        return sum(item.status == "added" for item in self.pictures)


@dataclass(frozen=True, slots=True)
class AddProgress:
    """How far adding is.

    Attributes:
        sent: Pictures that the server has, on its disk at least.
        settled: Those of which it is known what became of them: the others wait.
        total: Of so many.
    """

    sent: int
    settled: int
    total: int


def record_of(told: Mapping[str, Any]) -> ImageRecord:
    """Make the record of a hit, or of an image; facts nobody knows were left out."""
    values: dict[str, Any] = {name: told.get(name) for name in RECORD_FIELDS}
    values["path"] = told["name"]
    return ImageRecord(**values)


def results_of(answer: Mapping[str, Any], query: Query) -> Results:
    """Make the results of an answer."""
    plan = answer.get("plan")
    return Results(
        [
            Hit(
                told["rank"],
                told["score"],
                told["image_id"],
                told["path"],
                record_of(told),
                told.get("group"),
            )
            for told in answer["hits"]
        ],
        query=query.label,
        plan=None if plan is None else Plan.from_dict(plan),
        score_kind=answer["score_kind"],
        meaning=answer["meaning"],
        asked=query,
    )
