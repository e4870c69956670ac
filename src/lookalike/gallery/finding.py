"""Where a gallery lies: light, since every command asks."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CATALOG", "GALLERY_FOLDER", "absolute_folder", "find_gallery", "is_gallery"]

CATALOG = "catalog.sqlite"

# A gallery inside the folder that it covers is called so.
GALLERY_FOLDER = ".lookalike"


def absolute_folder(path: str | os.PathLike[str]) -> Path:
    """Name a folder so that it stays the same one, wherever the process goes."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def is_gallery(path: str | Path) -> bool:
    """Whether a gallery lies at a path."""
    return os.path.isfile(os.path.join(os.path.expanduser(path), CATALOG))


def find_gallery(start: str | Path) -> Path | None:
    """Find the nearest ``.lookalike/`` at or above a folder, as git finds its own."""
    folder = absolute_folder(start)
    for above in (folder, *folder.parents):
        if is_gallery(above / GALLERY_FOLDER):
            return above / GALLERY_FOLDER
    return None
