"""Data sets of the Hugging Face hub, through its own library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lookalike.encoders.weights.reach import is_set, why_out_of_reach
from lookalike.errors import (
    DatasetError,
    DatasetNotFound,
    ImageUnreadable,
    LookalikeError,
    MissingExtra,
    UsageError,
    first_line,
)
from lookalike.evaluation.datasets.arrays import folder_name
from lookalike.evaluation.datasets.listing import Listing, digest_of
from lookalike.evaluation.datasets.preparing import (
    FileWriter,
    Prepared,
    Progress,
    find_prepared,
    prepared,
)
from lookalike.evaluation.judging.labels import label_of
from lookalike.images.formats import format_of

__all__ = ["HUB", "hub_listing"]

HUB = "hf:"
LABELS = ("label", "fine_label", "labels", "class", "category")


def hub_listing(location: str, on_progress: Progress | None = None) -> tuple[Path, Listing]:
    """Open ``hf:NAME`` or ``hf:NAME:SPLIT``: its pictures are written as files once.

    Pictures keep the bytes in which the set stores them. Nothing that the set brings is
    run.

    Raises:
        MissingExtra: The hub's library is not installed.
        DatasetNotFound: The hub cannot be reached, or has no such set.
        UsageError: It holds no pictures, or no labels.
        StorageFull: There is no room.
    """
    name, _, split = location.removeprefix(HUB).partition(":")
    if not name:
        raise UsageError(
            f"The data set {location!r} was asked for: write hf:NAME or hf:NAME:SPLIT."
        )
    for found in find_prepared(location):
        # A folder of this machine may have changed; what the hub has is fetched once.
        if found.checksums.get("location") == location and not os.path.isdir(name):
            return found.root, found.listing
    made = fetched(location, name, split, on_progress)
    return made.root, made.listing


def fetched(location: str, name: str, split: str, on_progress: Progress | None) -> Prepared:
    """Load a set with the hub's library and write its pictures."""
    library = hub_library()
    require_reach(location, name)
    try:
        with without_bars(library):
            loaded = library.load_dataset(name, split=split or None, **no_programs(library))
        parts = {split: loaded} if split else dict(loaded)
        return prepared(
            location,
            digest_of([location], (part._fingerprint for part in parts.values())),
            lambda writer: written(location, parts, library, writer, on_progress),
            checksums={"location": location},
        )
    except LookalikeError:
        raise
    except Exception as error:  # whatever the library and its many helpers raise
        raise DatasetNotFound(
            f"The data set {location} cannot be loaded ({first_line(error)}): check its name and "
            "part, and that the hub has it."
        ) from error


def no_programs(library: Any) -> dict[str, bool]:
    """Forbid the programs that sets may bring, which releases from the fourth on never run."""
    release = str(library.__version__).partition(".")[0]
    return {"trust_remote_code": False} if release.isdigit() and int(release) < 4 else {}


@contextmanager
def without_bars(library: Any) -> Iterator[None]:
    """Keep the library from drawing over the caller's own progress."""
    if library.are_progress_bars_disabled():
        yield
        return
    library.disable_progress_bars()
    try:
        yield
    finally:
        library.enable_progress_bars()


def hub_library() -> Any:
    """Import the hub's library of data sets.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import datasets
    except ImportError:
        raise MissingExtra("datasets", "Opening a data set of the Hugging Face hub") from None
    return datasets


def require_reach(location: str, name: str) -> None:
    """Refuse early where the hub does not answer, which its library waits long for.

    A folder of this machine, and what ``HF_HUB_OFFLINE`` allows to be taken from the
    library's own cache, need no hub.

    Raises:
        DatasetNotFound: It cannot be asked.
    """
    if os.path.isdir(name) or is_set("HF_HUB_OFFLINE") or is_set("HF_DATASETS_OFFLINE"):
        return
    from huggingface_hub import constants

    why = "LOOKALIKE_OFFLINE is set" if is_set("LOOKALIKE_OFFLINE") else ""
    if why := why or why_out_of_reach(constants.ENDPOINT):
        raise DatasetNotFound(
            f"The data set {location} was not fetched, because the hub cannot be asked ({why}): "
            "try again where it can, or set HF_HUB_OFFLINE=1 to use what the datasets library has "
            "in its own cache."
        )


def written(
    location: str,
    parts: Mapping[str, Any],
    library: Any,
    writer: FileWriter,
    on_progress: Progress | None,
) -> Listing:
    """Write the pictures of every part."""
    features = next(iter(parts.values())).features
    picture = next((key for key, kind in features.items() if isinstance(kind, library.Image)), None)
    named = {key: kind for key, kind in features.items() if isinstance(kind, library.ClassLabel)}
    others = [key for key in LABELS if key in features and key not in named]
    if picture is None:
        raise UsageError(f"The data set {location} has no column of pictures: choose another one.")
    keys = sorted([*named, *others], key=lambda key: (key not in LABELS, key))
    total = sum(len(part) for part in parts.values())
    rows: list[tuple[str, int, str, list[str]]] = []
    for split, part in parts.items():
        plain = part.cast_column(picture, library.Image(decode=False))
        for number, row in enumerate(plain):
            labels = [class_of(row.get(key), named.get(key)) for key in keys]
            path, size = stored(writer, split, number, row[picture], labels)
            rows.append((path, size, split, labels))
            if on_progress and len(rows) % 100 == 0:
                on_progress(len(rows), total)
    columns = {key: tuple(row[3][place] for row in rows) for place, key in enumerate(keys)}
    return Listing(
        paths=tuple(row[0] for row in rows),
        columns=columns,
        splits=tuple(row[2] for row in rows) if len(parts) > 1 else None,
        content=digest_of(row[1] for row in rows),
    ).sorted()


def class_of(value: Any, kind: Any) -> str:
    """Write a label; a class number by its name."""
    if value is None or (kind is not None and value == -1):  # -1: the part has no labels
        return ""
    return str(kind.int2str(value)) if kind is not None else label_of(value) or ""


def stored(
    writer: FileWriter, split: str, number: int, value: Any, labels: list[str]
) -> tuple[str, int]:
    """Write one picture as it is stored."""
    data = value.get("bytes") if isinstance(value, dict) else None
    if data is None:
        data = read_path(value)
    try:
        extension = format_of(data).lower()
    except ImageUnreadable as error:
        raise DatasetError(f"Picture {number} of the part {split} is none: {error}.") from error
    folder = folder_name(labels[0]) if labels else "pictures"
    path = f"{folder_name(split)}/{folder}/{number:07}.{extension}"
    return path, writer.write(path, iter([data]))


def read_path(value: Any) -> bytes:
    """Read a picture that is stored by its path."""
    from lookalike.images import read_file

    return read_file(str(value["path"]))
