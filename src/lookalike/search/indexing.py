"""The index a searcher asks: found or built, kept live, built again when it has aged."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.errors import GalleryLocked, LookalikeError
from lookalike.gallery import Gallery, Snapshot
from lookalike.index import FaissIndex, Index, IndexConfig, SearchParams, build_index
from lookalike.index.config import training_rows_needed
from lookalike.index.covered import IndexedRows
from lookalike.index.live import LiveIndex
from lookalike.index.merging import merge_indexes
from lookalike.index.tuning.tuner import retune
from lookalike.index.tuning.wishes import TuneWish
from lookalike.search.published import (
    INDEX_FOLDER,
    Published,
    build_lock,
    newest_first,
    publish_index,
    publish_locked,
    published_index,
    spans_of,
)

__all__ = [
    "CurrentIndex",
    "Indexed",
    "merge_published",
    "needs_rebuild",
    "publish_index",
    "published_index",
    "rebuild_index",
    "refresh_index",
]

logger = logging.getLogger(__name__)

# Newer rows are compared one by one: 20,000 take a few milliseconds.
MOST_NEWER_ROWS = 20_000
MOST_NEWER_SHARE = 0.05
# More dead rows than that are walked over in vain by every query.
MOST_GONE_SHARE = 0.3

# Called with rows done and rows in all; what it raises ends the building.
Listener = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index together with the state of the gallery that it answers for.

    Attributes:
        snapshot: The state.
        index: Covers all of it.
        index_generation: The generation that was indexed; None where none was.
    """

    snapshot: Snapshot
    index: Index
    index_generation: int | None = None


class Stopped(Exception):
    """The searcher was closed while it built an index."""


def live_index(published: Published | None, snapshot: Snapshot, dim: int) -> LiveIndex:
    """Put what is newer and what is gone beside a built index."""
    indexed = None if published is None else published.indexed
    spans = [] if published is None else spans_of(published.segments, snapshot)
    return LiveIndex(indexed, spans, snapshot.blocks, dim=dim, dead=snapshot.dead)


def needs_rebuild(published: Published | None, live: LiveIndex) -> bool:
    """Tell whether an index has aged so much that it should be built again."""
    if published is None:
        return False
    if published.problem:
        return not published.is_newer
    if published.indexed is None:
        return False
    most = max(MOST_NEWER_ROWS, MOST_NEWER_SHARE * live.size)
    return live.delta_rows > most or live.gone_share > MOST_GONE_SHARE


def refresh_index(gallery: Gallery, *, on_progress: Listener | None = None) -> Path | None:
    """Build the published index again if it has aged or is damaged.

    Args:
        gallery: Whose.
        on_progress: Called with rows done and rows in all.

    Returns:
        Where the new one lies; None if the old one still does, there is none, or
        another process is building it.

    Raises:
        GalleryError, StorageFull: It cannot be written.
    """
    published = published_index(gallery)
    if published is None:
        return None
    live = live_index(published, gallery.snapshot(), gallery.space.dim)
    if not needs_rebuild(published, live):
        return None
    try:
        return rebuild_index(gallery, published, on_progress=on_progress)
    except GalleryLocked:
        logger.info("another process builds the index of %s", gallery.path)
        return None


def rebuild_index(
    gallery: Gallery, published: Published, *, on_progress: Listener | None = None
) -> Path:
    """Build a published index again, of the same config, over the present rows.

    What was tuned is tuned again, to the same wish.

    Raises:
        GalleryLocked: Another process builds it.
    """
    with build_lock(gallery):
        snapshot = gallery.snapshot()
        config = buildable(published.config, snapshot.rows - len(snapshot.dead))
        wish = published.evidence.get("wish")
        if wish is not None:
            tuned = retune(
                config,
                snapshot.blocks,
                TuneWish(**wish),
                dim=gallery.space.dim,
                dead=snapshot.dead,
                on_progress=lambda _, done, total: heard(on_progress, done, total),
            )
            return publish_locked(
                gallery, snapshot, tuned.index, tuned.to_dict(), config=tuned.config
            )
        index = build_index(
            snapshot.blocks,
            config,
            dim=gallery.space.dim,
            dead=snapshot.dead,
            on_progress=on_progress,
        )
        if published.indexed is not None and isinstance(index, FaissIndex):
            index.params = carried_params(published.indexed.index, index)
        return publish_locked(gallery, snapshot, index, published.evidence, config=config)


def buildable(config: IndexConfig, rows: int) -> IndexConfig:
    """Find what a gallery that has shrunk can still be indexed with."""
    for fitting in (config, replace(config, nlist=None)):
        if training_rows_needed(fitting, rows) <= rows:
            return fitting
    return IndexConfig()


def heard(on_progress: Listener | None, done: int, total: int) -> None:
    """Pass on what the tuner tells."""
    if on_progress is not None:
        on_progress(done, total)


def carried_params(old: FaissIndex, new: FaissIndex) -> SearchParams:
    """Keep what the old index was tuned to, with the same share of lists looked into."""
    lists = (old.nlist or 1, new.nlist or 1)
    if old.params.nprobe is None or lists[0] == lists[1]:
        return old.params
    # The lists grow with the square root of the rows, and so do those to look into.
    nprobe = max(1, round(old.params.nprobe * (lists[1] / lists[0]) ** 0.5))
    return replace(old.params, nprobe=nprobe)


class CurrentIndex:
    """Keeps an index over the newest state of a gallery. Safe to share between threads.

    Args:
        gallery: Whose.
        config: What to build in memory; None takes the published index.
        is_rebuilding: Whether to build again, in a thread, what has aged.
    """

    def __init__(
        self, gallery: Gallery, config: IndexConfig | None, *, is_rebuilding: bool
    ) -> None:
        self._gallery = gallery
        self._config = config
        self._is_rebuilding = is_rebuilding
        self._published: Published | None = None
        self._changed: int | None = None
        self._names: list[str] = []
        self._indexed: Indexed | None = None
        self._thread: threading.Thread | None = None
        self._tried = -1
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Stop building, and wait until that is done."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def current(self) -> Indexed:
        """Return an index over the gallery's newest state."""
        with self._lock:
            is_new = self._reload()
            generation = self._gallery.generation
            if is_new or self._indexed is None or self._indexed.snapshot.generation != generation:
                self._indexed = self._made(self._gallery.snapshot())
            return self._indexed

    def _reload(self) -> bool:
        """Take what was published since, if something was."""
        if self._config is not None:
            return False
        parent = self._gallery.path / INDEX_FOLDER
        try:
            changed = os.stat(parent).st_mtime_ns
        except OSError:
            return False
        if changed == self._changed:
            return False
        self._changed = changed
        names = newest_first(parent)
        if names == self._names:
            return False
        self._names = names
        self._published = published_index(self._gallery)
        return True

    def _made(self, snapshot: Snapshot) -> Indexed:
        """Make the index for one state."""
        dim = self._gallery.space.dim
        if self._config is not None and self._config.kind in {"exact", "flat"}:
            index = build_index(snapshot.blocks, self._config, dim=dim, dead=snapshot.dead)
            if not isinstance(index, FaissIndex):
                return Indexed(snapshot, index)
            self._published = in_memory(self._gallery, snapshot, index)
        if self._config is not None and self._published is None:
            built = build_index(snapshot.blocks, self._config, dim=dim, dead=snapshot.dead)
            self._published = in_memory(self._gallery, snapshot, built)
        live = live_index(self._published, snapshot, dim)
        if self._is_rebuilding and needs_rebuild(self._published, live):
            self._start(snapshot.generation)
        is_used = self._published is not None and self._published.indexed is not None
        generation = self._published.generation if self._published and is_used else None
        return Indexed(snapshot, live, generation)

    def _start(self, generation: int) -> None:
        """Build again beside the queries, unless that goes on or failed for this state."""
        is_running = self._thread is not None and self._thread.is_alive()
        if is_running or self._tried == generation or self._stop.is_set():
            return
        self._tried = generation
        self._thread = threading.Thread(target=self._rebuild, name="lookalike-index", daemon=True)
        self._thread.start()

    def _rebuild(self) -> None:
        """Build and publish; a failure is told in the log, and the old index stays."""
        published = self._published
        if published is None:
            return
        logger.info("building the index of %s again", self._gallery.path)
        try:
            if self._config is None:
                rebuild_index(self._gallery, published, on_progress=self._heed)
                return
            snapshot = self._gallery.snapshot()
            index = build_index(
                snapshot.blocks,
                self._config,
                dim=self._gallery.space.dim,
                dead=snapshot.dead,
                on_progress=self._heed,
            )
            with self._lock:
                self._published = in_memory(self._gallery, snapshot, index)
                self._indexed = None
        except Stopped:
            logger.info("stopped building the index of %s", self._gallery.path)
        except GalleryLocked:
            logger.info("another process builds the index of %s", self._gallery.path)
        except Exception as error:  # a query must not fail for it
            told = str(error).rstrip(".") if isinstance(error, LookalikeError) else repr(error)
            logger.warning("the index could not be built again, the old one stays in use: %s", told)

    def _heed(self, done: int, total: int) -> None:
        """Stop where the searcher was closed."""
        if self._stop.is_set():
            raise Stopped


def in_memory(gallery: Gallery, snapshot: Snapshot, index: Index) -> Published:
    """Note what an index that nobody else sees covers."""
    rows = [len(block) for block in snapshot.blocks]
    return Published(
        gallery.path,
        snapshot.generation,
        tuple(zip(snapshot.segment_ids, rows, strict=True)),
        index.config if isinstance(index, FaissIndex) else IndexConfig(),
        IndexedRows(index) if isinstance(index, FaissIndex) else None,
    )


def merge_published(target: Gallery, shards: Sequence[Gallery]) -> Path | None:
    """Join the published indexes of galleries that were merged into one.

    Args:
        target: The merged gallery; its segments are those of the shards, one
            shard after the other.
        shards: In the order they were merged in.

    Returns:
        Where the joined index lies; None where a shard has none, or its rows are
        not in the target as they were.

    Raises:
        UsageError: The indexes are graphs, or were not trained as one.
        GalleryError: It cannot be written.
    """
    found = [published_index(shard) for shard in shards]
    indexes = [each.indexed.index for each in found if each is not None and each.indexed]
    if not indexes or len(indexes) < len(shards):
        return None
    snapshot = target.snapshot()
    wanted = [rows for each in found if each is not None for _, rows in each.segments]
    if wanted != [len(block) for block in snapshot.blocks]:
        return None
    totals = [sum(rows for _, rows in each.segments) for each in found if each is not None]
    offsets = [sum(totals[:number]) for number in range(len(totals))]
    merged = merge_indexes(indexes, offsets)
    return publish_index(target, snapshot, merged, {"merged": len(shards)})
