"""Sources whose folders were moved: noticed, and followed where that is asked for."""

from __future__ import annotations

import os
from itertools import islice

from lookalike.errors import ImageError, SourceNotFound, UsageError
from lookalike.gallery import Gallery, SourceRecord
from lookalike.gallery.locations import source_at, source_named
from lookalike.images import Source, content_hash, read_file
from lookalike.ingest.updating import refuse_overlap

__all__ = ["follow_source", "looks_moved"]

# A few pictures tell whether a folder is the one that is known: paths, and then contents.
PATHS = 64
CONTENTS = 8


def looks_moved(gallery: Gallery, source: Source) -> SourceRecord | None:
    """Find the source of a gallery that a new folder was before somebody moved it.

    That is one whose pictures are not where they were, while most of them, by path and
    by content, are in the new folder. A few of them are compared.
    """
    records = gallery.sources()
    if (
        source.kind != "folder"
        or source_at(records, kind=source.kind, location=source.location) is not None
    ):
        return None
    gone = (record for record in records if record.kind == "folder" and is_gone(gallery, record))
    return next((record for record in gone if holds_pictures_of(gallery, record, source)), None)


def follow_source(gallery: Gallery, old: str | os.PathLike[str], source: Source) -> SourceRecord:
    """Take a source for moved: its pictures keep their image_ids, and nothing is embedded.

    It is one commit. Where the source has been moved already, as an interrupted run
    leaves it, nothing is left to do.

    Args:
        gallery: Whose source.
        old: Where it was, as ``info`` lists it.
        source: Where it is.

    Raises:
        SourceNotFound: The gallery has no source ``old``.
        UsageError: The two are of different kinds; or the new one is known as well, lies
            in another one, or holds none of the pictures.
        GalleryLocked: Another process is writing.
    """
    with gallery.writer() as writer:
        records = gallery.sources()
        record = source_named(records, os.fspath(old))
        known = source_at(records, kind=source.kind, location=source.location)
        if record is None and known is not None:
            return known
        if record is None:
            listed = ", ".join(each.location for each in records) or "none"
            raise SourceNotFound(
                f"The gallery {gallery.path} has no source {old} that could have been moved; it "
                f"has: {listed}."
            )
        if record == known:
            return record
        require_movable(gallery, record, source, known)
        return writer.move_source(record.source_id, source.location)


def require_movable(
    gallery: Gallery, record: SourceRecord, source: Source, known: SourceRecord | None
) -> None:
    """Refuse to take a source for another one."""
    if known is not None:
        raise UsageError(
            f"{source.location} is a source of this gallery already: forget the other one with "
            f"'lookalike remove --source {record.location}'."
        )
    if record.kind != source.kind:
        raise UsageError(
            f"{record.location} is a {record.kind} and {source.location} a {source.kind}: a "
            "source is moved to one of its own kind."
        )
    refuse_overlap(gallery, source, besides=record)
    if not holds_pictures_of(gallery, record, source, share=0.0):
        raise UsageError(
            f"{source.location} has none of the pictures of {record.location} that were looked "
            "for: it is another source, and is indexed without being said to be moved."
        )


def is_gone(gallery: Gallery, record: SourceRecord) -> bool:
    """Tell whether the first pictures of a source are not where they were."""
    root = Source(record.kind, record.location)
    first = [path for path, _ in islice(gallery.contents(record.source_id), CONTENTS)]
    return bool(first) and not any(os.path.lexists(root.absolute(path)) for path in first)


def holds_pictures_of(
    gallery: Gallery, record: SourceRecord, source: Source, *, share: float = 0.5
) -> bool:
    """Tell whether more than a share of a source's pictures are in another place, by a sample."""
    known = list(gallery.contents(record.source_id))
    sample = [known[line * len(known) // PATHS] for line in range(PATHS)] if known else []
    there = [each for each in dict.fromkeys(sample) if os.path.lexists(source.absolute(each[0]))]
    compared = there[:: max(1, len(there) // CONTENTS)][:CONTENTS]
    same = sum(content_at(source, path) == content for path, content in compared)
    return len(there) > share * len(set(sample)) and same > share * len(compared)


def content_at(source: Source, path: str) -> str:
    """Hash the file that a source has at a path; empty where it cannot be read."""
    try:
        return content_hash(read_file(source.absolute(path)))
    except ImageError:
        return ""
