"""The uploads of a gallery: pictures that it keeps itself, inside its own folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lookalike.gallery.records import SourceRecord

if TYPE_CHECKING:
    from lookalike.gallery.gallery import Gallery

__all__ = ["discard", "is_own", "metadata_file", "uploads_folder", "uploads_source"]

UPLOADS = "uploads"


def uploads_folder(gallery: Gallery) -> Path:
    """Name the folder of a gallery's uploads, whether it is there or not."""
    return gallery.path / UPLOADS


def uploads_source(gallery: Gallery) -> SourceRecord | None:
    """Find the uploads among a gallery's sources; None before the first upload."""
    folder = real_folder(gallery)
    for record in gallery.sources():
        if record.kind == "folder" and os.path.realpath(record.location) == folder:
            return record
    return None


def is_own(gallery: Gallery, folder: Path) -> bool:
    """Tell whether a folder is the uploads' or lies in it, and no link leads out of it.

    A gallery may come from anywhere, and name any place.
    """
    try:
        return Path(os.path.realpath(folder)).is_relative_to(real_folder(gallery))
    except ValueError:  # no folder is called so
        return False


def real_folder(gallery: Gallery) -> str:
    """Say where the uploads' folder is; a link of that name is none."""
    return os.path.join(os.path.realpath(gallery.path), UPLOADS)


def metadata_file(file: Path) -> Path:
    """Name the file that keeps an upload's metadata until it is in the gallery."""
    return file.with_name(f"{file.name}.metadata")


def discard(file: Path) -> None:
    """Delete an upload's file, and before it what was kept beside it.

    The other way round, a kill between the two would leave metadata to another picture.
    """
    for path in (metadata_file(file), file):
        with suppress(FileNotFoundError):
            path.unlink()
