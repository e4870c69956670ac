"""What a map turned out to be, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lookalike.evaluation.maps.scores import ClusterScores

__all__ = ["ClusterFacts", "MapReport", "Outlier"]


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """One cluster.

    Attributes:
        number: From 0, the largest first.
        name: What it is called on the map.
        name_source: ``label``, ``word`` or ``file``.
        share: Of its labelled images, how many have its most frequent label; None
            where there are no labels.
        size: How many images it has.
        central: The file of the image nearest to its center.
    """

    number: int
    name: str
    name_source: str
    share: float | None
    size: int
    central: str


@dataclass(frozen=True, slots=True)
class Outlier:
    """An image that looks like none other.

    Attributes:
        image_id: Its name in the gallery.
        path: Its file.
        score: Mean of ``1 - cosine`` to its nearest neighbors.
    """

    image_id: int
    path: str
    score: float


@dataclass(frozen=True, slots=True)
class MapReport:
    """What a map turned out to be.

    Attributes:
        images: How many are on the map.
        of: How many the gallery has.
        clusters: The largest first.
        scores: How well clusters agree with labels; None where there are no labels.
        outliers: Farthest first.
        is_layout_kept: Whether the layout of an earlier map was taken.
        seconds: What each step took.
        thumbnails: How many pictures the page holds itself.
        remarks: What a reader has to know, one sentence each.
        parameters: What was asked for.
        page, plot: None where they were not asked for.
        table: CSV: where each image is, and what it belongs to.
        facts: This report as JSON.
    """

    images: int
    of: int
    clusters: tuple[ClusterFacts, ...]
    scores: ClusterScores | None
    outliers: tuple[Outlier, ...]
    is_layout_kept: bool
    seconds: Mapping[str, float]
    thumbnails: int
    remarks: tuple[str, ...]
    parameters: Mapping[str, Any]
    page: Path | None
    plot: Path | None
    table: Path
    facts: Path

    def to_dict(self) -> dict[str, Any]:
        """Turn it into what JSON can hold; files by their names."""
        files = {"page": self.page, "plot": self.plot, "table": self.table, "facts": self.facts}
        names = {key: None if file is None else file.name for key, file in files.items()}
        return {"format": 1, **asdict(self), **names}
