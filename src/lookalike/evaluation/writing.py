"""Results as files: whole or not there, and known by the embeddings that they are of."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import LookalikeError, StorageFull, UsageError

__all__ = [
    "cannot_write",
    "fingerprint",
    "kept",
    "shown_text",
    "text_bytes",
    "write_json",
    "write_whole",
]

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# What is hashed at a time: arrays of other layouts are copied for it.
HASHED_ROWS = 4096
LONGEST_NAME = 40
# Half of a pair, as JSON may hold it, and no byte of a file's name.
HALVES = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Hash the data, every row, so that results of other embeddings are not taken for these."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), HASHED_ROWS):
            digest.update(np.ascontiguousarray(array[start : start + HASHED_ROWS]).data)
    return digest.hexdigest()[:16]


def write_json(file: Path, content: object) -> None:
    """Write a result whole or not at all; undecodable bytes of file names as escapes."""
    text = json.dumps(content, indent=1, default=float) + "\n"
    write_whole(file, text.encode("ascii"))


def write_whole(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, in a folder that is there or made.

    Two that write the same file at the same time do not meet: the later one stays.

    Raises:
        StorageFull: There is no room left; what was there before is as it was.
        UsageError: It cannot be written for another reason.
    """
    unfinished = file.with_name(f"{file.name[:LONGEST_NAME]}.{secrets.token_hex(6)}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except OSError as error:
        forget(unfinished)
        raise cannot_write(file, error) from error
    except BaseException:
        forget(unfinished)
        raise


def cannot_write(place: Path, error: OSError) -> LookalikeError:
    """Say why a file, or a folder, cannot be written."""
    if error.errno in FULL:
        return StorageFull(
            f"There is no room left to write {place}: free some, and the same command goes on "
            "from here."
        )
    return UsageError(f"{place} cannot be written ({error.strerror}): name another folder.")


def forget(unfinished: Path) -> None:
    """Take away what could not be finished, if that can be done."""
    try:
        unfinished.unlink(missing_ok=True)
    except OSError:
        return


def text_bytes(text: str) -> bytes:
    """Write text as UTF-8: undecodable bytes of file names as they were, half pairs as marks."""
    return HALVES.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def kept(file: Path, facts: dict[str, Any], measure: Callable[[], Any]) -> Any:
    """Read a result of the same facts, or measure it and write it down; so if it is damaged."""
    try:
        stored = json.loads(file.read_text())
    except (OSError, ValueError):
        stored = None
    known = stored if isinstance(stored, dict) else {}
    if "result" in known and known.get("facts") == json.loads(json.dumps(facts)):
        return known["result"]
    result = measure()
    write_json(file, {"facts": facts, "result": result})
    return result


def shown_text(text: str) -> str:
    """Replace what is no Unicode, undecodable bytes of file names too: no page could show it."""
    return text_bytes(text).decode("utf-8", "replace")
