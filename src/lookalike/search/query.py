"""What can be searched with, and how it becomes an embedding."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, ImageInput, prepare
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.images import content_hash, read_file
from lookalike.vectors import to_queries

__all__ = ["Prepared", "Query", "prepare_query"]

# A path, encoded bytes, a PIL image or an array (h, w[, 3 or 4]); an int is an
# image_id; an array (dim,) is an embedding.
Query: TypeAlias = "ImageInput | int"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query on its way to an embedding.

    Attributes:
        label: What was asked, for people.
        own_ids: The gallery's images that are the query itself.
        pixels: The encoder's input ``(size, size, 3)``, or
        embedding: the embedding ``(dim,)`` where it is known already.
    """

    label: str
    own_ids: frozenset[int]
    pixels: NDArray[np.uint8] | None = None
    embedding: NDArray[np.float32] | None = None


def prepare_query(query: Query, gallery: Gallery, encoder: Callable[[], Encoder]) -> Prepared:
    """Look a query up or decode it.

    Args:
        query: What to search with.
        gallery: Where image_ids and paths are looked up.
        encoder: Called only if the query needs one.

    Raises:
        ImageError: The picture cannot be read.
        ImageNotInGallery: No image has this id.
        UsageError: It is nothing one can search with.
    """
    if isinstance(query, bool):
        raise UsageError("True and False are no queries: give a picture, an image_id or an array.")
    if isinstance(query, int | np.integer):
        image_id = int(query)
        own = frozenset({gallery.image(image_id).image_id})
        return Prepared(f"image {image_id}", own, embedding=gallery.embedding(image_id))
    if isinstance(query, np.ndarray) and query.ndim == 1:
        row = to_queries(query.astype(np.float32), gallery.space.dim)[0]
        return Prepared("an embedding", frozenset(), embedding=row)
    if isinstance(query, str | os.PathLike):
        path = os.path.expanduser(os.fspath(query))
        data = read_file(path)
        return Prepared(
            path, own_ids(gallery, data, path), prepare(data, encoder(), name=repr(path))[1]
        )
    if isinstance(query, bytes):
        return Prepared("a picture", own_ids(gallery, query, None), prepare(query, encoder())[1])
    return Prepared("a picture", frozenset(), prepare(query, encoder())[1])


def own_ids(gallery: Gallery, data: bytes, path: str | None) -> frozenset[int]:
    """Find the query itself in the gallery: by path, else by its very bytes."""
    images = gallery.images_at_path(os.path.abspath(path)) if path is not None else []
    if images:
        return frozenset(image.image_id for image in images)
    return frozenset(gallery.ids_with_content(content_hash(data)))
