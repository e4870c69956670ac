"""Adding: uploads that wait become images of the gallery, in one commit."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from lookalike.encoders import Encoder
from lookalike.errors import GalleryLocked, ImageNotInGallery, ImageOutOfReach, ImageUnreadable
from lookalike.gallery import Gallery, ImageRecord
from lookalike.gallery.uploads import discard, metadata_file, uploads_folder, uploads_source
from lookalike.ingest import MetadataTable, Progress, UpdateReport, remove_images, update_paths
from lookalike.server.problems import facts_of
from lookalike.server.uploads.uploaded import KeptFile, UploadedPicture

__all__ = ["add_uploads", "image_at", "intact_copy"]

# Of a picture with more copies than these, none of which is as the gallery saw it,
# another one is kept.
MOST_COPIES = 20

Listener = Callable[[Progress], None]


def add_uploads(
    gallery: Gallery,
    encoder: Encoder,
    requests: Sequence[Sequence[UploadedPicture]],
    *,
    on_progress: Listener | None = None,
) -> list[list[UploadedPicture]]:
    """Add what waits of the pictures of some requests, and say what became of each.

    Can be tried again after any failure, and after a kill at any moment: no file is
    deleted before what makes it needless is on the disk.

    Raises:
        GalleryLocked: Another process is writing; nothing was done.
        StorageFull: Nothing is lost: the files stay where they are.
    """
    files = [file for sent in requests for picture in sent if (file := picture.to_add)]
    adding = Adding(gallery, files)
    report = adding.run(encoder, on_progress)
    adding.describe()
    refusals = adding.refusals(report)
    settled = [[adding.settled(picture, refusals) for picture in sent] for sent in requests]
    for before, after in zip(chain(*requests), chain(*settled), strict=True):
        if before.to_add is not None:
            adding.clear(before.to_add, after.status)
    adding.forget(refusals)
    return settled


class Adding:
    """One commit's pictures: new ones, copies of these, and what the gallery holds already.

    Args:
        gallery: Where to.
        files: Of its uploads, that are to become images.
    """

    def __init__(self, gallery: Gallery, files: Sequence[KeptFile]) -> None:
        self._gallery = gallery
        self._known: dict[str, int] = {}
        self._firsts: dict[str, KeptFile] = {}
        # Somebody may have brought all sources up to date before we came to them: two
        # copies among them must not both give way, each to the other.
        found = (image_at(gallery, item.path) for item in files)
        own = {image.image_id for image in found if image is not None}
        for item in files:
            known = intact_copy(gallery, item.content_hash, besides=own)
            if known is not None:
                self._known[item.path] = known
            else:
                self._firsts.setdefault(item.content_hash, item)
        self._images: dict[str, ImageRecord] = {}

    def run(self, encoder: Encoder, on_progress: Listener | None) -> UpdateReport:
        """Add the first of each content, and find out which images they are now."""
        firsts = list(self._firsts.values())
        report = UpdateReport()
        if firsts:
            rows = {item.path: item.metadata for item in firsts if item.metadata}
            report = update_paths(
                self._gallery,
                encoder,
                uploads_folder(self._gallery),
                [item.path for item in firsts],
                metadata=MetadataTable(rows) if rows else None,
                on_progress=on_progress,
            )
        found = [(item.path, image_at(self._gallery, item.path)) for item in firsts]
        self._images = {path: image for path, image in found if image is not None}
        return report

    def describe(self) -> None:
        """Give metadata to images that somebody else added before we came to it."""
        rows: dict[int, Mapping[str, Any]] = {}
        for item in self._firsts.values():
            image = self._images.get(item.path)
            if image is not None and item.metadata and dict(item.metadata) != image.metadata:
                rows[image.image_id] = item.metadata
        if rows:
            with self._gallery.writer() as writer:
                writer.commit(metadata=rows)

    def refusals(self, report: UpdateReport) -> dict[str, ImageUnreadable]:
        """Say of each picture that did not become an image why, by its path."""
        source = uploads_source(self._gallery)
        missing = [item for item in self._firsts.values() if item.path not in self._images]
        if source is None or not missing:
            return {}
        folder = uploads_folder(self._gallery)
        noted = {item.path: item.reason for item in self._gallery.skipped(source.source_id)}
        just_now = {os.path.realpath(item.path): item.reason for item in report.skipped}
        refusals: dict[str, ImageUnreadable] = {}
        for item in missing:
            reason = just_now.get(os.path.realpath(folder / item.path), "It cannot be read.")
            refusals[item.path] = (
                ImageUnreadable(noted[item.path])
                if item.path in noted
                else ImageOutOfReach(f"{reason} It is kept and tried again.")
            )
        return refusals

    def settled(
        self, picture: UploadedPicture, refusals: Mapping[str, ImageUnreadable]
    ) -> UploadedPicture:
        """Say what became of one picture."""
        item = picture.to_add
        if item is None:
            return picture
        if item.path in self._known:
            return picture.known_as(self._known[item.path])
        first = self._firsts[item.content_hash]
        image = self._images.get(first.path)
        if image is None:
            error = refusals.get(first.path) or ImageOutOfReach("It went away.")
            is_kept = isinstance(error, ImageOutOfReach)
            return (picture.delayed if is_kept else picture.refused)(facts_of(error))
        is_first = item.path == first.path
        return picture.added_as(image.image_id) if is_first else picture.known_as(image.image_id)

    def clear(self, item: KeptFile, status: str) -> None:
        """Delete what is no longer needed of a picture whose lot is decided."""
        file = uploads_folder(self._gallery) / item.path
        if status == "added":
            metadata_file(file).unlink(missing_ok=True)
        elif status != "waiting":
            # Somebody who brought all sources up to date may have added a copy before us.
            image = image_at(self._gallery, item.path)
            if image is None:
                discard(file)
            else:
                remove_images(self._gallery, [image])

    def forget(self, refusals: Mapping[str, ImageUnreadable]) -> None:
        """Forget that there were files which could not be read: they have been deleted."""
        source = uploads_source(self._gallery)
        gone = [path for path, error in refusals.items() if not isinstance(error, ImageOutOfReach)]
        if source is not None and gone:
            # Where somebody else writes just now, the next update forgets them.
            with suppress(GalleryLocked), self._gallery.writer() as writer:
                writer.commit(unskipped=[(source.source_id, path) for path in gone])


def image_at(gallery: Gallery, path: str) -> ImageRecord | None:
    """Find the image that an upload is."""
    source = uploads_source(gallery)
    file = os.path.join(uploads_folder(gallery), path)
    if source is None:
        return None
    found = gallery.images_at_path(file)
    return next((image for image in found if image.source_id == source.source_id), None)


def intact_copy(
    gallery: Gallery, content_hash: str, *, besides: Collection[int] = ()
) -> int | None:
    """Find an image with these bytes whose file is still as the gallery saw it.

    Args:
        gallery: Where to look.
        content_hash: Of the bytes.
        besides: Images that do not count.
    """
    found = [id_ for id_ in gallery.ids_with_content(content_hash) if id_ not in besides]
    for image_id in found[:MOST_COPIES]:
        try:
            record = gallery.image(image_id)
            facts = os.stat(gallery.absolute_path(record))
        except (ImageNotInGallery, OSError):
            continue
        if (facts.st_size, facts.st_mtime_ns) == (record.size_bytes, record.mtime_ns):
            return image_id
    return None
