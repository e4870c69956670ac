"""The map of a served gallery: drawn as a job, kept in the gallery's folder, told with its age."""

from __future__ import annotations

import json
import os
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.writing import write_whole
from lookalike.gallery import Gallery, StaleSnapshot, parse_where
from lookalike.gallery.catalog import now_utc
from lookalike.server.answers import json_bytes
from lookalike.server.pools import step_back

if TYPE_CHECKING:
    from lookalike.encoders import Encoder
    from lookalike.evaluation.maps import MapWish
    from lookalike.server.jobs import JobHandle

__all__ = ["KeptMap", "Maps", "MapAnswer", "draw_map", "has_map", "map_folder"]

# Inside the gallery's own folder, where its layout is kept for the next map as well.
FOLDER, FILE = "map", "page.json"
FORMAT = 1

GZIP = 31  # zlib's number for gzip with the largest window
LEVEL = 6
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class KeptMap:
    """A map as it was drawn.

    Attributes:
        signature: Of the file it was read from.
        map_id: Its name, which no other map has.
        made: When it was begun, as the catalog writes moments.
        last_image_id: The newest image that there was.
        image_ids: int64, in the order of its points.
        head: The facts as JSON but for the last brace, packed as gzip packs.
        packer: Goes on where the head ends.
    """

    signature: tuple[int, ...]
    map_id: str
    made: str
    last_image_id: int
    image_ids: NDArray[np.int64]
    head: bytes
    packer: Any

    @classmethod
    def of(cls, told: Mapping[str, Any], signature: tuple[int, ...]) -> KeptMap:
        """Make one of what was written.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        if told["map_format"] != FORMAT:
            raise ValueError(f"its format is {told['map_format']}")
        image_ids = np.array(told["image_ids"], dtype=np.int64)
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP)
        head = packer.compress(json_bytes(told)[:-1]) + packer.flush(zlib.Z_FULL_FLUSH)
        return cls(
            signature, str(told["map_id"]), str(told["made"]), int(told["last_image_id"]),
            image_ids, head, packer,
        )  # fmt: skip

    def packed(self, more: Mapping[str, Any]) -> bytes:
        """Write the map with further facts, as one gzip file; only these are packed now."""
        packer = self.packer.copy()
        rest: bytes = packer.compress(b"," + json_bytes(more)[1:]) + packer.flush()
        return self.head + rest


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """A map as it is sent.

    Attributes:
        tag: Names the map and the generation that it was compared with.
        packed: JSON, as a gzip file.
    """

    tag: str
    packed: bytes

    @property
    def plain(self) -> bytes:
        """The JSON itself."""
        return zlib.decompress(self.packed, GZIP)


class Maps:
    """Reads the maps of galleries, and remembers the last of each. Safe to share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[Path, KeptMap] = {}
        self._answers: dict[Path, MapAnswer] = {}

    def answer(self, gallery: Gallery) -> MapAnswer | None:
        """Give a gallery's map, and what has changed since; None where there is none."""
        with self._lock:
            kept = self._read(gallery)
            if kept is None:
                return None
            generation = gallery.generation
            tag = f"{kept.map_id}-{generation}"
            known = self._answers.get(gallery.path)
            if known is None or known.tag != tag:
                more = {"generation": generation, "stale": staleness(gallery, kept)}
                known = self._answers[gallery.path] = MapAnswer(tag, kept.packed(more))
            return known

    def _read(self, gallery: Gallery) -> KeptMap | None:
        """Read the file, unless it is the one that was read before; a damaged one is none."""
        file = map_folder(gallery) / FILE
        try:
            facts = os.stat(file)
            signature = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            known = self._kept.get(gallery.path)
            if known is None or known.signature != signature:
                told = json.loads(file.read_bytes())
                known = self._kept[gallery.path] = KeptMap.of(told, signature)
        except (OSError, KeyError, TypeError, ValueError, OverflowError):
            return None
        return known


def map_folder(gallery: Gallery) -> Path:
    """Name the folder of a gallery's map."""
    return gallery.path / FOLDER


def has_map(gallery: Gallery) -> bool:
    """Tell whether a gallery's map was drawn, without reading it."""
    return (map_folder(gallery) / FILE).is_file()


def draw_map(
    gallery: Gallery, wish: MapWish, job: JobHandle, *, encoder: Encoder | None = None
) -> dict[str, Any]:
    """Draw the map of a gallery and keep it; the work of a job.

    The thread's priority is lowered for good, and with it that of the threads it starts:
    queries come first.

    Raises:
        Cancelled: Nobody wants it any more.
        GalleryError: The gallery is empty.
        UsageError: A column is not there.
        MissingExtra: The library for the layout is not installed.
        StorageFull: The disk is full.
    """
    from lookalike.evaluation.maps.mapping import draw_gallery, page_of
    from lookalike.evaluation.maps.standalone import map_facts

    def listen(step: str, done: int, total: int) -> None:
        job.progress(done, total or None, note=step)
        job.heed()

    step_back()
    made = now_utc()
    newest = gallery.page(1, newest_first=True)
    drawn = draw_gallery(gallery, wish, map_folder(gallery), encoder=encoder, on_progress=listen)
    image_ids = drawn.images.image_ids
    told = {
        **map_facts(page_of(drawn, [])),
        "map_format": FORMAT,
        "map_id": secrets.token_hex(8),
        "made": made,
        "of": drawn.images.of,
        "last_image_id": max([int(image_ids.max()), *(image.image_id for image in newest)]),
        "image_ids": image_ids.tolist(),
    }
    job.heed()
    write_whole(map_folder(gallery) / FILE, json_bytes(told))
    return {
        "images": len(image_ids),
        "of": drawn.images.of,
        "clusters": len(drawn.clusters),
        "remarks": list(drawn.remarks),
        "seconds": {step: round(taken, 3) for step, taken in drawn.clock.seconds.items()},
    }


def staleness(gallery: Gallery, kept: KeptMap) -> dict[str, Any]:
    """Count what has changed since a map was drawn, and name the points that are gone."""
    every = parse_where("image_id > 0")
    replaced = parse_where(f"image_id <= {kept.last_image_id} AND indexed_at > '{kept.made}'")
    for attempt in range(ATTEMPTS):
        try:
            snapshot = gallery.snapshot()
            image_ids = gallery.select(snapshot, every).image_ids
            changed = gallery.select(snapshot, replaced).image_ids
            break
        except StaleSnapshot:  # compacted in between
            if attempt == ATTEMPTS - 1:
                raise
    gone = np.flatnonzero(~np.isin(kept.image_ids, image_ids))
    added = int(np.count_nonzero(image_ids > kept.last_image_id))
    counts = {"added": added, "removed": len(gone), "changed": len(changed)}
    return {**counts, "total": sum(counts.values()), "gone": gone.tolist()}
