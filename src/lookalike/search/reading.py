"""From the parts of a query to what an encoder takes: looked up, read, decoded, cut."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, prepare
from lookalike.errors import ImageError
from lookalike.gallery import Gallery
from lookalike.images import content_hash, decode, read_file
from lookalike.images.regions import Region, cut_out
from lookalike.search.parts import QueryPart
from lookalike.search.recent import RecentRows
from lookalike.vectors import to_queries

__all__ = ["Piece", "look_up", "read_pictures"]

Rows = NDArray[np.float32]

CORES = os.cpu_count() or 1


@dataclass(slots=True, eq=False)
class Piece:
    """A part on its way to its embedding.

    Attributes:
        part: What it is.
        wording: The text as its encoder gets it, in its query's template.
        own: The gallery's images that are the part itself.
        hashes: Content of the files that it is.
        pixels: The encoder's input ``(size, size, 3)``, of a picture.
        row: Its embedding ``(dim,)``; None as long as it is not known.
    """

    part: QueryPart
    wording: str | None = None
    own: frozenset[int] = frozenset()
    hashes: tuple[str, ...] = ()
    pixels: NDArray[np.uint8] | None = field(default=None, repr=False)
    row: Rows | None = None

    @property
    def content(self) -> tuple[str, Region | None] | str | None:
        """What its embedding follows from; None where that cannot be told at a glance."""
        if self.wording is not None:
            return self.wording
        if self.part.picture is None or not self.hashes:
            return None
        return self.hashes[0], self.part.region


def look_up(piece: Piece, gallery: Gallery) -> None:
    """Fill in what needs no encoder."""
    part = piece.part
    if part.image_id is not None:
        image = gallery.image(part.image_id)
        piece.own, piece.hashes = frozenset({image.image_id}), (image.content_hash,)
        piece.row = gallery.embedding(image.image_id)
    elif part.embedding is not None:
        piece.row = to_queries(part.embedding, gallery.space.dim)[0]


def read_pictures(
    pieces: Sequence[Piece], gallery: Gallery, encoder: Callable[[], Encoder], recent: RecentRows
) -> None:
    """Read and decode pictures, files and bytes in threads.

    Raises:
        ImageError: One cannot be read: the first such.
    """
    # Decoding lets go of Python's lock. Objects in memory are the caller's, who may have
    # given one twice: Pillow loads such an object in one thread only.
    apart = [piece for piece in pieces if isinstance(piece.part.picture, str | bytes)]
    if len(apart) < 2:
        for piece in pieces:
            read_picture(piece, gallery, encoder, recent)
        return
    with ThreadPoolExecutor(min(CORES, len(apart))) as pool:
        under_way = {
            id(piece): pool.submit(read_picture, piece, gallery, encoder, recent) for piece in apart
        }
        try:
            for piece in pieces:
                if id(piece) in under_way:
                    under_way[id(piece)].result()
                else:
                    read_picture(piece, gallery, encoder, recent)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def read_picture(
    piece: Piece, gallery: Gallery, encoder: Callable[[], Encoder], recent: RecentRows
) -> None:
    """Read a picture, note which images of the gallery it is, and cut the encoder's input."""
    source, path, name = piece.part.picture, None, piece.part.name
    if source is None:
        return
    if isinstance(source, str):
        path, name = source, name or source
        source = read_query(path)
    called = None if name is None else repr(name)
    if isinstance(source, bytes):
        digest = content_hash(source)
        piece.own, piece.hashes = own_ids(gallery, digest, path), (digest,)
        piece.row = recent.row(piece.content)
        if piece.row is not None:
            return
    if piece.part.region is not None:
        picture = decode(source, name=called)
        source = cut_out(picture, piece.part.region, name=called or "the picture")
    piece.pixels = prepare(source, encoder(), name=called)[1]


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
