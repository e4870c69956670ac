"""What the next commit will write, and what the whole update did so far."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import KnownImage, NewImage, Rename, Skipped, Touch
from lookalike.images import ImageRef
from lookalike.ingest.matching import NOTHING_MATCHED
from lookalike.ingest.pipeline import Loaded
from lookalike.ingest.removed import REMOVED_BY_HAND

__all__ = ["Batch", "Noted", "Tally"]

logger = logging.getLogger(__name__)

# A commit costs two fsyncs and a segment file, so it waits for this many files
# or seconds, whichever comes first: what a kill can lose.
COMMIT_FILES = 2048
COMMIT_S = 5.0


class Noted(NamedTuple):
    """What happened to one file; of a renamed one, whose it was."""

    what: str
    path: str
    image_id: int | None
    is_copy: bool


@dataclass(slots=True)
class Tally:
    """What an update of one source did so far.

    Attributes:
        lost: Known images whose files turned unreadable, or into ones that were removed by
            hand, with the reason.
        out_of_reach: Files whose bytes could not be had, with the reason: nothing is
            concluded from them.
        changes: What happened to each file, in order; None where it is only counted.
    """

    added: int = 0
    changed: int = 0
    renamed: int = 0
    touched: int = 0
    copies: int = 0
    embedded: int = 0
    described: int = 0
    lost: list[tuple[int, Skipped]] = field(default_factory=list)
    out_of_reach: list[tuple[str, str]] = field(default_factory=list)
    changes: list[Noted] | None = None


class Batch:
    """What the next commit will write.

    Args:
        source_id: Of the source that is updated.
        keeps_changes: Whether to tell what became of each file.
        spares: Whether to keep a known picture whose file cannot be read.

    Attributes:
        metadata: What somebody wrote of the pictures.
        tally: What was done so far.
    """

    def __init__(
        self,
        source_id: int,
        *,
        keeps_changes: bool = False,
        spares: Callable[[ImageRef], bool] | None = None,
    ) -> None:
        self._source_id = source_id
        self.metadata = NOTHING_MATCHED
        self._spares = spares or (lambda ref: False)
        self._failures: dict[str, str] = {}
        self.tally = Tally(changes=[] if keeps_changes else None)
        self.clear()

    def clear(self) -> None:
        """Start the next commit."""
        # An image together with its row: an interruption never parts the two.
        self._taken: list[tuple[NewImage, NDArray[np.float32] | None]] = []
        self.renamed: list[Rename] = []
        self.touched: list[Touch] = []
        self.skipped: list[Skipped] = []
        self.described: dict[int, Mapping[str, Any]] = {}
        self._opened = time.monotonic()
        self._files = 0

    @property
    def is_empty(self) -> bool:
        """Whether no file came since the last commit."""
        return not self._files

    @property
    def is_due(self) -> bool:
        """Whether the commit should not wait any longer."""
        return self._files >= COMMIT_FILES or time.monotonic() - self._opened > COMMIT_S

    def images(self, dim: int) -> tuple[list[NewImage], NDArray[np.float32]]:
        """Return the new images, and the rows ``(m, dim)`` that they name."""
        images: list[NewImage] = []
        rows: list[NDArray[np.float32]] = []
        for image, row in self._taken:
            images.append(image if row is None else replace(image, embedding_row=len(rows)))
            if row is not None:
                rows.append(row)
        return images, np.stack(rows) if rows else np.empty((0, dim), dtype=np.float32)

    def take(self, item: Loaded, known: KnownImage | None) -> None:
        """Decide what one file means for the gallery."""
        self._files += 1
        if item.facts is not None and item.embedding is None and item.failure is None:
            # A copy of a picture that the encoder could do nothing with, perhaps.
            item.failure = self._failures.get(item.content_hash)
        if item.failure is not None:
            self._skip(item, known, item.failure)
        elif item.is_removed:
            self._keep_out(item, known)
        elif item.facts is not None:
            self._add(item, known)
        elif item.moved_from is not None:
            self.tally.renamed += 1
            self._note("renamed", item.ref.path, image_id=item.moved_from.image_id)
            self.renamed.append(
                Rename(
                    item.moved_from.image_id,
                    item.ref.path,
                    item.ref.size_bytes,
                    item.ref.mtime_ns,
                )
            )
            self._describe(item.moved_from.image_id, item.ref.path)
        elif known is not None:
            self.tally.touched += 1
            self.touched.append(Touch(known.image_id, item.ref.size_bytes, item.ref.mtime_ns))
            self._describe(known.image_id, item.ref.path)

    def _note(
        self, what: str, path: str, *, image_id: int | None = None, is_copy: bool = False
    ) -> None:
        if self.tally.changes is not None:
            self.tally.changes.append(Noted(what, path, image_id, is_copy))

    def _describe(self, image_id: int, path: str) -> None:
        """Note what the metadata file says of an image whose content is known."""
        row = self.metadata.row_for(path)
        if row is not None:
            self.tally.described += 1
            self.described[image_id] = row

    def _skip(self, item: Loaded, known: KnownImage | None, reason: str) -> None:
        ref = item.ref
        logger.info("skipped %r: %s", ref.path, reason)
        if item.is_out_of_reach:
            self.tally.out_of_reach.append((ref.path, reason))
            return
        self._failures[item.content_hash] = reason
        skipped = self._skipped(item, reason)
        if known is None:
            self.skipped.append(skipped)
        elif self._spares(ref):
            logger.info("kept %r for now: it may be half written", ref.path)
        else:
            self.tally.lost.append((known.image_id, skipped))

    def _keep_out(self, item: Loaded, known: KnownImage | None) -> None:
        """Note a file that was removed by hand; the image it was moved over is lost."""
        skipped = replace(self._skipped(item, REMOVED_BY_HAND), content_hash=item.content_hash)
        if known is None:
            self.skipped.append(skipped)
        else:
            self.tally.lost.append((known.image_id, skipped))

    def _skipped(self, item: Loaded, reason: str) -> Skipped:
        ref = item.ref
        return Skipped(self._source_id, ref.path, ref.size_bytes, ref.mtime_ns, reason)

    def _add(self, item: Loaded, known: KnownImage | None) -> None:
        metadata = self.metadata.row_for(item.ref.path)
        self._taken.append((new_image(item, self._source_id, metadata), item.embedding))
        what = "added" if known is None else "changed"
        self._note(what, item.ref.path, is_copy=not item.was_encoded)
        self.tally.added += known is None
        self.tally.changed += known is not None
        self.tally.described += metadata is not None
        self.tally.embedded += item.was_encoded
        self.tally.copies += not item.was_encoded


def new_image(item: Loaded, source_id: int, metadata: Mapping[str, Any] | None) -> NewImage:
    """Join what is known of a file; which row is its embedding is said at the commit."""
    facts, ref = item.facts, item.ref
    if facts is None:
        raise ValueError(f"{ref.path} has not been decoded")
    return NewImage(
        source_id=source_id,
        path=ref.path,
        content_hash=item.content_hash,
        size_bytes=ref.size_bytes,
        mtime_ns=ref.mtime_ns,
        width=facts.width,
        height=facts.height,
        format=facts.format,
        taken=facts.taken,
        camera=facts.camera,
        latitude=facts.latitude,
        longitude=facts.longitude,
        metadata=metadata,
        embedding_row=None,
    )
