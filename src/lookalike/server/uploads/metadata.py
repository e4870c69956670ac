"""The metadata of an upload, kept in a file beside it until the gallery has them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lookalike.gallery.uploads import metadata_file

__all__ = ["kept_metadata", "write_metadata"]


def write_metadata(file: Path, metadata: Mapping[str, Any]) -> None:
    """Keep an upload's metadata beside it, so that it is on the disk when this returns."""
    place = metadata_file(file)
    place.unlink(missing_ok=True)  # one that was left; a link is not followed
    with open(place, "xb") as out:
        out.write(json.dumps(metadata).encode("ascii"))
        out.flush()
        os.fsync(out.fileno())


def kept_metadata(file: Path) -> Mapping[str, Any] | None:
    """Read what was kept beside an upload; a file that a kill left half is none."""
    try:
        found = json.loads(metadata_file(file).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
