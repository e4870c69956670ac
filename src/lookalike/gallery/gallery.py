"""The gallery for readers: any number of threads and processes, while one writer writes."""

from __future__ import annotations

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryNotFound, GalleryUnreadable
from lookalike.gallery.catalog import (
    IMAGE_COLUMNS,
    Settings,
    from_stored_path,
    read_generation,
    read_settings,
    read_shard,
    to_image,
    to_stored_path,
)
from lookalike.gallery.checking import verify_gallery
from lookalike.gallery.connections import ReadPool
from lookalike.gallery.creating import create_folder
from lookalike.gallery.describing import count_of, describe_gallery
from lookalike.gallery.embedded import no_such_image, places_of, rows_at
from lookalike.gallery.files import KnownFiles, known_files
from lookalike.gallery.finding import absolute_folder, is_gallery
from lookalike.gallery.groups import Groups, read_groups
from lookalike.gallery.locations import base_folder, paths_inside
from lookalike.gallery.paging import draw_images, read_images, read_page
from lookalike.gallery.records import (
    GalleryInfo,
    ImageRecord,
    Skipped,
    SourceRecord,
    VerifyReport,
)
from lookalike.gallery.segments import BlockCache, Segment, read_segments
from lookalike.gallery.skipping import read_skipped
from lookalike.gallery.snapshots import Block, Snapshot, dead_rows, images_sharing, require_current
from lookalike.gallery.sources import read_sources
from lookalike.gallery.where import (
    Compiled,
    Condition,
    Selection,
    column_names,
    compile_condition,
    metadata_keys,
    select,
)
from lookalike.gallery.where.columns import CatalogColumn, MetadataColumn
from lookalike.gallery.writing import GalleryWriter
from lookalike.vectors import EmbeddingSpace, require_same_space

__all__ = ["Gallery"]

T = TypeVar("T")


class Gallery:
    """A searchable image collection on disk.

    Made by ``create``, ``open`` or ``open_or_create``. Safe to read from many
    threads. It never changes anything itself: that is the ``writer``'s part.
    """

    def __init__(self, folder: Path, settings: Settings, pool: ReadPool) -> None:
        """Use ``Gallery.open``."""
        self._folder = folder
        self._settings = settings
        self._pool = pool
        self._blocks = BlockCache(folder)
        self._sources: tuple[int, dict[int, SourceRecord]] = (-1, {})
        self._keys: tuple[int, frozenset[str]] = (-1, frozenset())
        self._finalizer = weakref.finalize(self, pool.close)

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], space: EmbeddingSpace, *, dtype: str = "float16"
    ) -> Gallery:
        """Make an empty gallery in a new or empty folder.

        Args:
            path: The folder.
            space: What its embeddings will be comparable with.
            dtype: How they are stored: ``"float16"`` halves the disk at a
                cost of about 0.0005 per value, ``"float32"`` keeps all bits.

        Raises:
            GalleryError: There is one already, or the folder holds other files.
            GalleryReadOnly, StorageFull: The folder cannot be written.
            UsageError: The dtype is unknown.
        """
        folder = absolute_folder(path)
        create_folder(folder, space, dtype=dtype, exist_ok=False)
        return cls.open(folder)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Gallery:
        """Open a gallery, also on read-only media.

        Raises:
            GalleryNotFound: There is none.
            GalleryTooNew: A newer Lookalike wrote it.
            GalleryUnreadable: It is damaged, or no gallery.
        """
        folder = absolute_folder(path)
        if not is_gallery(folder):
            raise GalleryNotFound(
                f"There is no gallery at {folder}: make one with "
                f"'lookalike index FOLDER', or name another with --gallery."
            )
        pool = ReadPool(folder)
        try:
            with pool.transaction() as connection:
                return cls(folder, read_settings(connection, folder), pool)
        except BaseException:
            pool.close()
            raise

    @classmethod
    def open_or_create(
        cls, path: str | os.PathLike[str], space: EmbeddingSpace, *, dtype: str = "float16"
    ) -> Gallery:
        """Open the gallery at a path, or make it; an existing one keeps its dtype.

        Raises:
            SpaceMismatch: The existing gallery holds embeddings of another space.
            GalleryError: As ``open`` and ``create``.
        """
        folder = absolute_folder(path)
        if not is_gallery(folder):
            create_folder(folder, space, dtype=dtype, exist_ok=True)
        gallery = cls.open(folder)
        try:
            require_same_space(space, gallery.space, owner=f"The gallery {folder}")
        except BaseException:
            gallery.close()
            raise
        return gallery

    def close(self) -> None:
        """Close files and connections. Snapshots stay usable."""
        self._blocks.clear()
        self._finalizer()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Gallery({str(self._folder)!r})"

    @property
    def path(self) -> Path:
        """Its folder, absolute."""
        return self._folder

    @property
    def space(self) -> EmbeddingSpace:
        """What its embeddings are comparable with."""
        return self._settings.space

    @property
    def dtype(self) -> str:
        """How embeddings are stored: ``"float16"`` or ``"float32"``."""
        return self._settings.dtype

    @property
    def shard(self) -> str | None:
        """Which shard of a larger job it holds, as in ``"3/10"``; None for whole sources."""
        with self._pool.transaction() as connection:
            return read_shard(connection)

    @property
    def is_replaced(self) -> bool:
        """Whether another catalog was seen in its place: another gallery's, or a copy of it."""
        return self._pool.is_replaced

    @property
    def generation(self) -> int:
        """How many changes were committed so far, read afresh."""
        with self._pool.transaction() as connection:
            return read_generation(connection)

    def __len__(self) -> int:
        with self._pool.transaction() as connection:
            return count_of(connection, "images")

    def writer(self) -> GalleryWriter:
        """Become the one writer, as a context manager.

        Raises:
            GalleryLocked: Another writer is at work.
            GalleryReadOnly, StorageFull: The folder cannot be written.
            GalleryUnreadable: Another gallery has taken its place.
        """
        return GalleryWriter(self._folder, self._settings, self._pool)

    def snapshot(self) -> Snapshot:
        """Map the embeddings of the present generation.

        Raises:
            GalleryUnreadable: A segment is missing or damaged.
        """

        def read(
            connection: sqlite3.Connection,
        ) -> tuple[tuple[Segment, ...], tuple[int, NDArray[np.int64]]]:
            segments = read_segments(connection)
            return segments, (read_generation(connection), dead_rows(connection, segments))

        segments, blocks, (generation, dead) = self._mapped(read)
        ids = tuple(segment.segment_id for segment in segments)
        return Snapshot(generation, blocks, dead, ids)

    def images_at(self, snapshot: Snapshot, rows: Sequence[int]) -> list[list[ImageRecord]]:
        """Read the images behind global rows.

        Returns:
            One list per row, in the order of ``rows``: the images that share
            it, by image_id; empty for a row whose images went away.

        Raises:
            StaleSnapshot: The gallery was compacted since the snapshot was taken.
        """
        with self._pool.transaction() as connection:
            return images_sharing(connection, snapshot, rows)

    def image(self, image_id: int) -> ImageRecord:
        """Read one image.

        Raises:
            ImageNotInGallery: There is none of that id.
        """
        query = f"SELECT {IMAGE_COLUMNS} FROM images WHERE image_id = ?"
        with self._pool.transaction() as connection:
            found = connection.execute(query, (int(image_id),)).fetchone()
        if found is None:
            raise no_such_image(image_id, gallery=self._folder)
        return to_image(found)

    def image_at_path(self, path: str) -> ImageRecord | None:
        """Find the image at an absolute path: the first, where several sources name it."""
        return next(iter(self.images_at_path(path)), None)

    def images_at_path(self, path: str) -> list[ImageRecord]:
        """Find the images at an absolute path: one for each source that names the file."""
        query = f"SELECT {IMAGE_COLUMNS} FROM images WHERE source_id = ? AND path = ?"
        whole = os.path.abspath(path)
        images = []
        with self._pool.transaction() as connection:
            for source in self._known_sources(connection).values():
                for name in paths_inside(whole, source):
                    key = (source.source_id, to_stored_path(name))
                    found = connection.execute(query, key).fetchone()
                    if found is not None:
                        images.append(to_image(found))
        return images

    def columns(self) -> tuple[str, ...]:
        """Name what a filter can ask for: columns of the catalog, then metadata."""
        with self._pool.transaction() as connection:
            return column_names(self._known_keys(connection))

    def select(self, snapshot: Snapshot, condition: Condition) -> Selection:
        """Find the images that match a filter, and their rows in a snapshot.

        Args:
            snapshot: Its rows are meant; images younger than it have none there.
            condition: What ``parse_where`` read.

        Raises:
            UsageError: The filter names a column that is not there, or compares
                one with what it cannot hold.
            StaleSnapshot: The gallery was compacted since the snapshot was taken.
        """
        with self._pool.transaction() as connection:
            return select(connection, snapshot, self._compiled(connection, condition))

    def require_columns(self, condition: Condition) -> None:
        """Find out whether a filter can be asked, without asking it.

        Raises:
            UsageError: As ``select``.
        """
        with self._pool.transaction() as connection:
            self._compiled(connection, condition)

    def rows_where(self, snapshot: Snapshot, condition: Condition) -> NDArray[np.int64]:
        """Find the global rows that show an image which matches, as ``select`` does."""
        return self.select(snapshot, condition).rows

    def groups(self, snapshot: Snapshot, column: CatalogColumn | MetadataColumn) -> Groups:
        """Number the values of a column over all images, as ``read_groups`` does."""
        with self._pool.transaction() as connection:
            folders = self._known_folders(connection)
            return read_groups(connection, snapshot, column, folders=folders)

    def ids_with_content(self, content_hash: str) -> list[int]:
        """List the images whose files have exactly these bytes."""
        query = "SELECT image_id FROM images WHERE content_hash = ? ORDER BY image_id"
        with self._pool.transaction() as connection:
            return [image_id for (image_id,) in connection.execute(query, (content_hash,))]

    def images(self, *, source_id: int | None = None) -> Iterator[ImageRecord]:
        """Stream all images, or those of one source, by image_id.

        The whole iteration sees one generation.
        """
        where = "" if source_id is None else "WHERE source_id = :source_id "
        query = f"SELECT {IMAGE_COLUMNS} FROM images {where}ORDER BY image_id"
        with self._pool.transaction() as connection:
            for row in connection.execute(query, {"source_id": source_id}):
                yield to_image(row)

    def page(
        self,
        limit: int,
        *,
        after: int | None = None,
        newest_first: bool = False,
        condition: Condition | None = None,
    ) -> list[ImageRecord]:
        """Read up to ``limit`` images by image_id, after the last one of the page before."""
        with self._pool.transaction() as connection:
            where = None if condition is None else self._compiled(connection, condition)
            return read_page(connection, limit, after=after, newest_first=newest_first, where=where)

    def sample(
        self, count: int, *, seed: int = 0, condition: Condition | None = None
    ) -> list[ImageRecord]:
        """Draw up to ``count`` images at random; equal seeds draw equally."""
        with self._pool.transaction() as connection:
            where = None if condition is None else self._compiled(connection, condition)
            return draw_images(connection, count, seed=seed, where=where)

    def images_by_id(self, image_ids: Sequence[int]) -> dict[int, ImageRecord]:
        """Read images by image_id, in the order asked for; ids that are not there are left out."""
        with self._pool.transaction() as connection:
            return read_images(connection, [int(image_id) for image_id in image_ids])

    def contents(self, source_id: int) -> Iterator[tuple[str, str]]:
        """Stream path and content hash of a source's images, sorted as their paths are stored."""
        query = "SELECT path, content_hash FROM images WHERE source_id = ? ORDER BY path"
        with self._pool.transaction() as connection:
            for path, content_hash in connection.execute(query, (source_id,)):
                yield from_stored_path(path), content_hash

    def rows_by_path(self, snapshot: Snapshot, source_id: int) -> Iterator[tuple[str | bytes, int]]:
        """Stream path, as it is stored, and global row of a source's images, sorted by path.

        Images younger than the snapshot are left out.

        Raises:
            StaleSnapshot: The gallery was compacted since the snapshot was taken.
        """
        query = "SELECT path, segment_id, row FROM images WHERE source_id = ? ORDER BY path"
        with self._pool.transaction() as connection:
            require_current(connection, snapshot)
            starts = snapshot.starts
            for path, segment_id, row in connection.execute(query, (source_id,)):
                if segment_id in starts:
                    yield path, starts[segment_id] + row

    def known_files(self, source_id: int, paths: Iterable[str]) -> KnownFiles:
        """Look up some files of a source, and all that lie below them where they are folders."""
        with self._pool.transaction() as connection:
            return known_files(connection, source_id, paths)

    def skipped(self, source_id: int) -> Iterator[Skipped]:
        """Stream the files of a source that could not be used."""
        with self._pool.transaction() as connection:
            yield from read_skipped(connection, source_id)

    def embedding(self, image_id: int) -> NDArray[np.float32]:
        """Read one embedding as it is stored, float32 ``(dim,)``.

        Raises:
            ImageNotInGallery: There is none of that id.
        """
        row: NDArray[np.float32] = self.embeddings([image_id])[0]
        return row

    def embeddings(self, image_ids: Sequence[int]) -> NDArray[np.float32]:
        """Read embeddings as they are stored, float32 ``(n, dim)``.

        Raises:
            ImageNotInGallery: There is none of one of these ids.
        """
        segments, blocks, places = self._mapped(
            lambda connection: (
                read_segments(connection),
                places_of(connection, image_ids, gallery=self._folder),
            )
        )
        by_id = {segment.segment_id: block for segment, block in zip(segments, blocks, strict=True)}
        return rows_at(image_ids, places, by_id, dim=self.space.dim, gallery=self._folder)

    def sources(self) -> tuple[SourceRecord, ...]:
        """List the places that pictures come from, by source_id."""
        with self._pool.transaction() as connection:
            return read_sources(connection, self._folder)

    def absolute_path(self, record: ImageRecord) -> str:
        """Say where an image's file is now, as ``absolute_paths`` does."""
        return self.absolute_paths([record])[0]

    def absolute_paths(self, records: Sequence[ImageRecord]) -> list[str]:
        """Say where images' files are now.

        Raises:
            ImageNotInGallery: The source of one is no longer part of the gallery.
        """
        with self._pool.transaction() as connection:
            folders = self._known_folders(connection)
        for record in records:
            if record.source_id not in folders:
                raise no_such_image(record.image_id, gallery=self._folder)
        return [
            os.path.join(folders[record.source_id], record.path.replace("/", os.sep))
            for record in records
        ]

    def info(self) -> GalleryInfo:
        """Describe the gallery in numbers."""
        with self._pool.transaction() as connection:
            return describe_gallery(connection, self._folder, self._settings)

    def verify(self) -> VerifyReport:
        """Check every invariant: catalog, checksums, values, and what names what."""
        return verify_gallery(self._folder, self._pool, self._settings)

    def _compiled(self, connection: sqlite3.Connection, condition: Condition) -> Compiled:
        """Turn a filter into SQL over the columns that are there."""
        return compile_condition(
            condition,
            lambda: self._known_keys(connection),
            folders=self._known_folders(connection),
        )

    def _known_sources(self, connection: sqlite3.Connection) -> dict[int, SourceRecord]:
        """Read the sources once per generation: results ask for them hit by hit."""
        generation = read_generation(connection)
        if self._sources[0] != generation:
            found = read_sources(connection, self._folder)
            self._sources = (generation, {source.source_id: source for source in found})
        return self._sources[1]

    def _known_folders(self, connection: sqlite3.Connection) -> dict[int, str]:
        """List the folder of each source, as paths in it begin."""
        return {
            source.source_id: os.path.join(base_folder(source), "")
            for source in self._known_sources(connection).values()
        }

    def _known_keys(self, connection: sqlite3.Connection) -> frozenset[str]:
        """Read the names of all metadata once per generation."""
        generation = read_generation(connection)
        known = self._keys
        if known[0] != generation:
            self._keys = known = (generation, metadata_keys(connection))
        return known[1]

    def _mapped(
        self, read: Callable[[sqlite3.Connection], tuple[tuple[Segment, ...], T]]
    ) -> tuple[tuple[Segment, ...], tuple[Block, ...], T]:
        """Read from the catalog and map the segments it names.

        Between the two a compaction may delete files: the catalog then has a
        newer generation, and is read again.
        """
        missed = -1
        while True:
            with self._pool.transaction() as connection:
                generation = read_generation(connection)
                segments, found = read(connection)
            try:
                return segments, self._blocks.blocks(segments), found
            except FileNotFoundError as error:
                if generation == missed:
                    raise GalleryUnreadable(
                        f"The gallery {self._folder} misses the file {error.filename}: "
                        f"see what else is damaged with 'lookalike verify'."
                    ) from error
                missed = generation
