"""The stored embeddings of images that are named by image_id."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryUnreadable, ImageNotInGallery
from lookalike.gallery.segments import Rows

__all__ = ["no_such_image", "places_of", "rows_at"]


def places_of(
    connection: sqlite3.Connection, image_ids: Sequence[int], *, gallery: Path
) -> list[tuple[int, int]]:
    """Read segment_id and row of each image.

    Raises:
        ImageNotInGallery: There is none of one of these ids.
    """
    query = "SELECT segment_id, row FROM images WHERE image_id = ?"
    places = []
    for image_id in image_ids:
        found = connection.execute(query, (int(image_id),)).fetchone()
        if found is None:
            raise no_such_image(image_id, gallery=gallery)
        places.append(found)
    return places


def rows_at(
    image_ids: Sequence[int],
    places: Sequence[tuple[int, int]],
    blocks: Mapping[int, Rows],
    *,
    dim: int,
    gallery: Path,
) -> NDArray[np.float32]:
    """Read rows as they are stored, float32 ``(n, dim)``.

    Args:
        image_ids: Of the images, for messages.
        places: Segment_id and row of each of them.
        blocks: The rows of each segment, by segment_id.
        dim: How long a row is.
        gallery: For messages.

    Raises:
        GalleryUnreadable: A row is not there.
    """
    rows = np.empty((len(places), dim), dtype=np.float32)
    for line, (segment_id, row) in enumerate(places):
        try:
            rows[line] = blocks[segment_id][row]
        except (KeyError, IndexError) as error:
            raise GalleryUnreadable(
                f"Image {image_ids[line]} of the gallery {gallery} names an embedding that is not "
                "there: see what else is damaged with 'lookalike verify'."
            ) from error
    return rows


def no_such_image(image_id: int, *, gallery: Path) -> ImageNotInGallery:
    """Word the refusal of an image_id."""
    return ImageNotInGallery(
        f"The gallery {gallery} has no image {image_id}: it may have been removed."
    )
