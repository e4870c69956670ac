"""Results as files: whole or not there, and known by the embeddings that they are of."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import StorageFull, UsageError

__all__ = ["fingerprint", "write_json", "write_whole"]

SAMPLED_ROWS = 1000
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Hash a sample of the data, so that results of other embeddings are not taken for these."""
    digest = hashlib.sha256()
    for array in arrays:
        step = max(1, len(array) // SAMPLED_ROWS)
        digest.update(np.ascontiguousarray(array[::step]).tobytes())
    return digest.hexdigest()[:16]


def write_json(file: Path, content: object) -> None:
    """Write a result whole or not at all; undecodable bytes of file names as escapes."""
    text = json.dumps(content, indent=1, default=float) + "\n"
    write_whole(file, text.encode("ascii"))


def write_whole(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, in a folder that is there or made.

    Raises:
        StorageFull: There is no room left; what was there before is as it was.
        UsageError: It cannot be written for another reason.
    """
    unfinished = file.with_name(f"{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    except OSError as error:
        forget(unfinished)
        if error.errno in FULL:
            raise StorageFull(
                f"There is no room left to write {file}: free some, and the same command goes "
                "on from here."
            ) from error
        raise UsageError(
            f"{file} cannot be written ({error.strerror}): name another folder."
        ) from error


def forget(unfinished: Path) -> None:
    """Take away what could not be finished, if that can be done."""
    try:
        unfinished.unlink(missing_ok=True)
    except OSError:
        return
