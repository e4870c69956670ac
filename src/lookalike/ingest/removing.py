"""Taking images out of a gallery by hand, and of the disk what the gallery alone keeps."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import ImageError, SourceNotFound
from lookalike.gallery import Gallery, ImageRecord, KnownImage, Skipped, SourceRecord
from lookalike.gallery.failures import writing
from lookalike.gallery.locations import paths_inside, source_named
from lookalike.gallery.segments import flush_folder
from lookalike.gallery.uploads import discard, is_own, uploads_folder, uploads_source
from lookalike.gallery.writing import GalleryWriter
from lookalike.images import Source, content_hash, read_file
from lookalike.ingest.removed import REMOVED_BY_HAND

__all__ = ["Removal", "images_below", "remove_images", "remove_source"]


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken out of a gallery.

    Attributes:
        images: How many images.
        deleted: How many files, which had been uploaded: the gallery alone kept them.
        waiting: How many uploads of a source stay, since they are not in the gallery yet.
    """

    images: int
    deleted: int = 0
    waiting: int = 0


def images_below(gallery: Gallery, folder: str) -> list[ImageRecord]:
    """Find the images of a folder inside a source, given as an absolute path, there or gone.

    A whole source is none, nor is what a source is in.
    """
    found = [
        image.image_id
        for record in gallery.sources()
        for image in gallery.known_files(
            record.source_id, paths_inside(folder, record)
        ).images.values()
    ]
    return list(gallery.images_by_id(found).values())


def remove_images(gallery: Gallery, images: Sequence[ImageRecord]) -> Removal:
    """Remove images; the next update leaves their files alone until they change.

    Files stay where they are, but those of uploads are deleted.

    Raises:
        ImageNotInGallery: There is none of one of these ids; nothing was changed.
        GalleryLocked: Another process is writing.
        GalleryReadOnly: A file cannot be deleted; the images are out all the same.
    """
    removed = {image.image_id: image for image in images}
    uploads = uploads_source(gallery)
    own = {
        image.path: KnownImage(image.image_id, image.size_bytes, image.mtime_ns, image.content_hash)
        for image in removed.values()
        if uploads is not None and image.source_id == uploads.source_id
    }
    with gallery.writer() as writer:
        writer.commit(
            removed=sorted(removed),
            skipped=[
                noted(image.source_id, image.path, image)
                if uploads is not None and image.source_id == uploads.source_id
                else kept_out(image)
                for image in removed.values()
            ],
        )
        deleted = delete_uploads(gallery, own)
        if uploads is not None and deleted:
            writer.commit(unskipped=[(uploads.source_id, path) for path in deleted])
    return Removal(len(removed), len(deleted))


def remove_source(gallery: Gallery, location: str) -> Removal:
    """Forget a source and all its images, whether it is still there or not.

    Files stay where they are, but uploads that the gallery knows are deleted.

    Raises:
        SourceNotFound: The gallery has no such source.
        GalleryLocked: Another process is writing.
        GalleryReadOnly: A file cannot be deleted; the images are out all the same.
    """
    with gallery.writer() as writer:
        records = gallery.sources()
        found = source_named(records, location)
        if found is None:
            known = ", ".join(record.location for record in records) or "none"
            raise SourceNotFound(
                f"The gallery {gallery.path} has no source {location}; it has: {known}."
            )
        if found == uploads_source(gallery):
            return _remove_uploads(gallery, writer, found)
        return Removal(writer.remove_source(found.source_id))


def _remove_uploads(gallery: Gallery, writer: GalleryWriter, record: SourceRecord) -> Removal:
    """Forget the uploads, and delete them.

    First the catalog, which notes each file as removed by hand: a kill in between leaves
    files that nobody adds again, and the source, so that it can be removed once more.
    """
    known = gallery.known_files(record.source_id, [""])
    seen: dict[str, KnownImage | Skipped] = {**known.skipped, **known.images}
    writer.commit(
        removed=sorted(image.image_id for image in known.images.values()),
        skipped=[noted(record.source_id, path, facts) for path, facts in seen.items()],
    )
    deleted = delete_uploads(gallery, seen)
    writer.remove_source(record.source_id)
    return Removal(len(known.images), len(deleted), _count_files(record))


def _count_files(record: SourceRecord) -> int:
    """Count the pictures that lie in a folder, which may not be there."""
    source = Source("folder", record.location)
    return sum(1 for _ in source.scan()) if os.path.isdir(record.location) else 0


def noted(source_id: int, path: str, seen: ImageRecord | KnownImage | Skipped) -> Skipped:
    """Note of an upload that it was removed by hand; it is deleted next, whatever it holds."""
    return Skipped(source_id, path, seen.size_bytes, seen.mtime_ns, REMOVED_BY_HAND)


def kept_out(image: ImageRecord) -> Skipped:
    """Note of a file that stays where it is that it was removed, and what it held."""
    facts = (image.size_bytes, image.mtime_ns, REMOVED_BY_HAND, image.content_hash)
    return Skipped(image.source_id, image.path, *facts)


def delete_uploads(gallery: Gallery, seen: Mapping[str, KnownImage | Skipped]) -> list[str]:
    """Delete uploads for good, if they are the files that the gallery saw.

    Args:
        gallery: Whose uploads.
        seen: What it knows of them, by their paths within the uploads.

    Returns:
        The paths of those that were deleted.

    Raises:
        GalleryReadOnly, GalleryError: One cannot be deleted.
    """
    folder = uploads_folder(gallery)
    parents = {(folder / path).parent for path in seen}
    inside = {parent for parent in parents if is_own(gallery, parent)}
    deleted = []
    with writing(gallery.path):
        for path, facts in seen.items():
            file = folder / path
            if file.parent in inside and _is_same(file, facts):
                discard(file)
                deleted.append(path)
        for parent in {(folder / path).parent for path in deleted}:
            flush_folder(parent)
    return deleted


def _is_same(file: Path, seen: KnownImage | Skipped) -> bool:
    """Tell whether a file is the one that the gallery saw, whatever its date is now."""
    try:
        state = file.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    if not stat.S_ISREG(state.st_mode) or state.st_size != seen.size_bytes:
        return False
    if state.st_mtime_ns == seen.mtime_ns:
        return True
    if not isinstance(seen, KnownImage):
        return False
    try:
        return content_hash(read_file(str(file))) == seen.content_hash
    except ImageError:
        return False
