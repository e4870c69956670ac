"""Hashes of large files, remembered: weights of gigabytes are read once, not at every start."""

from __future__ import annotations

import time
from pathlib import Path

from lookalike.caching import keep_facts, kept_facts
from lookalike.encoders.cards import weights_digest

__all__ = ["file_digest"]

MEMORY = "digests.json"
# A file changed twice within one tick of its clock looks unchanged: younger
# files are hashed again.
TOO_YOUNG_NS = 2_000_000_000


def file_digest(path: Path) -> str:
    """Hash a file, or remember its hash: sha256, hexadecimal.

    What is remembered holds for a file's path, size and time of change.
    """
    path = path.resolve()
    facts = path.stat()
    stamp = [facts.st_size, facts.st_mtime_ns]
    entry = kept_facts(MEMORY).get(str(path))
    if isinstance(entry, list) and entry[:2] == stamp and is_digest(entry[-1]):
        return str(entry[-1])
    digest = weights_digest(path)
    if time.time_ns() - facts.st_mtime_ns > TOO_YOUNG_NS:
        keep_facts(MEMORY, str(path), [*stamp, digest])
    return digest


def is_digest(value: object) -> bool:
    """Whether it is written as a sha256 is."""
    return isinstance(value, str) and len(value) == 64
