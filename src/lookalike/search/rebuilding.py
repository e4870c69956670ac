"""When a gallery's published index is built, and built again."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from lookalike.errors import GalleryLocked
from lookalike.gallery import Gallery, Snapshot
from lookalike.index import FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.index.building import Listener
from lookalike.index.config import training_rows_needed
from lookalike.index.live import LiveIndex
from lookalike.index.tuning import TuneWish, needs_index, retune, tune
from lookalike.search.published import (
    Published,
    build_lock,
    publish_locked,
    published_index,
    spans_of,
)

__all__ = [
    "has_outgrown_exact",
    "live_index",
    "needs_rebuild",
    "rebuild_index",
    "refresh_index",
]

logger = logging.getLogger(__name__)

# Newer rows are compared one by one: 20,000 take a few milliseconds.
MOST_NEWER_ROWS = 20_000
MOST_NEWER_SHARE = 0.05
# More dead rows than that are walked over in vain by every query.
MOST_GONE_SHARE = 0.3


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
    """Tune an index if the gallery has outgrown exact search; build an aged one again.

    Args:
        gallery: Whose.
        on_progress: Called with rows done and rows in all.

    Returns:
        Where the new one lies; None if the old one still serves, none is needed,
        or another process is building it.

    Raises:
        GalleryError, StorageFull: It cannot be written.
    """
    published = published_index(gallery)
    live = live_index(published, gallery.snapshot(), gallery.space.dim)
    try:
        if has_outgrown_exact(published, live):
            return tuned_index(gallery, published, on_progress=on_progress)
        if published is not None and needs_rebuild(published, live):
            return rebuild_index(gallery, published, on_progress=on_progress)
        return None
    except GalleryLocked:
        logger.info("another process builds the index of %s", gallery.path)
        return None


def has_outgrown_exact(published: Published | None, live: LiveIndex) -> bool:
    """Tell whether every row is compared where an index would be much faster.

    Who wished for it with a gallery of this size, or with recall 1, keeps it.
    """
    if not needs_index(live.size, live.dim):
        return False
    if published is None:
        return True
    evidence = published.evidence
    if published.config.kind not in {"exact", "flat"}:
        return False
    if published.problem or "shrunk" in evidence:
        return True  # what was chosen is lost, or nothing else fitted a smaller gallery
    if "chosen" not in evidence:
        return False
    return bool(evidence["wish"]["recall"] < 1 and 2 * evidence["chosen"]["rows"] < live.size)


def tuned_index(
    gallery: Gallery, published: Published | None, *, on_progress: Listener | None
) -> Path:
    """Tune and publish an index, to the wish of the last one or the usual wish.

    Raises:
        GalleryLocked: Another process builds one.
    """
    stored = {} if published is None else published.evidence.get("wish", {})
    wish = TuneWish(**stored)
    with build_lock(gallery):
        snapshot = gallery.snapshot()
        tuned = tune(
            snapshot.blocks,
            wish,
            dim=gallery.space.dim,
            dead=snapshot.dead,
            on_progress=lambda _, done, total: heard(on_progress, done, total),
        )
        return publish_locked(gallery, snapshot, tuned.index, tuned.to_dict(), config=tuned.config)


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
        # What is trained anew is no longer like another, nor joined from others.
        kept = {k: v for k, v in published.evidence.items() if k not in {"like", "joined"}}
        if config.kind == "exact":
            kept["shrunk"] = True
        return publish_locked(gallery, snapshot, index, kept, config=config)


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
