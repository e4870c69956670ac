"""The files of the page, read and packed once."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Traversable


__all__ = ["Page", "PageFile", "page_files"]

# Not from the machine's own table, which some systems fill with text/plain for scripts.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
# The map's script has a folder of its own, since reports use it, too.
MAP_MODULES = ("data", "grid", "raster", "view", "overlay", "map", "panel")
# Written where the page names its own files, so that the browser may keep them for good.
VERSION = b"/page/v/"
# The place of the links to modules that other modules ask for.
MODULES = b"<!-- modules -->\n"
IMPORT = re.compile(rb'^(?:import|\}) .*from "\./([\w/-]+\.js)";$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file.

    Attributes:
        data: As it is.
        packed: By gzip; None where that saves nothing.
        digest: Of ``data``.
        media_type: For ``Content-Type``.
    """

    data: bytes
    packed: bytes | None
    digest: str
    media_type: str

    @classmethod
    def of(cls, name: str, data: bytes) -> PageFile:
        """Pack a file."""
        packed = gzip.compress(data, 9, mtime=0)
        return cls(
            data,
            packed if len(packed) < len(data) else None,
            hashlib.sha256(data).hexdigest()[:20],
            media_type_of(name),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """All files by their names below ``/page/``, and a name for this state of them."""

    files: Mapping[str, PageFile]
    version: str


@lru_cache(maxsize=1)
def page_files() -> Page:
    """Read the page: a few dozen small files."""
    found = dict(sorted(all_files()))
    digest = hashlib.sha256()
    for name, data in found.items():
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    version = f"v-{digest.hexdigest()[:12]}"
    links = "".join(f'<link rel="modulepreload" href="/page/v/{name}">\n' for name in first(found))
    start = found["index.html"].replace(MODULES, links.encode())
    found["index.html"] = start.replace(VERSION, f"/page/{version}/".encode())
    return Page({name: PageFile.of(name, data) for name, data in found.items()}, version)


def first(found: Mapping[str, bytes]) -> list[str]:
    """List the modules that are loaded at once, so that all are asked for together."""
    names, known = ["main.js"], {"main.js"}
    for name in names:  # grows while it is walked
        used = [match.decode() for match in IMPORT.findall(found[name])]
        names += [other for other in dict.fromkeys(used) if other not in known]
        known.update(used)
    return names[1:]


def all_files() -> Iterator[tuple[str, bytes]]:
    """Walk over the page's folder, and over the map's modules that it uses."""
    yield from walked(resources.files("lookalike.server") / "page", "")
    maps = resources.files("lookalike.evaluation.maps") / "page"
    for name in MAP_MODULES:
        yield f"map/{name}.js", (maps / f"{name}.js").read_bytes()


def walked(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    """List the files of a folder and of those inside it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from walked(entry, f"{prefix}{entry.name}/")
        elif media_type_of(entry.name) != UNKNOWN:
            yield f"{prefix}{entry.name}", entry.read_bytes()


UNKNOWN = "application/octet-stream"


def media_type_of(name: str) -> str:
    """Tell the type of a file of the page by the end of its name."""
    return MEDIA_TYPES.get("." + name.rpartition(".")[2], UNKNOWN)
