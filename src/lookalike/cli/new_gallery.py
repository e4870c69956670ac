"""Opening a gallery for a run that may have to make it first."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lookalike.errors import GalleryLocked, LookalikeError
from lookalike.gallery import Gallery, is_gallery
from lookalike.gallery.locking import WriterLock
from lookalike.vectors import EmbeddingSpace

__all__ = ["opened_or_new"]


@contextmanager
def opened_or_new(folder: Path, space: EmbeddingSpace, *, dtype: str) -> Iterator[Gallery]:
    """Open a gallery or make it; one that was made in vain is taken away again.

    Yields:
        The gallery, closed at the end.

    Raises:
        GalleryError, SpaceMismatch: As ``Gallery.open_or_create``.
    """
    is_new, was_there = not is_gallery(folder), os.path.lexists(folder)
    gallery = Gallery.open_or_create(folder, space, dtype=dtype)
    try:
        yield gallery
    except BaseException as error:
        in_vain = is_new and not isinstance(error, GalleryLocked) and is_empty(gallery)
        gallery.close()
        if in_vain:
            take_away(folder, keep_folder=was_there)
        raise
    gallery.close()


def is_empty(gallery: Gallery) -> bool:
    """Tell whether a gallery can be read and holds no images."""
    try:
        return len(gallery) == 0
    except LookalikeError:
        return False


def take_away(folder: Path, *, keep_folder: bool) -> None:
    """Delete an empty gallery, unless another process has begun to write to it."""
    with suppress(GalleryLocked, OSError):
        lock = WriterLock(folder)
        try:
            for entry in list(folder.iterdir()) if keep_folder else []:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            if not keep_folder:
                shutil.rmtree(folder)
        finally:
            lock.release()
