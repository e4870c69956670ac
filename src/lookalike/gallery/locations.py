"""Where sources are: kept so that a folder can move together with the gallery inside it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lookalike.gallery.records import SourceRecord

__all__ = [
    "Place",
    "StoredLocation",
    "absolute_location",
    "base_folder",
    "lies_at",
    "paths_inside",
    "real_place",
    "source_at",
    "source_named",
    "stored_location",
]

WILDCARDS = "*?["

# A source is one place, whatever links lead to it; a picture is a path in it.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class StoredLocation:
    """A location as the catalog keeps it.

    Attributes:
        absolute: None where the gallery lies inside the source, or the source, as uploads
            do, inside the gallery.
        relative: Seen from the gallery's folder; None where there is no such
            path (another drive on Windows).
    """

    absolute: str | None
    relative: str | None


def stored_location(location: str, gallery: Path) -> StoredLocation:
    """Decide how to keep an absolute location.

    Symbolic links are resolved for the relative form, since ``..`` climbs the
    real tree.
    """
    real_location, real_gallery = os.path.realpath(location), os.path.realpath(gallery)
    try:
        relative = os.path.relpath(real_location, real_gallery)
    except ValueError:
        return StoredLocation(location, None)
    if _is_inside(real_gallery, real_location) or _is_inside(real_location, real_gallery):
        return StoredLocation(None, relative)
    return StoredLocation(location, relative)


def absolute_location(stored: StoredLocation, gallery: Path, *, kind: str) -> str:
    """Say where a source is now.

    A gallery inside it, or around it, leads to it. Else the absolute path counts, and the
    relative one where only that leads to something: gallery and source were
    moved together.
    """
    beside = _beside(stored, gallery)
    if stored.absolute is None:
        return beside or str(gallery)
    if beside is None or _is_there(stored.absolute, kind) or not _is_there(beside, kind):
        return stored.absolute
    return beside


def base_folder(source: SourceRecord) -> str:
    """Name the folder that a source's paths are relative to.

    A folder itself; for a glob the folder before its first wildcard; for
    anything else (a list, an archive) the folder it lies in.
    """
    if source.kind == "folder":
        return source.location
    if source.kind == "glob":
        return _before_wildcards(source.location)
    return os.path.dirname(source.location)


def paths_inside(path: str, source: SourceRecord) -> list[str]:
    """List the names that an absolute path may have inside a source, best first."""
    base = base_folder(source)
    folder, name = os.path.split(path)
    names = []
    for whole in (path, os.path.join(os.path.realpath(folder), name), os.path.realpath(path)):
        for root in (base, os.path.realpath(base)):
            if _is_inside(whole, root):
                names.append(os.path.relpath(whole, root).replace(os.sep, "/"))
    # A list may name pictures by absolute paths.
    return [*dict.fromkeys(names), path.replace(os.sep, "/")]


def lies_at(path: str, place: str) -> bool:
    """Tell whether a path is a place or lies below it, whatever links lead to either."""
    return _is_inside(os.path.realpath(path), os.path.realpath(place))


def _beside(stored: StoredLocation, gallery: Path) -> str | None:
    """Follow the relative path; spelled as the gallery's path is, if that leads there too."""
    if stored.relative is None:
        return None
    real = os.path.normpath(os.path.join(os.path.realpath(gallery), stored.relative))
    spelled = os.path.normpath(os.path.join(gallery, stored.relative))
    return spelled if os.path.realpath(spelled) == real else real


def _is_there(location: str, kind: str) -> bool:
    return os.path.exists(_before_wildcards(location) if kind == "glob" else location)


def _before_wildcards(pattern: str) -> str:
    folder = os.path.dirname(pattern)
    while any(wildcard in folder for wildcard in WILDCARDS):
        folder = os.path.dirname(folder)
    return folder


def _is_inside(path: str, folder: str) -> bool:
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def real_place(source: SourceRecord) -> Place:
    """Tell what makes a source of several galleries one."""
    return source.kind, os.path.realpath(source.location)


def source_at(records: Iterable[SourceRecord], *, kind: str, location: str) -> SourceRecord | None:
    """Find the source of that kind and place, symbolic links resolved."""
    real = os.path.realpath(location)
    for record in records:
        if record.kind == kind and os.path.realpath(record.location) == real:
            return record
    return None


def source_named(records: Iterable[SourceRecord], place: str) -> SourceRecord | None:
    """Find the source that somebody names: as it is listed, else by where it really is."""
    records = list(records)
    absolute = os.path.abspath(os.path.expanduser(place))
    for record in records:
        if record.location in {place, absolute}:
            return record
    found = (source_at([record], kind=record.kind, location=absolute) for record in records)
    return next((record for record in found if record is not None), None)
