"""Files in, embeddings out, in order: reading, decoding and encoding side by side."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.encoders.runtimes.cores import usable_cores
from lookalike.errors import ImageError, ImageOutOfReach
from lookalike.gallery import KnownImage
from lookalike.images import ImageRef, Picture, content_hash, crop, decode, read_file
from lookalike.ingest.planning import Moves
from lookalike.ingest.removed import RemovedPictures
from lookalike.ingest.timing import StageClock

__all__ = ["Loaded", "Pipeline", "PictureFacts"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Crops that wait for the encoder, and those in its calls, may take this much memory
# together. Where that is less than one full call more than the encoder has under way,
# they may take as much as those: two calls of 1024 pictures of 518 pixels on a card, and
# a third that gathers, are 2.5 GB. A call counts twice for the moment in which its crops
# are put side by side.
CROP_BYTES = 256 * 2**20
# The last calls are no smaller than one of so many parts of a full one: some networks
# fill each call up with padding.
CALL_PARTS = 4

NO_MEMORY = "The memory did not suffice to decode it."
NO_DIRECTION = "The encoder finds nothing in it: its embedding is all zeros, or no numbers."


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What decoding told about a picture, without its pixels."""

    width: int
    height: int
    format: str
    taken: str | None
    camera: str | None
    latitude: float | None
    longitude: float | None


@dataclass(slots=True)
class Loaded:
    """One file after reading and decoding.

    Attributes:
        ref: Which file.
        content_hash: Of its bytes; empty where it could not be read.
        facts: None for an unreadable file, or one that needs no decoding.
        pixels: The encoder's input; dropped as soon as it has been encoded.
        is_removed: Whether it was removed by hand, and has not changed since.
        moved_from: The image whose file went away and whose bytes these are.
        failure: Why it cannot be used.
        is_out_of_reach: Whether the failure says nothing about the picture itself.
        embedding: Its unit row, once encoded or looked up.
        was_encoded: Whether the encoder made that row just now.
    """

    ref: ImageRef
    content_hash: str = ""
    facts: PictureFacts | None = None
    pixels: NDArray[np.uint8] | None = None
    is_removed: bool = False
    moved_from: KnownImage | None = None
    failure: str | None = None
    is_out_of_reach: bool = False
    embedding: NDArray[np.float32] | None = None
    was_encoded: bool = False


class Pipeline:
    """Loads and encodes files with threads; Pillow and the encoder release the GIL.

    Args:
        encoder: Which encoder.
        decode_threads: How many files are read and decoded at a time. By default, as
            many as the encoder's calls under way; beside an encoder that leaves the
            processor alone, as many as there are cores.

    Attributes:
        clock: Told how long each stage is busy.
    """

    def __init__(self, encoder: Encoder, *, decode_threads: int | None = None) -> None:
        self._encoder = encoder
        # Measured on two quiet cores: as many threads that decode as that encode, and
        # the system sharing the cores out, beats threads that take turns by a fifth.
        fitting = 0 if encoder.shares_cores else usable_cores()
        self._decode_threads = decode_threads or max(encoder.workers, fitting)
        self._in_calls = 0
        self._counting = threading.Lock()
        self.clock = StageClock(
            {
                "read": self._decode_threads,
                "decode": self._decode_threads,
                "encode": encoder.workers,
                "write": 1,
            }
        )

    def run(
        self,
        refs: Sequence[ImageRef],
        absolute: Callable[[str], str],
        *,
        known: Mapping[str, KnownImage],
        moves: Moves,
        is_new: Callable[[str], bool],
        removed: RemovedPictures | None = None,
    ) -> Generator[Loaded, None, None]:
        """Yield every file in order, with its embedding where it needs one.

        Args:
            refs: Which files.
            absolute: From a ref's path to the file.
            known: Images by path: a file whose bytes are the known ones is not decoded.
            moves: Images whose files are gone: their bytes under a new name are a rename.
            is_new: Asked in order, on the caller's thread, whether a content
                needs an embedding. The first of several copies gets it.
            removed: Files that were removed by hand: those that are still what they
                were are not decoded.
        """
        kept_out = removed or RemovedPictures()

        def load(ref: ImageRef) -> Loaded:
            return self._load(ref, absolute(ref.path), known.get(ref.path), moves, kept_out)

        with (
            ThreadPoolExecutor(self._decode_threads, "decode") as decoders,
            ThreadPoolExecutor(self._encoder.workers, "encode") as encoders,
        ):
            try:
                most, self._in_calls = self._most_crops(), 0
                loaded = bounded_map(decoders, load, refs, lambda: self._files_ahead(most))
                batches = self._batches(loaded, is_new, len(refs))
                calls = self._calls_ahead(most)
                for batch in bounded_map(encoders, self._encode, batches, lambda: calls):
                    yield from batch
            finally:
                # After Ctrl-C nobody wants what is still queued.
                decoders.shutdown(wait=False, cancel_futures=True)
                encoders.shutdown(wait=False, cancel_futures=True)

    def _most_crops(self) -> int:
        """How many crops may be in memory: at least all calls under way, and one that gathers."""
        crop_bytes = 3 * self._encoder.preprocessing.size**2
        full_calls = (self._encoder.workers + 1) * self._encoder.batch_size
        return max(CROP_BYTES // crop_bytes, full_calls)

    def _files_ahead(self, most: int) -> int:
        """How many files may be read and decoded ahead: enough to ride over a slow one."""
        wanted = 8 * self._encoder.batch_size * self._encoder.workers
        return max(2 * self._decode_threads, min(most - self._in_calls, wanted))

    def _calls_ahead(self, most: int) -> int:
        """How many calls may be under way or queued: twice the workers where memory allows."""
        workers = self._encoder.workers
        return max(workers + 1, min(2 * workers, most // self._encoder.batch_size - 1))

    def _count(self, crops: int) -> None:
        """Count crops into the calls, the one that gathers included, or out of them."""
        with self._counting:
            self._in_calls += crops

    def _load(
        self,
        ref: ImageRef,
        path: str,
        known: KnownImage | None,
        moves: Moves,
        removed: RemovedPictures,
    ) -> Loaded:
        """Read one file, and decode it unless its bytes are known. Never raises for a bad file."""
        item = Loaded(ref)
        try:
            with self.clock.stage("read"):
                data = read_file(path)
                item.content_hash = content_hash(data)
            content = item.content_hash
            if known is None:
                if not removed.is_at(ref.path, content):
                    item.moved_from = moves.claim(content)
                item.is_removed = item.moved_from is None and removed.holds(ref.path, content)
            elif known.content_hash == content:
                return item
            else:
                # A removed file may have been moved over a known one, or a known one.
                item.is_removed = not moves.awaits(content) and removed.holds(ref.path, content)
            if item.is_removed or item.moved_from:
                return item
            with self.clock.stage("decode"):
                preprocessing = self._encoder.preprocessing
                picture = decode(data, shortest_side=preprocessing.resize)
                item.pixels = crop(picture, preprocessing)
                item.facts = facts_of(picture)
        except (ImageOutOfReach, MemoryError) as error:
            item.failure, item.is_out_of_reach = str(error) or NO_MEMORY, True
        except ImageError as error:
            item.failure = str(error)
        return item

    def _batches(
        self, loaded: Iterable[Loaded], is_new: Callable[[str], bool], left: int
    ) -> Iterator[list[Loaded]]:
        """Gather files until an encoder call is full; the others ride along, in order."""
        batch: list[Loaded] = []
        waiting = 0
        for item in loaded:
            if item.pixels is not None:
                if is_new(item.content_hash):
                    waiting += 1
                    self._count(1)
                else:
                    item.pixels = None
            batch.append(item)
            if waiting >= self._call_size(left) or len(batch) >= 8 * self._encoder.batch_size:
                yield batch
                left -= len(batch)
                batch, waiting = [], 0
        if batch:
            yield batch

    def _call_size(self, left: int) -> int:
        """Share the last files out, so that no worker is idle while another has a full call."""
        full = self._encoder.batch_size
        return min(full, max(full // CALL_PARTS, math.ceil(left / self._encoder.workers)))

    def _encode(self, batch: list[Loaded]) -> list[Loaded]:
        items = [item for item in batch if item.pixels is not None]
        if items:
            with self.clock.stage("encode"):
                pixels = np.stack([item.pixels for item in items if item.pixels is not None])
                for item in items:
                    item.pixels = None
                rows = self._encoder.encode(pixels)
            self._count(-len(items))
            for item, row in zip(items, rows, strict=True):
                if row.any():
                    item.embedding, item.was_encoded = row, True
                else:
                    item.failure = NO_DIRECTION
        return batch


def facts_of(picture: Picture) -> PictureFacts:
    """Keep what decoding told, and let the pixels go."""
    return PictureFacts(
        width=picture.width,
        height=picture.height,
        format=picture.format,
        taken=picture.taken,
        camera=picture.camera,
        latitude=picture.latitude,
        longitude=picture.longitude,
    )


def bounded_map(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Answer],
    items: Iterable[Item],
    ahead: Callable[[], int],
) -> Iterator[Answer]:
    """Map in order with at most ``ahead()`` calls under way or finished and not yet taken.

    An answer is handed on as soon as it is the next one, so that a slow later
    stage does not keep finished work from being written.
    """
    under_way: deque[Future[Answer]] = deque()
    for item in items:
        under_way.append(pool.submit(function, item))
        while under_way and (len(under_way) >= ahead() or under_way[0].done()):
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
