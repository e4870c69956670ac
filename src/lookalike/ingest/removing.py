"""Taking images out of a gallery by hand."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lookalike.errors import SourceNotFound
from lookalike.gallery import Gallery, ImageRecord, Skipped

__all__ = ["remove_images", "remove_source"]

REMOVED_BY_HAND = "It was removed by hand, and its file has not changed since."


def remove_images(gallery: Gallery, images: Sequence[ImageRecord]) -> None:
    """Remove images; the next update leaves their files alone until they change.

    Raises:
        GalleryLocked: Another process is writing.
    """
    with gallery.writer() as writer:
        writer.commit(
            removed=sorted({image.image_id for image in images}),
            skipped=[
                Skipped(
                    image.source_id, image.path, image.size_bytes, image.mtime_ns, REMOVED_BY_HAND
                )
                for image in {image.image_id: image for image in images}.values()
            ],
        )


def remove_source(gallery: Gallery, location: str) -> int:
    """Forget a source and all its images, whether it is still there or not.

    Returns:
        How many images were forgotten.

    Raises:
        SourceNotFound: The gallery has no such source.
    """
    absolute = os.path.abspath(os.path.expanduser(location))
    with gallery.writer() as writer:
        for record in gallery.sources():
            if record.location in {location, absolute}:
                return writer.remove_source(record.source_id)
    known = ", ".join(record.location for record in gallery.sources()) or "none"
    raise SourceNotFound(f"The gallery {gallery.path} has no source {location}; it has: {known}.")
