"""What lies beside an upload until it is in the gallery, and what is noted of it there."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lookalike.errors import GalleryLocked
from lookalike.gallery import Gallery
from lookalike.gallery.uploads import metadata_file

__all__ = ["forget_skipped", "kept_metadata", "write_metadata"]


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


def forget_skipped(gallery: Gallery, places: Sequence[tuple[int, str]]) -> None:
    """Forget why files were left out that have been deleted; else the next update does it."""
    with suppress(GalleryLocked), gallery.writer() as writer:
        writer.commit(unskipped=places)
