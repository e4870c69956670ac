"""The index a searcher asks: found or built, kept live, built again when it has aged."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass

from lookalike.errors import GalleryLocked, LookalikeError
from lookalike.folder_dates import dated
from lookalike.gallery import Gallery, Snapshot
from lookalike.index import FaissIndex, Index, IndexConfig, build_index
from lookalike.index.covered import IndexedRows
from lookalike.search.published import INDEX_FOLDER, Published, newest_first, published_index
from lookalike.search.rebuilding import (
    has_outgrown_exact,
    live_index,
    needs_rebuild,
    refresh_index,
)

__all__ = ["CurrentIndex", "Indexed"]

logger = logging.getLogger(__name__)


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
            facts = os.stat(parent)
        except OSError:
            return False
        if facts.st_mtime_ns == self._changed:
            return False
        self._changed = dated(facts)
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
        is_due = needs_rebuild(self._published, live)
        if self._config is None:
            is_due = is_due or has_outgrown_exact(self._published, live)
        if self._is_rebuilding and is_due:
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
        logger.info("building the index of %s", self._gallery.path)
        try:
            if self._config is None:
                refresh_index(self._gallery, on_progress=self._heed)
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
