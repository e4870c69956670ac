"""The folder for what can be made or fetched again: exports, digests, measurements."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["cache_folder", "keep_facts", "kept_facts"]


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
    try:
        facts = json.loads((cache_folder() / file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def keep_facts(file: str, key: str, value: Any) -> None:
    """Add one entry to a JSON file of the cache, which is replaced as a whole.

    Two processes at the same moment may lose one of their entries, never the
    file; a cache that cannot be written is no failure.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        facts = kept_facts(file) | {key: value}
        with tempfile.NamedTemporaryFile(
            "w", dir=folder, prefix=file, suffix=".tmp", delete=False, encoding="utf-8"
        ) as written:
            json.dump(facts, written, indent=1)
        os.replace(written.name, folder / file)
    except OSError:
        return
