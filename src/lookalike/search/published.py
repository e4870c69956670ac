"""The index that is published beside a gallery's truth, in ``index/``.

It is derived: it can be thrown away, is never half there (one rename publishes
it), and names the generation and the segments that it covers.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lookalike.errors import GalleryLocked, GalleryTooNew, GalleryUnreadable, LookalikeError
from lookalike.gallery import Gallery, Snapshot
from lookalike.gallery.failures import writing
from lookalike.gallery.segments import flush_folder
from lookalike.index import Index, IndexConfig
from lookalike.index.covered import IndexedRows
from lookalike.index.saving import checked_files, load_index, read_facts, save_index
from lookalike.index.spans import Span

__all__ = [
    "INDEX_FOLDER",
    "Published",
    "build_lock",
    "index_damage",
    "newest_first",
    "publish_index",
    "publish_locked",
    "published_index",
    "spans_of",
]

logger = logging.getLogger(__name__)

INDEX_FOLDER = "index"
BUILD_LOCK = "build.lock"
# The generation, and a token that no earlier folder had: readers may still map one.
PUBLISHED_NAME = re.compile(r"(\d{8,})-[0-9a-f]{8}")
UNFINISHED_NAME = re.compile(r"\d{8,}-[0-9a-f]{8}\.tmp")
REBUILD = (
    "the pictures are safe; build it again with 'lookalike tune', or delete its folder to "
    "compare every picture."
)
# How long a publisher waits for another one.
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """A published index, loaded.

    Attributes:
        folder: Where it lies.
        generation: Of the gallery that it was built from.
        segments: The segment_ids it covers, each with its rows.
        config: What it was built as.
        indexed: The index; None where every row is compared.
        evidence: What the choice rests on.
        problem: Why it cannot be used, or "".
        is_newer: Whether a newer Lookalike wrote it, whose work is left alone.
    """

    folder: Path
    generation: int
    segments: tuple[tuple[int, int], ...]
    config: IndexConfig
    indexed: IndexedRows | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    is_newer: bool = False


def publish_index(
    gallery: Gallery,
    snapshot: Snapshot,
    index: Index,
    evidence: dict[str, Any] | None = None,
    *,
    config: IndexConfig | None = None,
) -> Path:
    """Publish an index for everyone who searches the gallery; it replaces the last one.

    Args:
        gallery: Where.
        snapshot: What it was built from.
        index: From ``build_index``. Of one that compares every row, only the
            choice is kept.
        evidence: What the choice rests on, as JSON can hold it.
        config: Noted for an index that compares every row.

    Returns:
        The folder it lies in.

    Raises:
        GalleryLocked: Another process builds an index of this gallery.
        GalleryReadOnly, StorageFull, GalleryError: It cannot be written; the
            index of before, if any, is as it was.
    """
    with build_lock(gallery, timeout_s=PATIENCE_S):
        return publish_locked(gallery, snapshot, index, evidence, config=config)


@contextmanager
def build_lock(gallery: Gallery, *, timeout_s: float = 0.0) -> Iterator[None]:
    """Be the only one who builds an index of this gallery.

    Raises:
        GalleryLocked: Another process or thread does.
        GalleryReadOnly, StorageFull, GalleryError: The folder cannot be written.
    """
    folder = gallery.path / INDEX_FOLDER
    with writing(gallery.path):
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / BUILD_LOCK, timeout=timeout_s, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise GalleryLocked(
                f"Another process builds the index of the gallery {gallery.path}: "
                "wait until that ends, then try again."
            ) from error
    try:
        yield
    finally:
        lock.release()


def publish_locked(
    gallery: Gallery,
    snapshot: Snapshot,
    index: Index,
    evidence: dict[str, Any] | None = None,
    *,
    config: IndexConfig | None = None,
) -> Path:
    """Publish, as ``publish_index`` does, under the lock that is held already."""
    parent = gallery.path / INDEX_FOLDER
    name = f"{snapshot.generation:08d}-{secrets.token_hex(4)}"
    rows = [len(block) for block in snapshot.blocks]
    about = {
        "generation": snapshot.generation,
        "segments": [list(pair) for pair in zip(snapshot.segment_ids, rows, strict=True)],
        "evidence": evidence or {},
    }
    with writing(gallery.path):
        remove_folders(parent, UNFINISHED_NAME)  # of publishers that were killed
        temporary = parent / f"{name}.tmp"
        try:
            save_index(index, temporary, about, config=config)
            flush_folder(temporary)
            os.rename(temporary, parent / name)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(parent)
        remove_folders(parent, PUBLISHED_NAME, but=name)
    logger.info("published the index %s", parent / name)
    return parent / name


def remove_folders(parent: Path, names: re.Pattern[str], *, but: str = "") -> None:
    """Remove folders; what a reader on Windows still maps goes next time."""
    for name in os.listdir(parent):
        if names.fullmatch(name) and name != but:
            shutil.rmtree(parent / name, ignore_errors=True)


def published_index(gallery: Gallery) -> Published | None:
    """Load the newest index that can be used; what cannot is said in the log.

    Returns:
        None where there is none. Where all are damaged, the newest one with its
        ``problem``: it says what to build again.
    """
    parent = gallery.path / INDEX_FOLDER
    damaged = None
    for name in newest_first(parent):
        try:
            found = loaded(parent / name)
        except FileNotFoundError:  # replaced just now
            return published_index(gallery) if name not in newest_first(parent) else damaged
        if not found.problem:
            return found
        logger.warning(found.problem.rstrip("."))
        damaged = damaged or found
    return damaged


def index_damage(gallery: Gallery) -> str:
    """Read every byte of the published index; say what is wrong with it, or nothing."""
    parent = gallery.path / INDEX_FOLDER
    for name in newest_first(parent):
        try:
            wrong = checked_files(parent / name)
        except FileNotFoundError:
            if name in newest_first(parent):
                return f"The index {parent / name} misses a file: {REBUILD}"
            continue  # replaced just now
        except LookalikeError as error:
            return str(error)
        if wrong:
            return f"The index {parent / name} is damaged ({', '.join(wrong)}): {REBUILD}"
    return ""


def newest_first(parent: Path) -> list[str]:
    """List what is published."""
    try:
        names = [name for name in os.listdir(parent) if PUBLISHED_NAME.fullmatch(name)]
    except OSError:
        return []
    return sorted(names, key=lambda name: (int(name.partition("-")[0]), name), reverse=True)


def loaded(folder: Path) -> Published:
    """Load one index.

    Raises:
        FileNotFoundError: It is not there any more.
    """
    generation = int(folder.name.partition("-")[0])
    try:
        saved = load_index(folder)
        about = saved.about
        segments = tuple((int(key), int(rows)) for key, rows in about["segments"])
    except FileNotFoundError:
        raise
    except GalleryTooNew as error:
        config = IndexConfig()
        return Published(folder, generation, (), config, problem=str(error), is_newer=True)
    except (GalleryUnreadable, OSError, KeyError, TypeError, ValueError) as error:
        config, evidence = told_of(folder)
        return Published(folder, generation, (), config, evidence=evidence, problem=str(error))
    indexed = None if saved.index is None else IndexedRows(saved.index)
    return Published(
        folder, int(about["generation"]), segments, saved.config, indexed, about["evidence"]
    )


def told_of(folder: Path) -> tuple[IndexConfig, dict[str, Any]]:
    """Read what a damaged index was built as, and why, as far as that is left."""
    try:
        facts = read_facts(folder)
        return IndexConfig.from_dict(facts["config"]), dict(facts["about"]["evidence"])
    except (LookalikeError, OSError, KeyError, TypeError, ValueError):
        return IndexConfig(), {}


def spans_of(segments: tuple[tuple[int, int], ...], snapshot: Snapshot) -> list[Span]:
    """Say where the rows of covered segments are in a snapshot, as far as they still are."""
    starts: dict[tuple[int, int], int] = {}
    total = 0
    for segment_id, block in zip(snapshot.segment_ids, snapshot.blocks, strict=True):
        starts[segment_id, len(block)] = total
        total += len(block)
    spans = []
    main_start = 0
    for segment_id, rows in segments:
        if (segment_id, rows) in starts:
            spans.append(Span(main_start, starts[segment_id, rows], rows))
        main_start += rows
    return spans
