"""What is told of a gallery, worked out once for each of its states."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from lookalike.errors import LookalikeError
from lookalike.gallery.column_facts import column_facts
from lookalike.gallery.finding import CATALOG
from lookalike.search.published import INDEX_FOLDER, newest_first, told_of
from lookalike.server.mapping import has_map

if TYPE_CHECKING:
    from lookalike.gallery import Gallery, GalleryInfo
    from lookalike.server.hosting import Hosted
    from lookalike.server.state import Server

__all__ = ["entry_of", "facts_of", "forget_described", "is_writable", "look_ahead", "stop_looking"]

# While pictures are being added, columns are looked through again only after this many
# times the time that it takes.
PAUSE_TIMES = 20.0
# What takes no longer is waited for.
QUICK_S = 0.05


@dataclass(slots=True)
class Described:
    """What was worked out of one gallery, and when.

    Attributes:
        generation: The state that ``info`` is of.
        columns_generation: The state that ``columns`` are of.
        columns_at: When they were looked through.
        columns_s: How long that took.
        lock: Held while something is worked out that somebody waits for.
        task: Looks through the columns beside.
        stop: Ends that.
    """

    generation: int = -1
    info: dict[str, Any] = field(default_factory=dict)
    columns_generation: int = -1
    columns: list[dict[str, Any]] = field(default_factory=list)
    columns_at: float = 0.0
    columns_s: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)


def entry_of(server: Server, here: Hosted, *, can_write: bool) -> dict[str, Any]:
    """Tell of a gallery what a list shows: a millisecond."""
    return {
        "name": here.name,
        "is_default": here.name == server.settings.default_gallery,
        "images": len(here.gallery),
        "generation": here.gallery.generation,
        "dim": here.gallery.space.dim,
        "encoder": here.gallery.space.encoder,
        "has_text": here.has_text,
        "has_map": has_map(here.gallery),
        "is_ready": here.is_ready,
        "can_write": can_write and is_writable(here.gallery),
    }


def is_writable(gallery: Gallery) -> bool:
    """Tell whether this process may change a gallery, by asking the system: no file is made."""
    may_change = os.access(gallery.path, os.W_OK | os.X_OK)
    return may_change and os.access(gallery.path / CATALOG, os.W_OK)


async def facts_of(server: Server, here: Hosted, *, can_write: bool) -> dict[str, Any]:
    """Tell all of a gallery; what takes long is worked out once for each of its states.

    Columns that took long to look through are told as they were, and looked through
    again beside.
    """
    known = server.described.setdefault(here.name, Described())
    async with known.lock:
        await asyncio.to_thread(bring_up_to_date, known, here.gallery)
    if needs_columns(known) and (known.task is None or known.task.done()):
        known.task = asyncio.create_task(look_beside(known, here.gallery))
    entry = await asyncio.to_thread(entry_of, server, here, can_write=can_write)
    return {
        **entry,
        **known.info,
        "columns": known.columns,
        "limits": asdict(server.settings.limits),
        "can_fetch_urls": server.settings.allow_urls,
    }


async def look_ahead(server: Server) -> None:
    """Work everything out before somebody asks; what fails is told to those who ask."""
    for here in server.galleries.values():
        with suppress(LookalikeError):
            await facts_of(server, here, can_write=False)


def stop_looking(server: Server) -> None:
    """End what is being worked out: the server stops."""
    for known in server.described.values():
        known.stop.set()


def forget_described(server: Server, name: str) -> None:
    """Forget what was worked out of a gallery: another one has its name now."""
    known = server.described.pop(name, None)
    if known is not None:
        known.stop.set()


def bring_up_to_date(known: Described, gallery: Gallery) -> None:
    """Work out what has changed since, as far as that is quick."""
    generation = gallery.generation
    if known.generation != generation:
        known.info = info_facts(gallery.info())
        known.generation = generation
    known.info["index"] = index_facts(gallery)
    is_known = known.columns_generation != -1
    if needs_columns(known) and not (is_known and known.columns_s > QUICK_S):
        look_through(known, gallery)


def needs_columns(known: Described) -> bool:
    """Tell whether columns are of an older state, and it is time to look again."""
    is_due = time.monotonic() - known.columns_at > PAUSE_TIMES * known.columns_s
    return known.columns_generation != known.generation and is_due


async def look_beside(known: Described, gallery: Gallery) -> None:
    """Look through the columns again while what was known is told."""
    with suppress(LookalikeError):
        await asyncio.to_thread(look_through, known, gallery)


def look_through(known: Described, gallery: Gallery) -> None:
    """Look through the columns."""
    start, generation = time.monotonic(), gallery.generation
    found = column_facts(gallery, is_unwanted=known.stop.is_set)
    known.columns = [facts.to_dict() for facts in found]
    known.columns_at = time.monotonic()
    known.columns_s = known.columns_at - start
    known.columns_generation = generation


def info_facts(info: GalleryInfo) -> dict[str, Any]:
    """Turn a gallery's numbers into what JSON can hold."""
    return {
        "path": str(info.path),
        "space": asdict(info.space),
        "dtype": info.dtype,
        "skipped": info.skipped,
        "embeddings": info.embeddings,
        "tombstones": info.tombstones,
        "segments": info.segments,
        "size_bytes": info.size_bytes,
        "created": info.created,
        "updated": info.updated,
        "sources": [
            {
                "source_id": source.source_id,
                "kind": source.kind,
                "location": source.location,
                "images": count,
            }
            for source, count in info.sources
        ],
    }


def index_facts(gallery: Gallery) -> dict[str, Any]:
    """Tell what the gallery is searched with, without loading it."""
    parent = gallery.path / INDEX_FOLDER
    names = newest_first(parent)
    if not names:
        return {"kind": "exact", "summary": None, "recall": 1.0, "generation": None}
    config, evidence = told_of(parent / names[0])
    chosen = evidence.get("chosen") or {}
    return {
        "kind": config.kind,
        "summary": evidence.get("summary"),
        "recall": 1.0 if config.is_exact else chosen.get("recall"),
        "generation": int(names[0].partition("-")[0]),
    }
