"""What the next commit will write."""

from __future__ import annotations

import logging
import time

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import KnownImage, NewImage, Rename, Skipped, Touch
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.pipeline import Loaded

__all__ = ["Batch"]

logger = logging.getLogger(__name__)

# A commit costs two fsyncs and a segment file, so it waits for this many files
# or seconds, whichever comes first: what a kill can lose.
COMMIT_FILES = 512
COMMIT_SECONDS = 5.0


class Batch:
    """What the next commit will write, and the counts of the whole run."""

    def __init__(self, source_id: int, metadata: MetadataTable | None) -> None:
        self._source_id = source_id
        self._metadata = metadata
        self.added = self.changed = self.copies = self.described = 0
        self.touches = self.renames = self.lost = 0
        self.clear()

    def clear(self) -> None:
        """Start the next commit."""
        self.images: list[NewImage] = []
        self._rows: list[NDArray[np.float32]] = []
        self.renamed: list[Rename] = []
        self.touched: list[Touch] = []
        self.removed: list[int] = []
        self.skipped: list[Skipped] = []
        self._opened = time.monotonic()
        self._files = 0

    def is_empty(self) -> bool:
        """Tell whether there is nothing to commit."""
        return not self._files

    def is_due(self) -> bool:
        """Tell whether the commit should not wait any longer."""
        return self._files >= COMMIT_FILES or time.monotonic() - self._opened > COMMIT_SECONDS

    def embeddings(self, dim: int) -> NDArray[np.float32]:
        """Stack the rows of the images that were encoded: ``(m, dim)``."""
        return np.stack(self._rows) if self._rows else np.empty((0, dim), dtype=np.float32)

    def take(self, item: Loaded, known: KnownImage | None) -> None:
        """Decide what one file means for the gallery."""
        self._files += 1
        if item.failure is not None:
            self._skip(item, known)
        elif item.facts is not None:
            self._add(item, known)
        elif item.moved_from is not None:
            self.renames += 1
            self.renamed.append(
                Rename(
                    item.moved_from.image_id,
                    item.ref.path,
                    item.ref.size_bytes,
                    item.ref.mtime_ns,
                )
            )
        elif known is not None:
            self.touches += 1
            self.touched.append(Touch(known.image_id, item.ref.size_bytes, item.ref.mtime_ns))

    def _skip(self, item: Loaded, known: KnownImage | None) -> None:
        ref = item.ref
        reason = item.failure or ""
        logger.info("skipped %r: %s", ref.path, reason)
        self.skipped.append(
            Skipped(self._source_id, ref.path, ref.size_bytes, ref.mtime_ns, reason)
        )
        if known is not None:
            self.lost += 1
            self.removed.append(known.image_id)

    def _add(self, item: Loaded, known: KnownImage | None) -> None:
        facts, ref = item.facts, item.ref
        if facts is None:
            raise ValueError(f"{ref.path} has not been decoded")
        row = None
        if item.embedding is not None:
            row = len(self._rows)
            self._rows.append(item.embedding)
        else:
            self.copies += 1
        metadata = None if self._metadata is None else self._metadata.row_for(ref.path)
        self.described += metadata is not None
        self.added += known is None
        self.changed += known is not None
        self.images.append(
            NewImage(
                source_id=self._source_id,
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
                embedding_row=row,
            )
        )
