"""Exporting: a gallery's images and embeddings, written for other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from lookalike.errors import GalleryError
from lookalike.gallery import Gallery
from lookalike.gallery.locations import base_folder
from lookalike.ingest.interchange.columns import line_of
from lookalike.ingest.interchange.formats import named_format
from lookalike.ingest.interchange.portions import Facts, Portion
from lookalike.ingest.slices import in_slices, rows_at_once

__all__ = ["export_gallery"]


def export_gallery(
    gallery: Gallery,
    place: str,
    *,
    format: str,  # noqa: A002 - the field's word, and the option's
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write all images of a gallery, each with its embedding, in a format of other programs.

    One generation is written, a portion at a time: memory does not grow with the
    gallery. What is there at the end is whole; a failure leaves nothing.

    Args:
        gallery: Only read.
        place: The folder or file to make; for FiftyOne the name of the data set.
        format: One of ``FORMATS``.
        on_progress: Called with the images written and their number.

    Returns:
        How many images were written.

    Raises:
        UsageError: The format is unknown, or something is at the place already.
        MissingExtra: The format needs a library that is not installed.
        StorageFull: The disk is full; nothing was left.
        GalleryError: Another process changed the gallery just then.
    """
    chosen = named_format(format)
    chosen.require_free(place)
    facts = Facts(gallery.space, gallery.dtype, len(gallery))
    written = 0

    def counted() -> Iterator[Portion]:
        nonlocal written
        for portion in portions_of(gallery):
            yield portion
            written += len(portion.lines)
            if on_progress is not None:
                on_progress(written, facts.images)
        if written != facts.images:
            raise GalleryError(
                f"The gallery {gallery.path} changed while its export began: export it again."
            )

    chosen.write(place, counted(), facts)
    return written


def portions_of(gallery: Gallery) -> Iterator[Portion]:
    """Read a gallery, so many images at a time."""
    bases = {source.source_id: base_folder(source) for source in gallery.sources()}
    for images in in_slices(gallery.images(), rows_at_once(gallery.space.dim)):
        lines = [
            line_of(image, os.path.join(bases[image.source_id], image.path.replace("/", os.sep)))
            for image in images
        ]
        yield Portion(lines, gallery.embeddings([image.image_id for image in images]))
