"""Thumbnails: made once, kept while there is room, dropped where nobody waits any more."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from lookalike.errors import ImageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.images import decode, thumbnail_jpeg
from lookalike.images.reading import reason_of
from lookalike.server.pictures.opening import (
    KnownContents,
    file_changed,
    is_as_indexed,
    is_imported,
    open_catalogued,
    out_of_reach,
)

__all__ = ["SIDES", "Thumbnail", "Thumbnails", "fitting_side"]

# Few sides, so that what one page had made is of use to the next.
SIDES = (64, 128, 256, 512, 1024, 2048)
ROOM_BYTES = 96 << 20
QUALITY = 82
# How many times as long a side as is wanted decoding leaves for the resize, nearly.
SPARE = 1.8
# From this side on the resize would take longer than decoding; and what JPEG's own small
# sizes leave out is not missed there: less than two levels of 255 apart, in the mean.
LARGE = 1024
# Of the side that was asked for: nobody sees the rest missing.
ENOUGH = 0.97
# The sizes at which JPEG decodes without blurring, as divisors.
JPEG_STEPS = (4, 2)


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture.

    Attributes:
        jpeg: The file.
        is_as_indexed: Whether it shows what was indexed; else what is in its place now.
    """

    jpeg: bytes
    is_as_indexed: bool = True


@dataclass(slots=True)
class UnderWay:
    """A thumbnail that is being made, or waits for it.

    Attributes:
        future: Gives it.
        waiting: How many wait for it.
    """

    future: Future[Thumbnail]
    waiting: int = 0


class Thumbnails:
    """Makes thumbnails in a pool and keeps those asked for last. Belongs to one event loop.

    Args:
        pool: Where pictures are decoded.
        contents: What is known of files whose dates changed.
        room_bytes: For how many bytes of them there is room.
    """

    def __init__(
        self, pool: Executor, contents: KnownContents, *, room_bytes: int = ROOM_BYTES
    ) -> None:
        self._pool = pool
        self._contents = contents
        self._room_bytes = room_bytes
        self._kept: OrderedDict[Hashable, Thumbnail] = OrderedDict()
        self._kept_bytes = 0
        self._under_way: dict[Hashable, UnderWay] = {}

    def kept(self, gallery: Gallery, record: ImageRecord, side: int) -> Thumbnail | None:
        """Find one that is kept: equal contents look alike, whatever they are called.

        Within one gallery: what others hold is nothing to those who may not ask them, and
        how soon an answer comes would tell it.
        """
        key = (gallery.path, record.content_hash, side)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    async def made(self, gallery: Gallery, record: ImageRecord, side: int) -> Thumbnail:
        """Make one, together with all others who ask for it now.

        Where all of them give up before it was begun, it is never begun.

        Raises:
            Problem: The file is gone, or is no picture that can be read.
        """
        key = (gallery.path, record.image_id, record.content_hash, side)
        job = self._under_way.get(key)
        if job is None:
            future = self._pool.submit(self._drawn, gallery, record, side)
            job = self._under_way[key] = UnderWay(future)
        job.waiting += 1
        try:
            found = await asyncio.shield(asyncio.wrap_future(job.future))
        finally:
            job.waiting -= 1
            if job.waiting == 0:
                job.future.cancel()
            if self._under_way.get(key) is job and (job.waiting == 0 or job.future.done()):
                del self._under_way[key]
        if found.is_as_indexed and not is_imported(record):
            self._keep((gallery.path, record.content_hash, side), found)
        return found

    def _keep(self, key: Hashable, made: Thumbnail) -> None:
        """Keep one, and give up those that were not asked for longest."""
        if len(made.jpeg) > self._room_bytes or key in self._kept:
            return
        self._kept[key] = made
        self._kept_bytes += len(made.jpeg)
        while self._kept_bytes > self._room_bytes:
            _, old = self._kept.popitem(last=False)
            self._kept_bytes -= len(old.jpeg)

    def _drawn(self, gallery: Gallery, record: ImageRecord, side: int) -> Thumbnail:
        """Read and decode the file; in a thread of the pool."""
        opened = open_catalogued(gallery, record)
        try:
            is_known = is_as_indexed(opened, record, self._contents)
            data = b"".join(opened.chunks())
        except OSError as error:
            raise out_of_reach(record, reason_of(error)) from error
        finally:
            opened.close()
        try:
            picture = decode(data, shortest_side=shortest_side(record, side) if is_known else side)
            return Thumbnail(thumbnail_jpeg(picture, side, quality=QUALITY), is_known)
        except ImageError as error:
            if is_known:
                raise
            raise file_changed(record) from error


def shortest_side(record: ImageRecord, side: int) -> int:
    """Say what decoding is to be told, which leaves at least twice as many pixels as that.

    Phones' pictures of 4 to 3 then decode at half the size for each step of the ladder:
    several times faster, and nobody sees it. Large ones decode to the very size.
    """
    short, long = sorted((record.width, record.height))
    wanted = side * short / long if long else float(side)
    if record.format == "JPEG" and side >= LARGE:
        sizes = (short // step for step in JPEG_STEPS)
        found = next((size for size in sizes if size >= ENOUGH * wanted), None)
        if found is not None and found < SPARE * wanted:
            return max(1, found // 2)
    return max(1, int(SPARE / 2 * wanted))


def fitting_side(wanted: int) -> int:
    """Choose the next larger side there is, or the largest."""
    return next((side for side in SIDES if side >= wanted), SIDES[-1])
