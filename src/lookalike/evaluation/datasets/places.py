"""Where data sets lie on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from lookalike.caching import cache_folder

__all__ = ["datasets_folder", "find_file", "slug"]


def datasets_folder() -> Path:
    """Return the folder of data sets: ``$LOOKALIKE_DATASETS``, else one in the cache.

    It need not exist yet.
    """
    if chosen := os.environ.get("LOOKALIKE_DATASETS"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    return cache_folder() / "datasets"


def find_file(name: str, folders: Iterable[str | os.PathLike[str]] = ()) -> Path | None:
    """Look for a file by its name, first in the folders, then where data sets are kept."""
    for folder in (*folders, datasets_folder()):
        file = Path(os.path.abspath(os.path.expanduser(folder))) / name
        if file.is_file():
            return file
    return None


def slug(name: str) -> str:
    """Make a name fit for a folder."""
    return re.sub(r"[^a-z0-9._]+", "-", name.casefold()).strip("-.")[:40] or "set"
