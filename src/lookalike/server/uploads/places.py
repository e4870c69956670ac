"""Where uploads lie: in a folder inside the gallery's own, which is one of its sources."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lookalike.errors import GalleryLocked
from lookalike.gallery import Gallery, SourceRecord
from lookalike.ingest.removing import remove_images

__all__ = [
    "discard",
    "forget_skipped",
    "kept_metadata",
    "metadata_file",
    "remove_pictures",
    "uploads_folder",
    "uploads_source",
    "write_metadata",
]

UPLOADS = "uploads"


def uploads_folder(gallery: Gallery) -> Path:
    """Name the folder of a gallery's uploads, whether it is there or not."""
    return gallery.path / UPLOADS


def uploads_source(gallery: Gallery) -> SourceRecord | None:
    """Find the uploads among a gallery's sources; None before the first upload."""
    folder = os.path.realpath(uploads_folder(gallery))
    for record in gallery.sources():
        if record.kind == "folder" and os.path.realpath(record.location) == folder:
            return record
    return None


def metadata_file(file: Path) -> Path:
    """Name the file that keeps an upload's metadata until it is in the gallery."""
    return file.with_name(f"{file.name}.metadata")


def write_metadata(file: Path, metadata: Mapping[str, Any]) -> None:
    """Keep an upload's metadata beside it, so that it is on the disk when this returns."""
    with open(metadata_file(file), "wb") as out:
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


def remove_pictures(gallery: Gallery, image_ids: Sequence[int]) -> int:
    """Take images out of a gallery, and of the disk what was uploaded to it.

    Files elsewhere stay where they are. To be called in the gallery's line of work.

    Returns:
        How many images were taken out.

    Raises:
        ImageNotInGallery: There is none of one of these ids; nothing was changed.
        GalleryLocked: Another process is writing.
    """
    records = [gallery.image(image_id) for image_id in dict.fromkeys(image_ids)]
    source = uploads_source(gallery)
    own = None if source is None else source.source_id
    uploaded = [record for record in records if record.source_id == own]
    # First the catalog, which notes them as removed by hand: a kill between the two
    # leaves a file that nobody adds again.
    remove_images(gallery, records)
    for record in uploaded:
        discard(Path(gallery.absolute_path(record)))
    if uploaded:
        forget_skipped(gallery, [(record.source_id, record.path) for record in uploaded])
    return len(records)


def forget_skipped(gallery: Gallery, places: Sequence[tuple[int, str]]) -> None:
    """Forget why files were left out that have been deleted; else the next update does it."""
    with suppress(GalleryLocked), gallery.writer() as writer:
        writer.commit(unskipped=places)


def discard(file: Path) -> None:
    """Delete an upload's file, and before it what was kept beside it.

    The other way round, a kill between the two would leave metadata to another picture.
    """
    for path in (metadata_file(file), file):
        with suppress(FileNotFoundError):
            path.unlink()
