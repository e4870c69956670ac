"""One change of the catalog, statement by statement, inside the writer's transaction.

The order lets paths be reused: removals, then renames, then additions. Rows
that lost an image on the way become tombstones at the end, if nobody else
names them by then.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import GalleryError, ImageNotInGallery
from lookalike.gallery.catalog import fitting_integer, json_text, now_utc, to_stored_path
from lookalike.gallery.records import NewImage, Rename, Skipped, Touch
from lookalike.gallery.segments import Rows, Segment
from lookalike.gallery.skipping import insert_skipped
from lookalike.gallery.sources import require_source

__all__ = ["Change", "apply_change", "bury", "checked_rows", "insert_segment"]

Place = tuple[int, int]  # segment_id, row

# Encoders give float32 rows; whitened or averaged ones may be off by a little.
UNIT_TOLERANCE = 1e-2


@dataclass(frozen=True, slots=True)
class Change:
    """All that one commit does; see ``GalleryWriter.commit``."""

    images: Sequence[NewImage] = ()
    renamed: Sequence[Rename] = ()
    touched: Sequence[Touch] = ()
    removed: Sequence[int] = ()
    skipped: Sequence[Skipped] = ()
    unskipped: Sequence[tuple[int, str]] = ()
    metadata: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether it would change nothing."""
        return not any(
            len(part)
            for part in (
                self.images,
                self.renamed,
                self.touched,
                self.removed,
                self.skipped,
                self.unskipped,
                self.metadata,
            )
        )


def checked_rows(embeddings: Rows | None, images: Sequence[NewImage], *, dim: int) -> Rows:
    """Check that embeddings are unit rows and that each belongs to an image.

    Returns:
        Float ``(m, dim)``; m is 0 where nothing was given.

    Raises:
        GalleryError: Shape, values or the images' row numbers do not fit.
    """
    rows = np.empty((0, dim), dtype=np.float32) if embeddings is None else np.asarray(embeddings)
    if rows.ndim != 2 or rows.shape[1] != dim or not np.issubdtype(rows.dtype, np.floating):
        raise GalleryError(
            f"Embeddings for this gallery need shape (m, {dim}) and a float type; "
            f"these have {rows.shape} and {rows.dtype}."
        )
    lengths = np.linalg.norm(rows.astype(np.float32, copy=False), axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT_TOLERANCE))  # NaN is wrong as well
    if wrong.size:
        raise GalleryError(
            f"Embeddings must be finite and of unit length, but row {wrong[0]} has length "
            f"{lengths[wrong[0]]:g}: divide it by its length first."
        )
    _require_owners(images, len(rows))
    return rows


def _require_owners(images: Sequence[NewImage], rows: int) -> None:
    named = {image.embedding_row for image in images} - {None}
    if named != set(range(rows)):
        odd = sorted(named ^ set(range(rows)), key=repr)[0]
        raise GalleryError(
            f"{rows} embeddings were given, but embedding row {odd} is "
            f"{'named by no image' if odd in range(rows) else 'not among them'}: "
            f"give each row to at least one image."
        )


def insert_segment(connection: sqlite3.Connection, segment: Segment) -> int:
    """Name a segment that is whole on the disk; returns its segment_id."""
    cursor = connection.execute(
        "INSERT INTO segments (file, rows, dim, dtype, checksum, size_bytes) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            segment.file,
            segment.rows,
            segment.dim,
            segment.dtype,
            segment.checksum,
            segment.size_bytes,
        ),
    )
    return int(cursor.lastrowid or 0)


def apply_change(
    connection: sqlite3.Connection, change: Change, *, segment_id: int, gallery: Path
) -> None:
    """Apply a change.

    Args:
        connection: In a transaction.
        change: What to do.
        segment_id: Where this commit's embeddings are; 0 if it has none.
        gallery: Its folder, for messages.

    Raises:
        GalleryError: The change contradicts itself or the catalog.
        ImageNotInGallery: It names an image that is not there.
    """
    _Application(connection, change, segment_id, gallery).run()


class _Application:
    """A change on its way into the catalog."""

    def __init__(
        self, connection: sqlite3.Connection, change: Change, segment_id: int, gallery: Path
    ) -> None:
        self._sql = connection
        self._change = change
        self._segment_id = segment_id
        self._gallery = gallery
        self._now = now_utc()
        self._left: dict[Place, None] = {}
        self._left_by_content: dict[str, Place] = {}
        self._batch = {
            image.content_hash: image.embedding_row
            for image in change.images
            if image.embedding_row is not None
        }

    def run(self) -> None:
        self._require_sources()
        self._remove()
        self._rename()
        self._touch()
        for image in self._change.images:
            self._put(image)
        self._replace_metadata()
        self._skip()
        bury(self._sql, self._left)

    def _require_sources(self) -> None:
        parts: tuple[Iterable[NewImage | Skipped], ...] = (
            self._change.images,
            self._change.skipped,
        )
        for source_id in sorted({item.source_id for part in parts for item in part}):
            require_source(self._sql, source_id, gallery=self._gallery)

    def _remove(self) -> None:
        query = "SELECT content_hash, segment_id, row FROM images WHERE image_id = ?"
        for image_id in self._change.removed:
            self._leave(*self._found(query, image_id))
            self._sql.execute("DELETE FROM images WHERE image_id = ?", (image_id,))

    def _rename(self) -> None:
        """Move in two steps, so that two images may swap their paths."""
        for rename in self._change.renamed:
            # No file name holds a zero byte.
            parking = b"\0%d" % rename.image_id
            query = "UPDATE images SET path = ? WHERE image_id = ?"
            self._update(query, (parking, rename.image_id), rename.image_id)
        for rename in self._change.renamed:
            values = (
                to_stored_path(rename.path),
                rename.size_bytes,
                fitting_integer(rename.mtime_ns),
                rename.image_id,
            )
            query = "UPDATE images SET path = ?, size_bytes = ?, mtime_ns = ? WHERE image_id = ?"
            try:
                self._update(query, values, rename.image_id)
            except sqlite3.IntegrityError as error:
                raise GalleryError(
                    f"Image {rename.image_id} cannot be renamed to {rename.path!r}: another image "
                    f"has that path; remove or rename it in the same commit."
                ) from error

    def _touch(self) -> None:
        query = "UPDATE images SET size_bytes = ?, mtime_ns = ? WHERE image_id = ?"
        for touch in self._change.touched:
            values = (touch.size_bytes, fitting_integer(touch.mtime_ns), touch.image_id)
            self._update(query, values, touch.image_id)

    def _replace_metadata(self) -> None:
        for image_id, metadata in self._change.metadata.items():
            values = (json_text(metadata), image_id)
            self._update("UPDATE images SET metadata = ? WHERE image_id = ?", values, image_id)

    def _put(self, image: NewImage) -> None:
        path = to_stored_path(image.path)
        place = self._place_of(image)
        query = (
            "SELECT image_id, metadata, content_hash, segment_id, row FROM images "
            "WHERE source_id = ? AND path = ?"
        )
        existing = self._sql.execute(query, (image.source_id, path)).fetchone()
        values = self._values(image, place)
        if existing is None:
            metadata = json_text(image.metadata or {})
            self._sql.execute(INSERT_IMAGE, (*values, metadata, image.source_id, path))
            return
        image_id, kept, *old = existing
        metadata = kept if image.metadata is None else json_text(image.metadata)
        self._sql.execute(UPDATE_IMAGE, (*values, metadata, image_id))
        self._leave(*old)

    def _values(self, image: NewImage, place: Place) -> tuple[Any, ...]:
        return (
            image.content_hash,
            image.size_bytes,
            fitting_integer(image.mtime_ns),
            image.width,
            image.height,
            image.format,
            image.indexed_at or self._now,
            _storable(image.taken),
            _storable(image.camera),
            image.latitude,
            image.longitude,
            *place,
        )

    def _place_of(self, image: NewImage) -> Place:
        if image.embedding_row is not None:
            return self._segment_id, image.embedding_row
        if image.content_hash in self._batch:
            return self._segment_id, self._batch[image.content_hash]
        query = "SELECT segment_id, row FROM images WHERE content_hash = ? ORDER BY image_id"
        found = self._sql.execute(query, (image.content_hash,)).fetchone()
        # A picture removed in this very commit still lends its row: it has moved.
        place: Place | None = found or self._left_by_content.get(image.content_hash)
        if place is None:
            raise GalleryError(
                f"{image.path!r} comes without an embedding, but no image of the gallery has the "
                f"same content {image.content_hash[:12]!r}: embed it, and give its embedding_row."
            )
        return place

    def _skip(self) -> None:
        """Note what cannot be read; a path is an image or skipped, never both."""
        change = self._change
        cleared = [(source_id, to_stored_path(path)) for source_id, path in change.unskipped]
        cleared += [(image.source_id, to_stored_path(image.path)) for image in change.images]
        self._sql.executemany("DELETE FROM skipped WHERE source_id = ? AND path = ?", cleared)
        self._sql.executemany(
            "DELETE FROM skipped WHERE (source_id, path) IN "
            "(SELECT source_id, path FROM images WHERE image_id = ?)",
            [(rename.image_id,) for rename in change.renamed],
        )
        query = "SELECT image_id FROM images WHERE source_id = ? AND path = ?"
        for item in change.skipped:
            path = to_stored_path(item.path)
            taken = self._sql.execute(query, (item.source_id, path)).fetchone()
            if taken is not None:
                raise GalleryError(
                    f"{item.path!r} cannot be noted as skipped while it is image {taken[0]}: "
                    f"remove that image in the same commit."
                )
            values = (item.source_id, path, item.size_bytes, fitting_integer(item.mtime_ns))
            insert_skipped(
                self._sql,
                (*values, _storable(item.reason), self._now),
                content_hash=item.content_hash,
            )

    def _leave(self, content_hash: str, segment_id: int, row: int) -> None:
        self._left[segment_id, row] = None
        self._left_by_content[content_hash] = (segment_id, row)

    def _found(self, query: str, image_id: int) -> tuple[Any, ...]:
        found: tuple[Any, ...] | None = self._sql.execute(query, (image_id,)).fetchone()
        if found is None:
            raise self._no_such_image(image_id)
        return found

    def _update(self, query: str, values: tuple[Any, ...], image_id: int) -> None:
        if self._sql.execute(query, values).rowcount != 1:
            raise self._no_such_image(image_id)

    def _no_such_image(self, image_id: int) -> ImageNotInGallery:
        return ImageNotInGallery(
            f"The gallery {self._gallery} has no image {image_id} to change: nothing was changed."
        )


def bury(connection: sqlite3.Connection, places: Iterable[Place]) -> None:
    """Make tombstones of those rows that no image names any more."""
    connection.executemany(
        "INSERT INTO tombstones (segment_id, row) SELECT ?, ? WHERE NOT EXISTS "
        "(SELECT 1 FROM images WHERE segment_id = ? AND row = ?)",
        [(*place, *place) for place in places],
    )


def _storable(text: str | None) -> str | None:
    """Replace what is not UTF-8 in a text for people: half a surrogate pair."""
    return None if text is None else text.encode("utf-8", "replace").decode()


INSERT_IMAGE = (
    "INSERT INTO images (content_hash, size_bytes, mtime_ns, width, height, format, indexed_at, "
    "taken, camera, latitude, longitude, segment_id, row, metadata, source_id, path) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE_IMAGE = (
    "UPDATE images SET content_hash = ?, size_bytes = ?, mtime_ns = ?, width = ?, height = ?, "
    "format = ?, indexed_at = ?, taken = ?, camera = ?, latitude = ?, longitude = ?, "
    "segment_id = ?, row = ?, metadata = ? WHERE image_id = ?"
)
