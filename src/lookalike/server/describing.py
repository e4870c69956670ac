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

__all__ = ["entry_of", "facts_of", "is_writable", "look_ahead", "stop_looking"]

# While pictures are being added, columns are looked through again only after this many
# times the time that it takes.
PATIENCE = 20.0
# What takes no longer is waited for.
QUICK_S = 0.05


@dataclass(slots=True)
class Told:
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
    told: Told = server.told.setdefault(("gallery", here.name), Told())
    async with told.lock:
        await asyncio.to_thread(bring_up_to_date, told, here.gallery)
    if needs_columns(told) and (told.task is None or told.task.done()):
        told.task = asyncio.create_task(look_beside(told, here.gallery))
    entry = await asyncio.to_thread(entry_of, server, here, can_write=can_write)
    return {
        **entry,
        **told.info,
        "columns": told.columns,
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
    for told in server.told.values():
        if isinstance(told, Told):
            told.stop.set()


def bring_up_to_date(told: Told, gallery: Gallery) -> None:
    """Work out what has changed since, as far as that is quick."""
    generation = gallery.generation
    if told.generation != generation:
        told.info = info_facts(gallery.info())
        told.generation = generation
    told.info["index"] = index_facts(gallery)
    is_known = told.columns_generation != -1
    if needs_columns(told) and not (is_known and told.columns_s > QUICK_S):
        look_through(told, gallery)


def needs_columns(told: Told) -> bool:
    """Tell whether columns are of an older state, and it is time to look again."""
    is_due = time.monotonic() - told.columns_at > PATIENCE * told.columns_s
    return told.columns_generation != told.generation and is_due


async def look_beside(told: Told, gallery: Gallery) -> None:
    """Look through the columns again while what was known is told."""
    with suppress(LookalikeError):
        await asyncio.to_thread(look_through, told, gallery)


def look_through(told: Told, gallery: Gallery) -> None:
    """Look through the columns."""
    start, generation = time.monotonic(), gallery.generation
    found = column_facts(gallery, is_unwanted=told.stop.is_set)
    told.columns = [facts.to_dict() for facts in found]
    told.columns_at = time.monotonic()
    told.columns_s = told.columns_at - start
    told.columns_generation = generation


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
