"""The folder for what can be made or fetched again: exports, digests, measurements."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "keep_facts", "kept_facts", "read_object", "replace_text"]


def cache_folder() -> Path:
    """Return the cache: ``$LOOKALIKE_CACHE``, else the place the system keeps for caches.

    It need not exist yet.
    """
    if chosen := os.environ.get("LOOKALIKE_CACHE"):
        return Path(os.path.abspath(os.path.expanduser(chosen)))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "lookalike"


def kept_facts(file: str) -> dict[str, Any]:
    """Read a JSON file of the cache; a missing or broken one is empty."""
    return read_object(cache_folder() / file)


def keep_facts(file: str, key: str, value: Any) -> None:
    """Add one entry to a JSON file of the cache, which is replaced as a whole.

    Two processes at the same moment may lose one of their entries, never the
    file; a cache that cannot be written is no failure.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(folder / file, json.dumps(kept_facts(file) | {key: value}, indent=1))
    except OSError:
        return


def replace_text(file: Path, text: str) -> None:
    """Write a small file so that other processes see all of it or none.

    Raises:
        OSError: It cannot be written; nothing is left.
    """
    # No temporary file of the standard library: only its maker could read it.
    part = file.with_name(f".{file.name}.{os.urandom(4).hex()}")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read_object(file: Path) -> dict[str, Any]:
    """Read a small JSON file of our own; one that is missing or damaged says nothing."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
