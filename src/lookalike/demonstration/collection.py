"""The collection as a whole: the plan of its files, rendering, resuming, example queries."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, features

from lookalike.demonstration.dice import Rng, pick, whole
from lookalike.demonstration.files import (
    STORAGES,
    Storage,
    cut_off_jpeg,
    encoded,
    text_named_jpeg,
)
from lookalike.demonstration.kinds import KINDS
from lookalike.demonstration.picture import draw_picture
from lookalike.errors import SourceNotFound, StorageFull, UsageError

__all__ = [
    "MANIFEST",
    "CollectionReport",
    "PlannedPicture",
    "example_queries",
    "planned_pictures",
    "render_collection",
]

MANIFEST = "collection.json"
"""The file inside the collection that says what it holds and whether it is complete."""

_RENDERER = 1  # raised whenever the same seed would give other files
_BROKEN = ("damaged/cut off.jpg", "damaged/shopping list.jpg")
_ASPECTS = ((4, 3), (3, 2), (16, 9), (1, 1), (1, 1), (3, 4), (2, 3))
_EXAMPLES = (".jpg", ".png", ".webp")
_EXAMPLE_KINDS = ("car", "bicycle", "boat")


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What a demonstration collection holds.

    Attributes:
        pictures: How many files are readable pictures.
        kinds: How many kinds, each in its folder, they show.
        broken: How many files are broken on purpose.
        size_bytes: The size of all these files together.
    """

    pictures: int
    kinds: int
    broken: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PlannedPicture:
    """One picture of the collection before it is drawn.

    Attributes:
        path: Its path inside the collection, '/'-separated.
        kind: The position of its kind in ``KINDS``.
        number: Which picture of its kind is drawn; a copy has its original's number.
        storage: How it is stored.
        seed: The seed of the collection.
        shrunk_to: For a near copy: its longest side in pixels; 0 for any other picture.
    """

    path: str
    kind: int
    number: int
    storage: Storage
    seed: int
    shrunk_to: int = 0

    def content(self) -> bytes:
        """Draw and store the picture; the same plan gives the same bytes."""
        picture, rng = self.drawn()
        return encoded(picture, self.storage, rng)

    def drawn(self) -> tuple[Image.Image, Rng]:
        """Draw the picture, upright; return it with the generator that goes on from there."""
        rng = np.random.default_rng([_RENDERER, self.seed, self.kind, self.number])
        origin = _storage_of(self.kind, self.number)
        size = _size(origin, rng, large=self.kind % 4 == 0)
        picture = draw_picture(KINDS[self.kind], size, rng, cut_out=origin.mode == "RGBA")
        if self.shrunk_to:
            side = self.shrunk_to / max(size)
            small = max(1, round(size[0] * side)), max(1, round(size[1] * side))
            picture = _over_white(picture).resize(small, Image.Resampling.LANCZOS)
        return picture, rng


def _over_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def _size(storage: Storage, rng: Rng, *, large: bool) -> tuple[int, int]:
    """Choose width and height; only some kinds make use of a storage for large pictures."""
    if storage.longest > 640 and large:
        longest = storage.longest
    else:
        longest = whole(rng, 160, min(storage.longest, 640))
    wide, high = pick(rng, _ASPECTS)
    return round(longest * wide / max(wide, high)), round(longest * high / max(wide, high))


def _storage_of(kind: int, number: int) -> Storage:
    # 7 and the number of storages have no common divisor: each kind meets every storage.
    storage = STORAGES[(kind + 7 * number) % len(STORAGES)]
    if storage.format == "AVIF" and not features.check("avif"):
        return STORAGES[0]  # a Pillow built without AVIF still renders a whole collection
    return storage


def planned_pictures(pictures: int, seed: int) -> Iterator[PlannedPicture]:
    """Plan a collection: the kinds take turns, and every fifteenth of some is a copy."""
    for slot in range(pictures):
        kind, number = slot % len(KINDS), slot // len(KINDS)
        if number % 15 == 8 and kind % 3 == 0:
            yield _copy(_plan(kind, number - 5, seed))
        elif number % 15 == 9 and kind % 2 == 0:
            yield _near_copy(_plan(kind, number - 4, seed), kind)
        else:
            yield _plan(kind, number, seed)


def _plan(kind: int, number: int, seed: int) -> PlannedPicture:
    storage = _storage_of(kind, number)
    name, foreign = KINDS[kind].name, KINDS[kind].foreign
    stem = f"{name}-{number + 1:03}"
    if (kind + number) % 10 == 5:
        stem = f"{foreign} {number + 1}"
    elif (kind + number) % 10 == 9:
        stem = f"My {name} no. {number + 1}"
    return PlannedPicture(f"{name}/{stem}{storage.suffix}", kind, number, storage, seed)


def _copy(original: PlannedPicture) -> PlannedPicture:
    stem, suffix = original.path.rsplit(".", 1)
    return replace(original, path=f"{stem} (copy).{suffix}")


def _near_copy(original: PlannedPicture, kind: int) -> PlannedPicture:
    stem = original.path.rsplit(".", 1)[0]
    storage = STORAGES[3] if kind % 4 == 0 else STORAGES[6]
    path = f"{stem} small{storage.suffix}"
    return replace(original, path=path, storage=storage, shrunk_to=150 + 5 * kind)


def render_collection(
    folder: str | os.PathLike[str],
    *,
    pictures: int = 720,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> CollectionReport:
    """Render the demonstration collection into a folder of its own.

    The same numbers give the same bytes with the same Pillow. Files that are there
    already are kept, so an interrupted rendering goes on where it was, and a
    complete collection returns at once.

    Args:
        folder: Where to; made where missing, else empty or a collection begun before.
        pictures: How many readable pictures; two broken files come on top.
        seed: Another seed gives another collection.
        on_progress: Called after each file with how many of how many are there.

    Raises:
        UsageError: A number is out of range, or the folder cannot be used.
        StorageFull: The disk is full; what is rendered stays, to go on from.
    """
    if pictures < 1 or seed < 0:
        raise UsageError(
            f"A collection of {pictures} pictures with seed {seed} was asked for: "
            "ask for at least 1 picture and a seed of at least 0."
        )
    root = Path(folder)
    try:
        return _rendered(root, pictures, seed, on_progress or (lambda done, total: None))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull(
                f"The disk became full while the demonstration collection was rendered into "
                f"{root}: make room and start again; it goes on from there."
            ) from error
        raise UsageError(
            f"The demonstration collection was to be rendered into {root}, which cannot be "
            f"written ({error.strerror or error}): choose another folder."
        ) from error


def _rendered(
    root: Path, pictures: int, seed: int, on_progress: Callable[[int, int], None]
) -> CollectionReport:
    plan = list(planned_pictures(pictures, seed))
    asked = {"renderer": _RENDERER, "pictures": pictures, "seed": seed}
    known = _begun(root, asked)
    total = len(plan) + len(_BROKEN)
    sizes: dict[str, int] = {}
    for picture in plan:
        sizes[picture.path] = _ensured(root, picture.path, known, picture.content)
        on_progress(len(sizes), total)
    for path, content in zip(_BROKEN, (_cut_off, text_named_jpeg), strict=True):
        sizes[path] = _ensured(root, path, known, content)
        on_progress(len(sizes), total)
    if sizes != known:
        _write(root / MANIFEST, _as_json({**asked, "complete": True, "files": sizes}))
    kinds = len({picture.kind for picture in plan})
    return CollectionReport(len(plan), kinds, len(_BROKEN), sum(sizes.values()))


def _begun(root: Path, asked: dict[str, int]) -> dict[str, int]:
    """Claim the folder; return the sizes of its files where it was complete before."""
    root.mkdir(parents=True, exist_ok=True)
    manifest = root / MANIFEST
    if not manifest.exists():
        if any(not entry.name.startswith(".") for entry in root.iterdir()):
            raise UsageError(
                f"The demonstration collection was to be rendered into {root}, which holds "
                "other files: choose an empty folder."
            )
        _write(manifest, _as_json({**asked, "complete": False, "files": {}}))
        return {}
    try:
        told = json.loads(manifest.read_text(encoding="utf-8"))
        same = {name: told[name] for name in asked} == asked
        files: dict[str, int] = dict(told["files"])
    except (ValueError, KeyError, TypeError):
        same, files = False, {}
    if not same:
        raise UsageError(
            f"The demonstration collection was to be rendered into {root}, which holds one of "
            "another size, seed or version: delete that folder or choose another."
        )
    return files


def _ensured(root: Path, path: str, known: dict[str, int], content: Callable[[], bytes]) -> int:
    """Keep the file where it is whole, write it otherwise; return its size in bytes."""
    place = root / path
    try:
        size = place.stat().st_size
    except FileNotFoundError:
        size = 0
    # A file of an unfinished collection was put in place whole, so being there is enough.
    if size > 0 and size == known.get(path, size):
        return size
    place.parent.mkdir(exist_ok=True)
    fresh = content()
    _write(place, fresh)
    return len(fresh)


def _cut_off() -> bytes:
    picture = draw_picture(KINDS[0], (320, 240), np.random.default_rng(_RENDERER))
    return cut_off_jpeg(picture)


def _as_json(content: dict[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _write(place: Path, content: bytes) -> None:
    """Put a file in place whole or not at all; its hidden forerunner is no picture's name."""
    part = place.with_name(f".{place.name}.part")
    part.write_bytes(content)
    part.replace(place)


def example_queries(folder: str | os.PathLike[str]) -> tuple[Path, Path, Path]:
    """Choose three pictures to search with: a JPEG, a PNG and a WebP of three kinds.

    The rule: for each format in turn, of the kinds not chosen yet (car,
    bicycle and boat first, then by the alphabet), the first that has a file of
    that format, and of its files the first by name.

    Raises:
        SourceNotFound: The folder holds no demonstration collection.
    """
    kinds = [*_EXAMPLE_KINDS, *(k.name for k in KINDS if k.name not in _EXAMPLE_KINDS)]
    chosen: list[Path] = []
    for suffix in _EXAMPLES:
        found = ((k, sorted((Path(folder) / k).glob(f"*{suffix}"))) for k in kinds)
        kind, paths = next(((k, paths) for k, paths in found if paths), ("", []))
        if not paths:
            raise SourceNotFound(
                f"Example queries were asked for from {folder}, which holds no demonstration "
                f"collection with a {suffix} file: render one first."
            )
        kinds.remove(kind)
        chosen.append(paths[0])
    jpeg, png, webp = chosen
    return jpeg, png, webp
