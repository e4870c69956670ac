"""Bringing a gallery up to date with the places its pictures come from."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from lookalike.encoders import Encoder
from lookalike.errors import GalleryError, NoImagesFound, SourceNotFound, StorageFull, UsageError
from lookalike.gallery import Gallery, GalleryWriter, SourceRecord
from lookalike.gallery.locations import lies_at
from lookalike.gallery.writing import MOST_DEAD, SMALL_ROWS
from lookalike.images import ImageRef, Source, open_source
from lookalike.images.looking import paths_of
from lookalike.images.sources import KINDS
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.report import UpdateReport
from lookalike.ingest.source_update import ProgressListener, SourceUpdate
from lookalike.vectors import require_same_space

__all__ = ["add_images", "update_images", "update_paths", "update_places"]

logger = logging.getLogger(__name__)

# Segments below SMALL_ROWS rows that updates of single paths may leave before they are merged.
MOST_SMALL = 16


def add_images(
    gallery: Gallery,
    location: str | os.PathLike[str],
    encoder: Encoder,
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
    restore: Sequence[str] = (),
) -> UpdateReport:
    """Bring a gallery up to date with one source, and remember the source.

    Embeds what is new or changed, follows renames by content, forgets what is
    gone. Every commit is safe on disk; an interrupted run goes on where it was.

    Args:
        gallery: Where to.
        location: A folder, a glob pattern, a picture, or a list of files
            (``@FILE``, or a ``.txt`` file).
        encoder: Has to be of the gallery's space.
        metadata: Columns to keep with the pictures.
        on_progress: Called on this thread, some twenty times a second.
        decode_threads: Files read and decoded at a time.
        restore: Absolute paths of pictures, or of folders with all below them, that
            were removed by hand and are to be taken in again.

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
        update = SourceUpdate(
            gallery, writer, record, encoder, metadata, on_progress, restore=restore
        )
        try:
            update.look()
            update.run(decode_threads)
        except (NoImagesFound, SourceNotFound):
            if record.source_id not in known:
                writer.remove_source(record.source_id)
            raise
        report = update.finish()
        tidy(writer)
        return report


def update_images(
    gallery: Gallery,
    encoder: Encoder,
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
    restore: Sequence[str] = (),
) -> UpdateReport:
    """Bring a gallery up to date with all its sources.

    All of them are looked at before the first is touched: an unplugged drive
    stops the run with everything as it was. Arguments are those of ``add_images``.

    Raises:
        NoImagesFound: The gallery has no source yet, or one of them holds no
            readable picture; the others have been brought up to date.
        SourceNotFound: One of them is not there.
    """
    require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
    with gallery.writer() as writer:
        records = [record for record in gallery.sources() if record.kind in KINDS]
        if not records:
            has = (
                "only imported embeddings, which no file changes"
                if len(gallery)
                else "no source yet"
            )
            raise NoImagesFound(
                f"The gallery {gallery.path} has {has}: name a folder, lookalike index FOLDER."
            )
        updates = [
            SourceUpdate(gallery, writer, record, encoder, metadata, on_progress, restore=restore)
            for record in records
        ]
        for update in updates:
            update.look()
        report = run_all(updates, decode_threads)
        tidy(writer)
        return report


def update_paths(
    gallery: Gallery,
    encoder: Encoder,
    location: str | os.PathLike[str] | SourceRecord,
    paths: Iterable[str | os.PathLike[str]],
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
) -> UpdateReport:
    """Bring a gallery up to date with some files and folders of one source.

    As ``add_images`` does for a whole source: embeds what is new or changed,
    follows renames by content, forgets what is gone, a folder with all below it.
    The cost follows from the paths, not from the size of the gallery. What the
    source would not list, hidden files for example, is left out.

    Args:
        gallery: Where to.
        encoder: Has to be of the gallery's space.
        location: The source, as for ``add_images``; remembered if it is new.
        paths: Absolute, or relative to the source's folder; there or gone.
        metadata: Columns to keep with the pictures.
        on_progress: Called on this thread, some twenty times a second.
        decode_threads: Files read and decoded at a time.

    Returns:
        The report, with what became of each file in ``changes``.

    Raises:
        SpaceMismatch: The gallery was made with another encoder.
        SourceNotFound: The source is not there; nothing is forgotten.
        NoImagesFound: Pictures are gone, and the source holds none any more:
            taken for an unplugged drive, and nothing is forgotten.
        GalleryLocked: Another process is writing.
        StorageFull: Everything committed so far is kept.
    """
    require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
    with gallery.writer() as writer:
        record = location if isinstance(location, SourceRecord) else None
        if record is None:
            source = open_source(location)  # type: ignore[arg-type]
            refuse_overlap(gallery, source)
            record = writer.add_source(source.kind, source.location)
        done, failures = run_each(
            [
                SourceUpdate(gallery, writer, record, encoder, metadata, on_progress, paths=named)
                for named in [named_in(record, paths)]
                if named
            ],
            decode_threads,
        )
        tidy_small(writer)
    if failures:
        raise failures[0]
    return done


def update_places(
    gallery: Gallery,
    encoder: Encoder,
    places: Sequence[tuple[SourceRecord, Sequence[str]]],
    *,
    metadata: MetadataTable | None = None,
    on_progress: ProgressListener | None = None,
    decode_threads: int | None = None,
    spares: Callable[[int, ImageRef], bool] = lambda source_id, ref: False,
) -> tuple[UpdateReport, list[NoImagesFound | SourceNotFound]]:
    """Bring a gallery up to date with some paths of several sources, as ``update_paths``.

    Args:
        gallery: Where to.
        encoder: Has to be of the gallery's space.
        places: Sources, and paths as they name them.
        metadata: Columns to keep with the pictures.
        on_progress: Called on this thread.
        decode_threads: Files read and decoded at a time.
        spares: Whether to keep a known picture of a source whose file cannot be read.

    Returns:
        What was done, and why some of the sources could not be used.
    """
    require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
    with gallery.writer() as writer:
        updates = [
            SourceUpdate(
                gallery,
                writer,
                record,
                encoder,
                metadata,
                on_progress,
                paths=paths,
                spares=partial(spares, record.source_id),
            )
            for record, paths in places
        ]
        done = run_each(updates, decode_threads)
        tidy_small(writer)
        return done


def named_in(record: SourceRecord, paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Name paths as a source names its pictures."""
    source = Source(record.kind, record.location)
    absolute = [os.path.normpath(source.absolute(os.fsdecode(path))) for path in paths]
    return paths_of(source, absolute)


def run_all(updates: Sequence[SourceUpdate], decode_threads: int | None) -> UpdateReport:
    """Run updates; a source that cannot be used is an error once the others are done."""
    report, failures = run_each(updates, decode_threads)
    if failures:
        raise failures[0]
    return report


def run_each(
    updates: Sequence[SourceUpdate], decode_threads: int | None
) -> tuple[UpdateReport, list[NoImagesFound | SourceNotFound]]:
    """Run updates one after the other, and only then let them forget what is gone.

    So a picture that moved from one source to another is not embedded again, and
    a source without a readable picture does not keep the others from their update.
    """
    ran: list[SourceUpdate] = []
    failures: list[NoImagesFound | SourceNotFound] = []
    for update in updates:
        try:
            # The first look may be hours old by now.
            update.look()
            update.run(decode_threads)
            ran.append(update)
        except (NoImagesFound, SourceNotFound) as error:
            failures.append(error)
    report = UpdateReport()
    for update in ran:
        report += update.finish()
    return report, failures


def tidy_small(writer: GalleryWriter) -> None:
    """Merge what many small updates left, and leave large segments as they are.

    A published index covers those: were they rewritten, it would have to be built anew.
    """
    try:
        if writer.small_segments > MOST_SMALL:
            writer.compact(most_rows=SMALL_ROWS)
        elif writer.dead_share > MOST_DEAD:
            writer.compact()
    except (GalleryError, StorageFull) as error:
        logger.warning("the gallery was not compacted: %s", error)


def tidy(writer: GalleryWriter) -> None:
    """Merge small segments where there are many; the update is done, whether this works or not."""
    try:
        if writer.needs_compaction:
            writer.compact()
    except (GalleryError, StorageFull) as error:
        logger.warning("the gallery was not compacted: %s", error)


def refuse_overlap(
    gallery: Gallery, source: Source, *, besides: SourceRecord | None = None
) -> None:
    """Refuse a place inside another source's folder: its pictures would be there twice.

    Lists may name what they like. The source ``besides`` is about to be there no more.
    """
    own = str(gallery.path)
    # What lies in the gallery's own folder is not walked into from outside.
    if source.kind == "list" or lies_at(source.root, own):
        return
    for record in gallery.sources():
        # Embeddings that were imported have no folder.
        if record.kind not in KINDS or record == besides:
            continue
        other = Source(record.kind, record.location)
        if lies_at(other.root, own):
            continue
        if other.kind == "list" or "folder" not in {source.kind, other.kind}:
            continue
        if (other.kind, other.location) != (source.kind, source.location) and (
            (other.kind == "folder" and is_inside(source, other.root))
            or (source.kind == "folder" and is_inside(other, source.root))
        ):
            raise UsageError(
                f"{source.location} and {other.location}, a source of this gallery already, lie "
                "inside each other: run lookalike index without a folder to bring all up to date."
            )


def is_inside(source: Source, folder: str) -> bool:
    """Tell whether a source's pictures lie in a folder, whatever links lead to either."""
    outer, inner = os.path.realpath(folder), os.path.realpath(source.root)
    if source.kind == "folder" and inner == outer:
        return False  # the same folder under another name: the gallery knows
    return lies_at(inner, outer)
