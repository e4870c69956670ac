"""From queries to what an index is asked, in stages that are taken one by one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.encoders.known import require_text_tower
from lookalike.errors import ImageUnreadable
from lookalike.gallery import Gallery
from lookalike.search.directions import query_views
from lookalike.search.grouping import Grouping, grouping_by
from lookalike.search.query import Query
from lookalike.search.reading import Piece, look_up, read_pictures
from lookalike.search.recent import RecentRows
from lookalike.vectors import unit_rows

__all__ = ["Draft", "Prepared", "Preparing"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A query on its way to being prepared.

    Attributes:
        query: What was asked.
        pieces: Its parts, in order, as far as they have come.
        grouping: The column of which each value has one hit.
    """

    query: Query
    pieces: tuple[Piece, ...]
    grouping: Grouping | None = None


class Preparing:
    """The stages of a query before an index is asked. Safe to share between threads.

    A search takes them in the order ``draft``, ``embed_texts``, ``read``,
    ``embed_pictures``, ``combine``, each with all its queries. A server reads
    queries one by one, as they come, and embeds together those that are there.

    Args:
        gallery: Where image_ids and paths are looked up.
        encoder: Called only if a part needs one.
    """

    def __init__(self, gallery: Gallery, encoder: Callable[[], Encoder]) -> None:
        self._gallery = gallery
        self._encoder = encoder
        self._recent = RecentRows()

    def prepare(self, queries: Sequence[Query]) -> list[Prepared]:
        """Take all stages with all queries.

        Raises:
            ImageError: A picture cannot be read.
            ImageNotInGallery: No image has an image_id.
            UsageError: A filter names a column that is not there, the encoder has no text
                tower, parts cancel each other, a region
                reaches outside its picture, or there is no column to group by.
        """
        drafts = self.draft(queries)
        # Texts first: an encoder without a text tower is told before any file is read.
        self.embed_texts(drafts)
        self.read(drafts)
        self.embed_pictures(drafts)
        return self.combine(drafts)

    def draft(self, queries: Sequence[Query]) -> list[Draft]:
        """Begin: what cannot be asked at all is told before anything is read.

        Raises:
            UsageError: A filter or a grouping names a column that is not there, or the
                encoder is known to have no text tower.
        """
        for condition in {query.condition for query in queries}:
            if condition is not None:
                self._gallery.require_columns(condition)
        groupings = {
            query.group_by: grouping_by(query.group_by, self._gallery)
            for query in queries
            if query.group_by is not None
        }
        drafts = [
            Draft(query, pieces_of(query), groupings.get(query.group_by or "")) for query in queries
        ]
        if any(piece.wording is not None for piece in every(drafts)):
            # Loading an encoder may take long: where its name tells, it is not loaded in vain.
            require_text_tower(self._gallery.space.encoder)
        return drafts

    def read(self, drafts: Sequence[Draft]) -> None:
        """Look up what the gallery knows; read and decode pictures.

        Raises:
            ImageError: A picture cannot be read.
            ImageNotInGallery: No image has an image_id.
            UsageError: A region reaches outside its picture.
        """
        for piece in every(drafts):
            look_up(piece, self._gallery)
        pictures = [piece for piece in every(drafts) if piece.part.picture is not None]
        if pictures:
            read_pictures(pictures, self._gallery, self._encoder, self._recent)

    def embed_texts(self, drafts: Sequence[Draft]) -> None:
        """Embed all texts at once.

        Raises:
            UsageError: The encoder has no text tower.
        """
        pieces = [piece for piece in every(drafts) if piece.wording is not None]
        self._embed(pieces, lambda new: self._encoder().encode_texts(wordings(new)))

    def embed_pictures(self, drafts: Sequence[Draft]) -> None:
        """Encode all pictures at once.

        Raises:
            EncoderError: The encoder cannot be used.
        """
        pieces = [piece for piece in every(drafts) if piece.pixels is not None]
        self._embed(pieces, lambda new: self._encoder().encode(crops(new)))
        for piece in pieces:
            piece.pixels = None

    def combine(self, drafts: Sequence[Draft]) -> list[Prepared]:
        """Combine the parts of each query.

        Raises:
            ImageNotInGallery: No image has an image_id of a feedback.
            ImageUnreadable: The encoder finds nothing in a part.
            UsageError: Parts cancel each other.
        """
        for piece in every(drafts):
            require_direction(piece)
        return [prepared(draft, self._gallery) for draft in drafts]

    def _embed(self, pieces: Sequence[Piece], encoded: Callable[[list[Piece]], Rows]) -> None:
        """Encode what is not known yet, once each."""
        new: dict[Hashable, Piece] = {}
        for piece in pieces:
            piece.row = self._recent.row(piece.content)
            if piece.row is None:
                new.setdefault(key_of(piece), piece)
        if not new:
            return
        found = dict(zip(new, encoded(list(new.values())), strict=True))
        for key, piece in new.items():
            self._recent.keep(piece.content, found[key])
        for piece in pieces:
            if piece.row is None:
                piece.row = found[key_of(piece)]


def pieces_of(query: Query) -> tuple[Piece, ...]:
    """Take a query's parts apart."""
    return tuple(
        Piece(part)
        if part.text is None
        else Piece(part, (query.template or "{}").replace("{}", part.text))
        for part in query.items
    )


def every(drafts: Sequence[Draft]) -> list[Piece]:
    """List the parts of all queries."""
    return [piece for draft in drafts for piece in draft.pieces]


def key_of(piece: Piece) -> Hashable:
    """Say what makes two parts of a batch the same: their content, else being one."""
    return id(piece) if piece.content is None else piece.content


def wordings(pieces: Sequence[Piece]) -> list[str]:
    """List the texts as the encoder gets them."""
    return [piece.wording for piece in pieces if piece.wording is not None]


def crops(pieces: Sequence[Piece]) -> NDArray[np.uint8]:
    """Stack the encoder's inputs ``(n, size, size, 3)``."""
    return np.stack([piece.pixels for piece in pieces if piece.pixels is not None])


def require_direction(piece: Piece) -> None:
    """Refuse a part that the encoder has nothing to say of.

    Raises:
        ImageUnreadable: Its embedding is all zeros.
    """
    if piece.row is None or not piece.row.any():
        raise ImageUnreadable(
            f"The encoder finds nothing in {piece.part.label} (its embedding is all zeros, or no "
            "numbers): search with something else."
        )


def prepared(draft: Draft, gallery: Gallery) -> Prepared:
    """Combine the parts of one query, and collect what is no hit."""
    dim, query, pieces = gallery.space.dim, draft.query, draft.pieces
    rows = stacked([piece.row for piece in pieces if piece.row is not None], dim)
    kept, rejected = [
        unit_rows(gallery.embeddings(ids)) if ids else stacked([], dim) for ids in judged(query)
    ]
    pictures = [piece.row for piece in pieces if piece.wording is None and piece.row is not None]
    shown = unit_rows(stacked(pictures, dim))
    return Prepared(
        query,
        query_views(query, rows, kept, rejected),
        np.concatenate([shown, kept, rejected]) if query.exclude_copies else stacked([], dim),
        no_hits(query, pieces, gallery),
        draft.grouping,
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
