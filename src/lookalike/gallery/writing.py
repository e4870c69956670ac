"""The one writer of a gallery: every change is committed whole or not at all."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from lookalike.errors import GalleryError
from lookalike.gallery import compacting, failures
from lookalike.gallery.catalog import (
    Settings,
    from_stored_path,
    now_utc,
    read_generation,
    read_shard,
    to_stored_path,
)
from lookalike.gallery.committing import Change, apply_change, bury, checked_rows, insert_segment
from lookalike.gallery.connections import (
    ReadPool,
    catalog_file,
    checkpoint,
    connect_writer,
    require_in_place,
)
from lookalike.gallery.locations import source_at
from lookalike.gallery.locking import WriterLock
from lookalike.gallery.records import (
    CompactReport,
    KnownImage,
    NewImage,
    Rename,
    Skipped,
    SourceRecord,
    Touch,
)
from lookalike.gallery.segments import (
    SEGMENTS,
    Rows,
    Segment,
    new_name,
    read_segments,
    remove_files,
    sweep,
    write_segment,
)
from lookalike.gallery.skipping import read_skipped
from lookalike.gallery.sources import insert_source, move_source, read_sources, require_source

__all__ = ["GalleryWriter"]

logger = logging.getLogger(__name__)

MOST_SEGMENTS = 64
MOST_DEAD = 0.3
# A segment of fewer rows is what a small update left.
SMALL_ROWS = 1024


class GalleryWriter:
    """Changes a gallery; made by ``Gallery.writer``, closed as a context manager.

    Readers go on meanwhile and see each commit whole. May be used from several
    threads; calls follow one another.
    """

    def __init__(self, folder: Path, settings: Settings, readers: ReadPool) -> None:
        """Use ``Gallery.writer``."""
        self._folder = folder
        self._space = settings.space
        self._dtype = settings.dtype
        self._one_at_a_time = threading.RLock()
        self._is_closed = False
        with failures.writing(folder):
            failures.require_writable(folder)
            self._lock = WriterLock(folder)
            try:
                # Tools that move folders may drop an empty one.
                (folder / SEGMENTS).mkdir(exist_ok=True)
                failures.require_writable(folder / SEGMENTS)
                self._file = catalog_file(folder)
                self._connection = connect_writer(folder)
            except BaseException:
                self._lock.release()
                raise
        try:
            readers.require_same()  # before a file of another gallery is swept
            self._sweep()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Fold the log into the catalog and let the next writer in."""
        with self._one_at_a_time:
            if self._is_closed:
                return
            self._is_closed = True
            # Whatever interrupts this, the next writer has to get in.
            try:
                checkpoint(self._connection)
            finally:
                try:
                    self._connection.close()
                finally:
                    self._lock.release()

    def __enter__(self) -> GalleryWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add_source(self, kind: str, location: str) -> SourceRecord:
        """Add a place that pictures come from; one that is there already stays as it is.

        Args:
            kind: ``"folder"``, ``"list"``, ``"glob"`` and so on.
            location: Its absolute path.

        Raises:
            GalleryError: The path is not absolute.
        """
        location = _absolute(location)
        with self._writing() as connection, self._all_or_nothing():
            found = source_at(read_sources(connection, self._folder), kind=kind, location=location)
            if found is not None:
                return found
            connection.execute("BEGIN IMMEDIATE")
            added = insert_source(connection, self._folder, kind=kind, location=location)
            self._commit()
            return added

    def move_source(self, source_id: int, location: str) -> SourceRecord:
        """Let a source be at another place, where its pictures have the names they had.

        Args:
            source_id: Which.
            location: The absolute path at which it is now.

        Raises:
            GalleryError: There is no such source, or the path is not absolute.
        """
        location = _absolute(location)
        with self._writing() as connection, self._all_or_nothing():
            require_source(connection, source_id, gallery=self._folder)
            connection.execute("BEGIN IMMEDIATE")
            moved = move_source(connection, self._folder, source_id=source_id, location=location)
            self._commit()
            return moved

    def remove_source(self, source_id: int) -> int:
        """Forget a source and its images; the files stay where they are.

        Returns:
            How many images were forgotten.

        Raises:
            GalleryError: There is no such source.
        """
        with self._writing() as connection, self._all_or_nothing():
            require_source(connection, source_id, gallery=self._folder)
            connection.execute("BEGIN IMMEDIATE")
            of_source = (source_id,)
            left = connection.execute(
                "SELECT DISTINCT segment_id, row FROM images WHERE source_id = ?", of_source
            ).fetchall()
            forgotten = connection.execute("DELETE FROM images WHERE source_id = ?", of_source)
            bury(connection, left)
            connection.execute("DELETE FROM skipped WHERE source_id = ?", of_source)
            connection.execute("DELETE FROM sources WHERE source_id = ?", of_source)
            self._commit()
            return forgotten.rowcount

    def state(self, source_id: int) -> dict[str, KnownImage]:
        """Map each path of a source to what planning an update needs to know."""
        # The plus keeps SQLite from the index by path: reading the table in its
        # own order is twice as fast.
        query = (
            "SELECT path, image_id, size_bytes, mtime_ns, content_hash "
            "FROM images WHERE +source_id = ?"
        )
        with self._writing() as connection:
            return {
                from_stored_path(path): KnownImage(*known)
                for path, *known in connection.execute(query, (source_id,))
            }

    def skipped(self, source_id: int) -> dict[str, Skipped]:
        """Map each path of a source that could not be read to why."""
        with self._writing() as connection:
            return {item.path: item for item in read_skipped(connection, source_id)}

    def known(self, source_id: int, paths: Sequence[str]) -> dict[str, KnownImage]:
        """Map those of some paths of a source that are images to what is known of them."""
        query = (
            "SELECT image_id, size_bytes, mtime_ns, content_hash FROM images "
            "WHERE source_id = ? AND path = ?"
        )
        found = {}
        with self._writing() as connection:
            for path in paths:
                row = connection.execute(query, (source_id, to_stored_path(path))).fetchone()
                if row is not None:
                    found[path] = KnownImage(*row)
        return found

    def keep_to_shard(self, shard: str) -> None:
        """Make an empty gallery one shard of a larger job, which it stays for good.

        Args:
            shard: As in ``"3/10"``.

        Raises:
            GalleryError: It is another shard, or holds whole sources.
        """
        with self._writing() as connection, self._all_or_nothing():
            stored = read_shard(connection)
            if stored == shard:
                return
            if stored is not None or connection.execute("SELECT 1 FROM sources").fetchone():
                holds = "whole sources" if stored is None else f"shard {stored}"
                raise GalleryError(
                    f"Shard {shard} was asked for, but the gallery {self._folder} holds {holds}: "
                    "name a folder of its own for each shard."
                )
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO settings (key, value) VALUES ('shard', ?)", (shard,))
            self._commit()

    def has_content(self, content_hash: str) -> bool:
        """Whether an image with this content lends its embedding to copies."""
        query = "SELECT 1 FROM images WHERE content_hash = ?"
        with self._writing() as connection:
            return connection.execute(query, (content_hash,)).fetchone() is not None

    def commit(
        self,
        *,
        images: Sequence[NewImage] = (),
        embeddings: Rows | None = None,
        renamed: Sequence[Rename] = (),
        touched: Sequence[Touch] = (),
        removed: Sequence[int] = (),
        skipped: Sequence[Skipped] = (),
        unskipped: Sequence[tuple[int, str]] = (),
        metadata: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> int:
        """Make one change, durable when this returns, or none.

        Removals come first, then renames, then additions, so that a path can
        be used again. An image at a path that is known already keeps its
        image_id. An image that is added or renamed is no longer skipped.

        Args:
            images: To add or replace.
            embeddings: Unit rows ``(m, dim)``, each named by at least one image.
            renamed: Images found at other paths.
            touched: Images whose files have other dates.
            removed: The image_ids to forget.
            skipped: Files that could not be read; not at the path of an image.
            unskipped: Pairs of source_id and path that are gone or readable.
            metadata: By image_id, replaces what was there.

        Returns:
            The new generation; the present one if there was nothing to do.

        Raises:
            GalleryError: The embeddings are no unit rows of this space, or the
                change contradicts itself or the gallery.
            ImageNotInGallery: An image_id is unknown.
            StorageFull, GalleryReadOnly: It could not be written.
        """
        change = Change(images, renamed, touched, removed, skipped, unskipped, metadata or {})
        rows = checked_rows(embeddings, images, dim=self._space.dim)
        with self._writing() as connection, self._all_or_nothing() as files:
            generation = read_generation(connection)
            if change.is_empty:
                return generation
            segment = self._written(rows, files, generation + 1)
            connection.execute("BEGIN IMMEDIATE")
            segment_id = 0 if segment is None else insert_segment(connection, segment)
            apply_change(connection, change, segment_id=segment_id, gallery=self._folder)
            return self._commit()

    @property
    def needs_compaction(self) -> bool:
        """Whether many segments (over 64) or dead rows (over 30 %) slow readers down."""
        with self._writing() as connection:
            segments = len(read_segments(connection))
        return segments > MOST_SEGMENTS or self.dead_share > MOST_DEAD

    @property
    def small_segments(self) -> int:
        """How many segments hold less than ``SMALL_ROWS`` rows."""
        with self._writing() as connection:
            return sum(segment.rows < SMALL_ROWS for segment in read_segments(connection))

    @property
    def dead_share(self) -> float:
        """Which share of all rows no image names any more."""
        with self._writing() as connection:
            dead = connection.execute("SELECT count(*) FROM tombstones").fetchone()[0]
            rows = sum(segment.rows for segment in read_segments(connection))
        return float(dead / rows) if rows else 0.0

    def compact(self, *, most_rows: int | None = None) -> CompactReport:
        """Drop dead rows and merge small segments into files of up to 512 MiB.

        Global rows change; image_ids do not. Needs free space for a second
        copy of what is rewritten.

        Args:
            most_rows: Leave segments of this many rows or more as they are, their
                dead rows too.

        Raises:
            StorageFull, GalleryReadOnly: It could not be written.
            GalleryUnreadable: A segment is damaged; nothing was changed.
        """
        row_bytes = self._space.dim * (2 if self._dtype == "float16" else 4)
        rows_per_file = max(1, compacting.LARGEST_SEGMENT_BYTES // row_bytes)
        with self._writing() as connection, self._all_or_nothing() as files:
            before = read_segments(connection)
            dead = compacting.read_dead(connection)
            chosen = [part for part in before if most_rows is None or part.rows < most_rows]
            old, targets = compacting.plan(chosen, dead, rows_per_file=rows_per_file)
            if old:
                generation = read_generation(connection) + 1
                new = compacting.write_targets(
                    self._folder, old, targets, generation=generation, files=files
                )
                connection.execute("BEGIN IMMEDIATE")
                compacting.swap(connection, old, new, targets=targets)
                self._commit()
            after = read_segments(connection)
        # Readers that still map these keep them; Windows refuses, and a later writer sweeps.
        remove_files(self._folder, [segment.file for segment in old])
        return CompactReport(
            rows_before=sum(segment.rows for segment in before),
            rows_after=sum(segment.rows for segment in after),
            segments_before=len(before),
            segments_after=len(after),
            freed_bytes=_size(before) - _size(after),
        )

    def _written(self, rows: Rows, files: list[str], generation: int) -> Segment | None:
        if not len(rows):
            return None
        files.append(new_name(generation))
        return write_segment(
            self._folder,
            files[0],
            blocks=[rows],
            rows=len(rows),
            dim=self._space.dim,
            dtype=self._dtype,
        )

    def _commit(self) -> int:
        """End the transaction; this is the moment a change becomes true."""
        generation = read_generation(self._connection) + 1
        self._connection.executemany(
            "UPDATE settings SET value = ? WHERE key = ?",
            [(generation, "generation"), (now_utc(), "updated")],
        )
        require_in_place(self._folder, self._file)
        self._connection.execute("COMMIT")
        return generation

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._one_at_a_time, failures.writing(self._folder):
            if self._is_closed:
                raise GalleryError(
                    f"The writer of the gallery {self._folder} is closed: open a new one."
                )
            yield self._connection

    @contextmanager
    def _all_or_nothing(self) -> Iterator[list[str]]:
        """Undo a change that fails: its transaction, and the files put in the list."""
        files: list[str] = []
        try:
            yield files
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
                # A Ctrl-C may arrive just after the commit: then the files are named.
                named = {segment.file for segment in read_segments(self._connection)}
                remove_files(self._folder, [name for name in files if name not in named])
            raise

    def _sweep(self) -> None:
        with self._writing() as connection:
            named = {segment.file for segment in read_segments(connection)}
            removed = sweep(self._folder, named)
        if removed:
            logger.info("Removed %d files left by a writer that was killed.", len(removed))


def _size(segments: Sequence[Segment]) -> int:
    return sum(segment.size_bytes for segment in segments)


def _absolute(location: str) -> str:
    """Refuse a source's location that is not absolute; write it in its plainest form."""
    if not os.path.isabs(location):
        raise GalleryError(
            f"A source needs an absolute location, not {location!r}: use os.path.abspath."
        )
    return os.path.normpath(location)
