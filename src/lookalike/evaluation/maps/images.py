"""The images of a map: which, where their files are, and their embeddings."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.gallery.locations import base_folder

__all__ = ["MapImages", "read_images"]


@dataclass(frozen=True, slots=True, eq=False)
class MapImages:
    """Images of a gallery, by image_id.

    Attributes:
        records: What the gallery knows of each.
        paths: Their files, absolute.
        rows: Their embeddings, float32 ``(n, dim)``.
        of: How many images the gallery has; more than these where they are a sample.
    """

    records: tuple[ImageRecord, ...]
    paths: tuple[str, ...]
    rows: NDArray[np.float32]
    of: int

    def __len__(self) -> int:
        return len(self.records)

    @property
    def image_ids(self) -> NDArray[np.int64]:
        """Their names in the gallery."""
        return np.array([record.image_id for record in self.records], dtype=np.int64)


def read_images(gallery: Gallery, *, most: int, seed: int = 0) -> MapImages:
    """Read the images of a gallery, or a sample of them.

    Args:
        gallery: Only read.
        most: Of more images so many are drawn, without regard to anything but the seed.
        seed: Of the draw.

    Raises:
        GalleryError: The gallery is empty.
    """
    records = list(gallery.images())
    if not records:
        raise GalleryError(
            f"The gallery {gallery.path} has no pictures to draw: add some with 'lookalike index'."
        )
    total = len(records)
    if total > most:
        chosen = np.random.default_rng(seed).choice(total, most, replace=False)
        records = [records[place] for place in np.sort(chosen)]
    bases = {source.source_id: base_folder(source) for source in gallery.sources()}
    paths = tuple(
        os.path.join(bases.get(record.source_id, ""), record.path.replace("/", os.sep))
        for record in records
    )
    rows = gallery.embeddings([record.image_id for record in records])
    return MapImages(tuple(records), paths, rows, total)
