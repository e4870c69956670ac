"""From queries to what an index is asked: every part embedded, all of a kind in one go."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, ImageInput, prepare
from lookalike.encoders.known import require_text_tower
from lookalike.errors import ImageError, ImageUnreadable
from lookalike.gallery import Gallery
from lookalike.images import content_hash, decode, read_file
from lookalike.images.regions import cut_out
from lookalike.search.directions import query_views
from lookalike.search.grouping import Grouping, grouping_by
from lookalike.search.parts import QueryPart
from lookalike.search.query import Query
from lookalike.vectors import to_queries, unit_rows

__all__ = ["Prepared", "prepare_queries"]

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A query that is ready to be asked.

    Attributes:
        query: What was asked.
        views: Directions ``(v, dim)``; an image scores as its best.
        originals: Embeddings ``(n, dim)`` whose copies are no hits.
        left_out: image_ids that are no hits.
        grouping: The column of which each value has one hit.
    """

    query: Query
    views: Rows
    originals: Rows
    left_out: frozenset[int]
    grouping: Grouping | None = None


@dataclass(slots=True)
class Piece:
    """A part on its way to its embedding.

    Attributes:
        part: What it is.
        template: Its query's, for a text.
        own: The gallery's images that are the part itself.
        hashes: Content of the files that it is.
        pixels: The encoder's input ``(size, size, 3)``, of a picture.
        row: Its embedding ``(dim,)``.
    """

    part: QueryPart
    template: str | None
    own: frozenset[int] = frozenset()
    hashes: tuple[str, ...] = ()
    pixels: NDArray[np.uint8] | None = None
    row: Rows = field(default_factory=lambda: np.empty(0, dtype=np.float32))


def prepare_queries(
    queries: Sequence[Query], gallery: Gallery, encoder: Callable[[], Encoder]
) -> list[Prepared]:
    """Look parts up, read and encode them, and combine them.

    A filter that cannot be asked is told before anything is read.

    Args:
        queries: What was asked.
        gallery: Where image_ids and paths are looked up.
        encoder: Called only if a part needs one.

    Raises:
        ImageError: A picture cannot be read.
        ImageNotInGallery: No image has an image_id.
        UsageError: A filter names a column that is not there, the encoder has no text
            tower, parts cancel each other, a region
            reaches outside its picture, or there is no column to group by.
    """
    for condition in {query.condition for query in queries}:
        if condition is not None:
            gallery.require_columns(condition)
    groupings = {
        query.group_by: grouping_by(query.group_by, gallery)
        for query in queries
        if query.group_by is not None
    }
    pieces = [[Piece(part, query.template) for part in query.items] for query in queries]
    every = [piece for of_query in pieces for piece in of_query]
    # Texts first: an encoder without a text tower is told before any file is read.
    embed_texts([piece for piece in every if piece.part.text is not None], gallery, encoder)
    for piece in every:
        look_up(piece, gallery)
    embed_pictures([piece for piece in every if piece.part.picture is not None], gallery, encoder)
    for piece in every:
        require_direction(piece)
    return [
        prepared(query, of_query, gallery, groupings.get(query.group_by or ""))
        for query, of_query in zip(queries, pieces, strict=True)
    ]


def embed_texts(pieces: Sequence[Piece], gallery: Gallery, encoder: Callable[[], Encoder]) -> None:
    """Embed all texts at once, each in its template."""
    if not pieces:
        return
    # Loading an encoder may take long: where its name tells, it is not loaded in vain.
    require_text_tower(gallery.space.encoder)
    texts = [
        (piece.template or "{}").replace("{}", piece.part.text)
        for piece in pieces
        if piece.part.text is not None
    ]
    for piece, row in zip(pieces, encoder().encode_texts(texts), strict=True):
        piece.row = row


def look_up(piece: Piece, gallery: Gallery) -> None:
    """Fill in what needs no encoder."""
    part = piece.part
    if part.image_id is not None:
        image = gallery.image(part.image_id)
        piece.own, piece.hashes = frozenset({image.image_id}), (image.content_hash,)
        piece.row = gallery.embedding(image.image_id)
    elif part.embedding is not None:
        piece.row = to_queries(part.embedding, gallery.space.dim)[0]


def embed_pictures(
    pieces: Sequence[Piece], gallery: Gallery, encoder: Callable[[], Encoder]
) -> None:
    """Read, cut and decode pictures, and encode all of them at once."""
    if not pieces:
        return
    for piece in pieces:
        if piece.part.picture is not None:
            piece.pixels = input_of(piece, piece.part.picture, gallery, encoder())
    crops = [piece.pixels for piece in pieces if piece.pixels is not None]
    for piece, row in zip(pieces, encoder().encode(np.stack(crops)), strict=True):
        piece.row, piece.pixels = row, None


def input_of(
    piece: Piece, source: ImageInput, gallery: Gallery, encoder: Encoder
) -> NDArray[np.uint8]:
    """Read a picture, note which images of the gallery it is, and cut the encoder's input."""
    path, name = None, None
    if isinstance(source, str):
        path, name = source, repr(source)
        source = read_query(path)
    if isinstance(source, bytes):
        digest = content_hash(source)
        piece.own, piece.hashes = own_ids(gallery, digest, path), (digest,)
    if piece.part.region is not None:
        picture = decode(source, name=name)
        source = cut_out(picture, piece.part.region, name=name or "the picture")
    return prepare(source, encoder, name=name)[1]


def read_query(path: str) -> bytes:
    """Read a picture's file; say what to do where the name is no file's.

    Raises:
        ImageError: It cannot be read.
    """
    try:
        return read_file(path)
    except ImageError as error:
        advice = advice_on(path)
        if advice is None:
            raise
        raise type(error)(f"{str(error).rstrip('.')}: {advice}.") from error


def advice_on(path: str) -> str | None:
    """Say what to do with a name that is a folder's, an address or a pattern."""
    if path.lower().startswith(("http://", "https://")):
        return "addresses are not fetched; save the picture, or pipe it in for -"
    if os.path.isdir(path):
        return f"name the pictures in it, as in {os.path.join(path, '*.jpg')}"
    if not os.path.lexists(path) and glob.has_magic(path):
        return "no file has this name, or fits it as a pattern"
    if not os.path.lexists(path):
        return "check the spelling"
    return None


def own_ids(gallery: Gallery, digest: str, path: str | None) -> frozenset[int]:
    """Find the query itself in the gallery: by path, else by its very bytes."""
    images = gallery.images_at_path(os.path.abspath(path)) if path is not None else []
    if images:
        return frozenset(image.image_id for image in images)
    return frozenset(gallery.ids_with_content(digest))


def require_direction(piece: Piece) -> None:
    """Refuse a part that the encoder has nothing to say of.

    Raises:
        ImageUnreadable: Its embedding is all zeros.
    """
    if not piece.row.any():
        raise ImageUnreadable(
            f"The encoder finds nothing in {piece.part.label} (its embedding is all zeros, or no "
            "numbers): "
            "search with something else."
        )


def prepared(
    query: Query, pieces: Sequence[Piece], gallery: Gallery, grouping: Grouping | None
) -> Prepared:
    """Combine the parts of one query, and collect what is no hit."""
    dim = gallery.space.dim
    rows = stacked([piece.row for piece in pieces], dim)
    kept, rejected = [
        unit_rows(gallery.embeddings(ids)) if ids else stacked([], dim) for ids in judged(query)
    ]
    shown = unit_rows(stacked([piece.row for piece in pieces if piece.part.text is None], dim))
    return Prepared(
        query,
        query_views(query, rows, kept, rejected),
        np.concatenate([shown, kept, rejected]) if query.exclude_copies else stacked([], dim),
        no_hits(query, pieces, gallery),
        grouping,
    )


def no_hits(query: Query, pieces: Sequence[Piece], gallery: Gallery) -> frozenset[int]:
    """List the images that a query does not want to find."""
    kept, rejected = judged(query)
    ids = set(rejected)
    if query.exclude_self or query.exclude_copies:
        ids |= {image_id for piece in pieces for image_id in piece.own} | set(kept)
    if query.exclude_copies:
        hashes = {digest for piece in pieces for digest in piece.hashes}
        hashes |= {gallery.image(image_id).content_hash for image_id in (*kept, *rejected)}
        ids |= {image_id for digest in hashes for image_id in gallery.ids_with_content(digest)}
    return frozenset(ids)


def judged(query: Query) -> tuple[Sequence[int], Sequence[int]]:
    """List the image_ids that were kept, and those that were rejected."""
    return (query.feedback.kept, query.feedback.rejected) if query.feedback else ((), ())


def stacked(rows: Sequence[Rows], dim: int) -> Rows:
    """Stack rows ``(n, dim)``, also none."""
    return np.stack(rows).astype(np.float32) if rows else np.empty((0, dim), dtype=np.float32)
