"""Bringing a gallery up to date with the places its pictures come from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from lookalike.encoders import Encoder
from lookalike.errors import NoImagesFound, SourceNotFound, UsageError
from lookalike.gallery import Gallery, GalleryWriter, KnownImage, SourceRecord
from lookalike.images import Source, open_source
from lookalike.ingest.batch import Batch
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.pipeline import Pipeline
from lookalike.ingest.planning import Moves, Plan, make_plan
from lookalike.ingest.report import IndexReport, SkippedFile
from lookalike.ingest.timing import Progress
from lookalike.vectors import require_same_space

__all__ = ["add_images", "update_images"]

logger = logging.getLogger(__name__)

FOLDER_UNREADABLE = "The folder cannot be read; what the gallery knows of it was kept."

ProgressListener = Callable[[Progress], None]


def add_images(
    gallery: Gallery,
    location: str | os.PathLike[str],
    encoder: Encoder,
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
) -> IndexReport:
    """Bring a gallery up to date with one source, and remember the source.

    Embeds what is new or changed, follows renames by content, forgets what is
    gone. Every commit is safe on disk; an interrupted run goes on where it was.

    Args:
        gallery: Where to.
        location: A folder, a glob pattern, a picture, or a list of files
            (``@FILE``, or a ``.txt`` file).
        encoder: Has to be of the gallery's space.
        metadata: Columns to keep with the pictures.
        on_progress: Called on this thread after every few files.
        decode_threads: Files read and decoded at a time.

    Raises:
        SpaceMismatch: The gallery was made with another encoder.
        SourceNotFound: The source is not there; nothing is forgotten.
        NoImagesFound: It holds no readable picture; nothing is forgotten.
        GalleryLocked: Another process is writing.
        StorageFull: Everything committed so far is kept.
    """
    require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
    source = open_source(location)
    with gallery.writer() as writer:
        known = {record.source_id for record in gallery.sources()}
        refuse_overlap(gallery, source)
        record = writer.add_source(source.kind, source.location)
        update = SourceUpdate(gallery, writer, record, encoder, metadata, on_progress)
        try:
            update.look()
            return update.run(decode_threads)
        except (NoImagesFound, SourceNotFound):
            if record.source_id not in known:
                writer.remove_source(record.source_id)
            raise


def update_images(
    gallery: Gallery,
    encoder: Encoder,
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
) -> IndexReport:
    """Bring a gallery up to date with all its sources.

    All of them are looked at before the first is touched: an unplugged drive
    stops the run with everything as it was.

    Raises:
        NoImagesFound: The gallery has no source yet.
    """
    require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
    with gallery.writer() as writer:
        records = gallery.sources()
        if not records:
            raise NoImagesFound(
                f"The gallery {gallery.path} has no source yet: "
                "name a folder, lookalike index FOLDER."
            )
        updates = [
            SourceUpdate(gallery, writer, record, encoder, metadata, on_progress)
            for record in records
        ]
        for update in updates:
            update.look()
        report = IndexReport()
        for update in updates:
            report += update.run(decode_threads)
        return report


def refuse_overlap(gallery: Gallery, source: Source) -> None:
    """Refuse a folder inside another source's folder: its pictures would be there twice."""
    if source.kind != "folder":
        return
    for record in gallery.sources():
        if record.kind != "folder" or record.location == source.location:
            continue
        shorter, longer = sorted([record.location, source.location], key=len)
        if longer.startswith(shorter.rstrip(os.sep) + os.sep):
            raise UsageError(
                f"{source.location} and {record.location}, a source of this gallery already, lie "
                "inside each other: run lookalike index without a folder to bring all up to date."
            )


class SourceUpdate:
    """One source's update: looks at it, reads, encodes, and commits every few seconds."""

    def __init__(
        self,
        gallery: Gallery,
        writer: GalleryWriter,
        record: SourceRecord,
        encoder: Encoder,
        metadata: MetadataTable | None,
        on_progress: ProgressListener | None,
    ) -> None:
        self._gallery = gallery
        self._writer = writer
        self._record = record
        self._source = Source(record.kind, record.location)
        self._encoder = encoder
        self._metadata = metadata
        self._on_progress = on_progress
        self._known: Mapping[str, KnownImage] = writer.state(record.source_id)
        self._embedding_soon: set[str] = set()
        self._about_to_change: set[str] = set()
        self._plan = Plan()
        self._unreadable: tuple[str, ...] = ()
        self._done = 0
        self._committed = 0

    def look(self) -> None:
        """Compare the source with the gallery; changes nothing.

        An empty folder where pictures were is taken for an unplugged drive and
        not for a deletion of everything.

        Raises:
            SourceNotFound: It is not there.
            NoImagesFound: It holds no picture files.
        """
        unreadable: list[str] = []
        found = self._source.scan(
            exclude=(str(self._gallery.path),), on_unreadable=unreadable.append
        )
        skipped = self._writer.skipped(self._record.source_id)
        plan = make_plan(found, self._known, skipped)
        self._unreadable = tuple(unreadable)
        self._plan = plan.sparing(self._is_out_of_sight)
        if plan.files:
            return
        if self._known:
            raise NoImagesFound(
                f"{self._record.location} holds no pictures any more, though the gallery knows "
                f"{len(self._known)} of them: plug the drive in, or, if they are really gone, run "
                "lookalike remove --source on it."
            )
        raise NoImagesFound(f"{self._record.location} holds no pictures: name another folder.")

    def _is_out_of_sight(self, path: str) -> bool:
        """Tell whether a path lies in a folder that could not be read just now."""
        return any(path.startswith(f"{folder}/") for folder in self._unreadable)

    def run(self, decode_threads: int | None) -> IndexReport:
        """Do what ``look`` found to be done, and say what was done."""
        plan = self._plan
        pipeline = Pipeline(self._encoder, decode_threads=decode_threads)
        batch = Batch(self._record.source_id, self._metadata)
        moves = Moves(plan.gone.values())
        self._about_to_change = {
            self._known[ref.path].content_hash for ref in plan.to_read if ref.path in self._known
        }
        results = pipeline.run(
            plan.to_read,
            self._source.absolute,
            known=self._known,
            moves=moves,
            is_new=self._is_new,
        )
        try:
            for item in results:
                batch.take(item, self._known.get(item.ref.path))
                self._done += 1
                if batch.is_due():
                    self._commit(batch, pipeline)
                self._tell(plan, pipeline)
        except KeyboardInterrupt:
            self._commit(batch, pipeline)
            raise
        self._commit(batch, pipeline)
        self._finish(plan, batch, moves, pipeline)
        self._tell(plan, pipeline)
        return self._summary(plan, batch, moves, pipeline)

    def _is_new(self, content: str) -> bool:
        """Tell whether a content needs an embedding of its own.

        A known content does not, unless its owner is itself about to change:
        two files that swapped their names would each lean on the other's row.
        """
        if content in self._embedding_soon:
            return False
        if content not in self._about_to_change and self._writer.has_content(content):
            return False
        self._embedding_soon.add(content)
        return True

    def _commit(self, batch: Batch, pipeline: Pipeline) -> None:
        if batch.is_empty():
            return
        with pipeline.clock.stage("write"):
            self._writer.commit(
                images=batch.images,
                embeddings=batch.embeddings(self._encoder.space.dim),
                renamed=batch.renamed,
                touched=batch.touched,
                removed=batch.removed,
                skipped=batch.skipped,
            )
        batch.clear()
        self._committed = self._done
        logger.info("committed %d files of %s", self._committed, self._record.location)

    def _finish(self, plan: Plan, batch: Batch, moves: Moves, pipeline: Pipeline) -> None:
        """Forget what is gone, describe what is unchanged, and tidy the files."""
        source_id = self._record.source_id
        described: dict[int, Mapping[str, Any]] = {}
        if self._metadata is not None:
            for path in plan.unchanged:
                row = self._metadata.row_for(path)
                if row is not None:
                    described[self._known[path].image_id] = row
        forgotten = [image.image_id for image in moves.left()]
        unskipped = [(source_id, path) for path in plan.vanished]
        with pipeline.clock.stage("write"):
            if forgotten or unskipped or described:
                self._writer.commit(removed=forgotten, unskipped=unskipped, metadata=described)
            if self._writer.needs_compaction:
                self._writer.compact()
        batch.described += len(described)

    def _tell(self, plan: Plan, pipeline: Pipeline) -> None:
        if self._on_progress is not None:
            clock = pipeline.clock
            self._on_progress(
                Progress(
                    done=self._done,
                    total=len(plan.to_read),
                    committed=self._committed,
                    elapsed_s=clock.elapsed_s,
                    bottleneck=clock.bottleneck,
                )
            )

    def _summary(self, plan: Plan, batch: Batch, moves: Moves, pipeline: Pipeline) -> IndexReport:
        """Count, and refuse to call a run without one readable picture a success."""
        forgotten = len(moves.left())
        skipped = tuple(
            SkippedFile(self._source.absolute(path), item.reason)
            for path, item in self._writer.skipped(self._record.source_id).items()
        )
        skipped += tuple(
            SkippedFile(self._source.absolute(folder), FOLDER_UNREADABLE)
            for folder in self._unreadable
        )
        if skipped and len(self._known) + batch.added - batch.lost - forgotten == 0:
            raise NoImagesFound(
                f"None of the {len(skipped)} picture files of {self._record.location} can be "
                f"read; the first, {skipped[0].path}: {skipped[0].reason}",
                skipped=skipped,
            )
        return IndexReport(
            added=batch.added,
            changed=batch.changed,
            renamed=batch.renames,
            forgotten=forgotten + batch.lost,
            unchanged=len(plan.unchanged) + batch.touches,
            copies=batch.copies,
            described=batch.described,
            skipped=skipped,
            elapsed_s=pipeline.clock.elapsed_s,
            stage_seconds=pipeline.clock.seconds,
            bottleneck=pipeline.clock.bottleneck,
        )
