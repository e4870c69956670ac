"""What goes into a gallery and what comes out, as plain frozen records.

Paths of pictures are relative to their source, with ``/`` between folders.
Bytes of a file name that are not UTF-8 travel as Python's surrogate escapes
(``os.fsdecode``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lookalike.vectors import EmbeddingSpace

__all__ = [
    "CompactReport",
    "GalleryInfo",
    "ImageRecord",
    "KnownImage",
    "NewImage",
    "Rename",
    "Skipped",
    "SourceRecord",
    "Touch",
    "VerifyReport",
]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a gallery.

    Attributes:
        image_id: Stable name; never given to another picture.
        content_hash: Of the file's bytes: equal hash, equal picture.
        indexed_at: When its content was embedded, UTC, ISO 8601 with ``Z``.
        taken, camera, latitude, longitude: What its EXIF tells, else None.
        metadata: Free-form JSON object.
    """

    image_id: int
    source_id: int
    path: str
    content_hash: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    indexed_at: str
    taken: str | None
    camera: str | None
    latitude: float | None
    longitude: float | None
    metadata: dict[str, Any]

    def facts(self, path: str) -> dict[str, Any]:
        """Tell the picture as JSON holds it; what nobody knows is left out.

        Args:
            path: Where its file is now, absolute.
        """
        known = {
            "width": self.width,
            "height": self.height,
            "format": self.format,
            "size_bytes": self.size_bytes,
            "taken": self.taken,
            "camera": self.camera,
            "latitude": self.latitude,
            "longitude": self.longitude,
        }
        return {
            "image_id": self.image_id,
            "path": path,
            **{key: value for key, value in known.items() if value is not None},
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class NewImage:
    """A picture to add, or to replace at the path it already has.

    Attributes:
        metadata: None keeps what the picture at that path already has.
        embedding_row: Its row in the embeddings of the same commit. None
            shares the row of a picture with the same content, in the gallery
            or in the same commit: copies are embedded once.
        indexed_at: When its content was embedded; None for now.
    """

    source_id: int
    path: str
    content_hash: str
    size_bytes: int
    mtime_ns: int
    width: int
    height: int
    format: str
    taken: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    metadata: Mapping[str, Any] | None = None
    embedding_row: int | None = None
    indexed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Rename:
    """A picture found again at another path of its source, content unchanged."""

    image_id: int
    path: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Touch:
    """A picture whose file has a new date while its content is unchanged."""

    image_id: int
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out; it is tried again when it changes.

    Attributes:
        content_hash: Of a file that was removed by hand: it stays out while it holds that.
    """

    source_id: int
    path: str
    size_bytes: int
    mtime_ns: int
    reason: str
    content_hash: str | None = None


class KnownImage(NamedTuple):
    """What planning an update needs of a picture: a tuple, as there may be a million."""

    image_id: int
    size_bytes: int
    mtime_ns: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A place that pictures of the gallery come from.

    Attributes:
        kind: ``"folder"``, ``"list"``, ``"glob"`` and so on.
        location: Where it is now, absolute.
    """

    source_id: int
    kind: str
    location: str


@dataclass(frozen=True, slots=True)
class GalleryInfo:
    """A gallery in numbers.

    Attributes:
        generation: How many changes were committed.
        skipped: Files that could not be read.
        embeddings: Rows in use; fewer than images where copies share one.
        tombstones: Rows no image uses any more; ``compact`` drops them.
        size_bytes: Of all files in the gallery's folder.
        created, updated: UTC, ISO 8601 with ``Z``.
        sources: Each source with its number of images.
    """

    path: Path
    format_version: int
    space: EmbeddingSpace
    dtype: str
    generation: int
    images: int
    skipped: int
    embeddings: int
    tombstones: int
    segments: int
    size_bytes: int
    created: str
    updated: str
    sources: tuple[tuple[SourceRecord, int], ...]


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a check of every invariant found.

    Attributes:
        problems: One sentence each; none in a sound gallery.
        leftovers: Files that no part of the catalog names, relative to the
            gallery: harmless remains of killed writers, or of a running one.
    """

    images: int
    embeddings: int
    segments: int
    problems: tuple[str, ...]
    leftovers: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether no problem was found."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What a compaction did; ``freed_bytes`` counts segment files only."""

    rows_before: int
    rows_after: int
    segments_before: int
    segments_after: int
    freed_bytes: int
