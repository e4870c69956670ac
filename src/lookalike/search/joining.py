"""A gallery's index made from those of others: trained as one, filled apart, joined."""

from __future__ import annotations

import heapq
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery, Snapshot
from lookalike.gallery.locations import source_at
from lookalike.index import FaissIndex, build_index
from lookalike.index.building import Listener
from lookalike.index.covered import IndexedRows
from lookalike.index.merging import merge_indexes, renumber
from lookalike.index.tuning import needs_index
from lookalike.search.published import Published, publish_index, published_index, spans_of
from lookalike.search.rebuilding import live_index
from lookalike.vectors import require_same_space

__all__ = ["build_like", "join_published"]

logger = logging.getLogger(__name__)

# A picture's path as it sorts in the catalog, whose it is, and its row there.
Entry = tuple[bytes, int, int]
TARGET = -1


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one gallery brings to a join.

    Attributes:
        gallery: Whose index it is.
        snapshot: The state that the index is read for.
        published: Covers all of it.
        indexed: The index itself.
    """

    gallery: Gallery
    snapshot: Snapshot
    published: Published
    indexed: IndexedRows


def build_like(gallery: Gallery, other: Gallery, *, on_progress: Listener | None = None) -> Path:
    """Build and publish an index with all that another gallery's index has learned.

    Nothing is trained, tuned or measured. Indexes that were built like one are
    joined when their galleries are merged.

    Args:
        gallery: Whose index is built.
        other: Whose index is taken after; it stays as it is.
        on_progress: Called with rows done and rows in all.

    Returns:
        Where the index lies.

    Raises:
        SpaceMismatch: The galleries hold embeddings of different encoders.
        UsageError: They are one gallery, or the other has no index.
        GalleryError, StorageFull: It cannot be written.
    """
    require_same_space(gallery.space, other.space, owner=f"The gallery {other.path}")
    if os.path.realpath(gallery.path) == os.path.realpath(other.path):
        raise UsageError(
            f"The index of the gallery {gallery.path} cannot be built like itself: name another "
            "gallery, or leave the option out."
        )
    published, indexed = required_index(other)
    trained = indexed.index
    snapshot = gallery.snapshot()
    index = build_index(
        snapshot.blocks,
        trained.config,
        dim=gallery.space.dim,
        dead=snapshot.dead,
        trained=trained,
        on_progress=on_progress,
    )
    if isinstance(index, FaissIndex):
        index.params = trained.params
    evidence = {"like": str(other.path), **wish_of(published)}
    return publish_index(gallery, snapshot, index, evidence)


def join_published(target: Gallery, shards: Sequence[Gallery]) -> Path | None:
    """Join the published indexes of galleries that were merged into one.

    Args:
        target: The merged gallery, which has no index yet.
        shards: In the order they were merged in. They stay as they are.

    Returns:
        Where the joined index lies; None where they cannot be joined, and the log
        says why.

    Raises:
        GalleryError, StorageFull: A gallery cannot be read, or the target not written.
    """
    try:
        require_alone(target, shards)
        parts = [part_of(shard) for shard in shards]
        snapshot = target.snapshot()
        index = joined_index(target, snapshot, parts)
    except UsageError as error:
        logger.info("the indexes are not joined: %s", str(error).rstrip("."))
        return None
    evidence = {"joined": len(parts), **wish_of(parts[0].published)}
    return publish_index(target, snapshot, index, evidence)


def joined_index(target: Gallery, snapshot: Snapshot, parts: Sequence[Part]) -> FaissIndex:
    """Join, and number the rows as the target does.

    Raises:
        UsageError: They are graphs, or were not trained as one, or lack rows, or
            compare every row where that takes too long.
    """
    kind = parts[0].indexed.index.config.kind
    if kind == "flat" and needs_index(snapshot.rows, target.space.dim):
        raise UsageError(
            f"The gallery {target.path} has outgrown comparing all {snapshot.rows} embeddings, "
            "as the indexes do: tune a new one."
        )
    # Before the pictures are matched: of what cannot be joined, this says so at once.
    lengths = [numbers_of(part) for part in parts]
    offsets = [sum(lengths[:number]) for number in range(len(parts))]
    index = merge_indexes([part.indexed.index for part in parts], offsets)
    maps = rows_in_target(target, snapshot, parts)
    numbers = np.concatenate(
        [
            index_numbers(part, rows, length)
            for part, rows, length in zip(parts, maps, lengths, strict=True)
        ]
    )
    covered = renumber(index, numbers, rows=snapshot.rows)
    living = snapshot.rows - len(snapshot.dead)
    if covered < living:
        raise UsageError(
            f"The indexes have {covered} of the {living} embeddings of the gallery {target.path}: "
            "tune each gallery after its last update, then merge."
        )
    return index


def require_alone(target: Gallery, shards: Sequence[Gallery]) -> None:
    """Refuse a gallery that has an index, or pictures of its own.

    Raises:
        UsageError: It has.
    """
    published = published_index(target)
    if published is not None and (not published.problem or published.is_newer):
        raise UsageError(f"The gallery {target.path} has an index: it stays in use.")
    of_shards = sum(map(len, shards))
    if len(target) > of_shards:
        raise UsageError(
            f"The gallery {target.path} has {len(target)} pictures and those merged into it "
            f"{of_shards}: merge into a new gallery to have their indexes joined."
        )


def required_index(gallery: Gallery) -> tuple[Published, IndexedRows]:
    """Load a gallery's index.

    Raises:
        UsageError: It has none.
    """
    published = published_index(gallery)
    if published is None or published.indexed is None:
        found = "no index"
        if published is not None:
            found = "a damaged index" if published.problem else "no index by choice"
        raise UsageError(
            f"The gallery {gallery.path} has {found}, and lists or codes of one are needed: "
            "build one there with 'lookalike tune' first."
        )
    return published, published.indexed


def part_of(gallery: Gallery) -> Part:
    """Take a gallery's index, if it covers all of the gallery.

    Raises:
        UsageError: It has none, or the index lacks rows.
    """
    published, indexed = required_index(gallery)
    snapshot = gallery.snapshot()
    newer = live_index(published, snapshot, gallery.space.dim).delta_rows
    if newer:
        raise UsageError(
            f"The index of the gallery {gallery.path} lacks {newer} newer embeddings: build it "
            "again with 'lookalike tune'."
        )
    return Part(gallery, snapshot, published, indexed)


def wish_of(published: Published) -> dict[str, object]:
    """Keep what was wished for: a later rebuild is tuned to it."""
    wish = published.evidence.get("wish")
    return {} if wish is None else {"wish": wish}


def numbers_of(part: Part) -> int:
    """Say how many row numbers an index reaches to."""
    return max(part.indexed.length, sum(rows for _, rows in part.published.segments))


def index_numbers(part: Part, rows: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Turn a map of a gallery's rows into one of its index's, which may number them otherwise."""
    numbers = np.full(length, -1, dtype=np.int64)
    for span in spans_of(part.published.segments, part.snapshot):
        numbers[span.main_start : span.main_start + span.rows] = rows[
            span.global_start : span.global_start + span.rows
        ]
    return numbers


def rows_in_target(
    target: Gallery, snapshot: Snapshot, parts: Sequence[Part]
) -> list[NDArray[np.int64]]:
    """Find the target's row for each row of each part; -1 for those of no picture.

    Pictures are known by source and path. All galleries are read side by side in
    the order of their paths, so that not even their paths are in memory together.
    """
    maps = [np.full(part.snapshot.rows, -1, dtype=np.int64) for part in parts]
    known = [part.gallery.sources() for part in parts]
    for source in target.sources():
        streams = [entries(target, snapshot, source.source_id, TARGET)]
        for number, part in enumerate(parts):
            own = source_at(known[number], kind=source.kind, location=source.location)
            if own is not None:
                streams.append(entries(part.gallery, part.snapshot, own.source_id, number))
        # Of one path, the target's entry comes first.
        there, target_row = b"", -1
        for path, number, row in heapq.merge(*streams):
            if number == TARGET:
                there, target_row = path, row
            elif path == there:
                maps[number][row] = target_row
    return maps


def entries(gallery: Gallery, snapshot: Snapshot, source_id: int, number: int) -> Iterator[Entry]:
    """Stream a source's pictures, sorted as the catalog does: text before what is no text."""
    for path, row in gallery.rows_by_path(snapshot, source_id):
        key = b"1" + path if isinstance(path, bytes) else b"0" + path.encode()
        yield key, number, row
