"""A set of pictures with judgements, as it lies on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lookalike.evaluation.judging.protocol import Qrels

__all__ = ["ImageSet"]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Pictures to search in, queries, and what answers them.

    Attributes:
        name: Short, fit for a file name, as in ``cifar-10``.
        root: The folder that paths are relative to, absolute.
        images: What is searched in: paths, '/'-separated, sorted. An image_id of the
            set is a position in this list: it does not depend on an encoder, so that
            runs of two encoders can be compared.
        queries: Paths of the queries. Where each is one of ``images``, the query itself
            is left out of its own ranking (leave one out).
        judgements: By the name of the protocol: ``{"labels": ...}``, or ``{"easy": ...,
            "medium": ..., "hard": ...}`` for the revisited Oxford and Paris, or
            ``{"captions": ...}`` where each query is a text.
        labels: Of ``images``, in their order; None where there are none.
        fingerprint: Hash over the paths and judgements: results of another state of
            the set are not taken for these.
        licence: One line, or nothing.
        remarks: What a reader of a result has to know, one sentence each.
        captions: The text of each query, in their order, where the set is made of
            captioned pictures: what is searched with is the text, and what answers it is
            the one picture that it was written for. Otherwise None.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    queries: tuple[str, ...]
    judgements: Mapping[str, Qrels]
    labels: tuple[str, ...] | None
    fingerprint: str
    licence: str = ""
    remarks: tuple[str, ...] = field(default=())
    captions: tuple[str, ...] | None = None

    @property
    def is_leave_one_out(self) -> bool:
        """Whether the queries are images of the set themselves."""
        return self.queries == self.images

    @property
    def class_count(self) -> int:
        """How many labels the images have; 0 where there are none."""
        return len(set(self.labels or ()))
