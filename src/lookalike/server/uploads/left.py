"""What was left: uploads that servers took in and did not add, killed or stopped before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache

from lookalike.errors import ImageError
from lookalike.gallery import Gallery, Skipped
from lookalike.gallery.files import KnownFiles
from lookalike.gallery.uploads import (
    discard,
    is_own,
    metadata_file,
    uploads_folder,
    uploads_source,
)
from lookalike.images import Source, content_hash, read_file
from lookalike.ingest.planning import is_same_file
from lookalike.ingest.removed import content_of, is_removed
from lookalike.server.uploads.metadata import kept_metadata
from lookalike.server.uploads.uploaded import KeptFile

__all__ = ["left_files"]


def left_files(gallery: Gallery, is_under_way: Callable[[str], bool]) -> Iterator[KeptFile]:
    """List the uploads that a gallery does not know, and that nobody is adding.

    Those that it knows as removed by hand are deleted. What lies behind a link was not
    uploaded: it may be somebody's own.

    Args:
        gallery: Whose uploads.
        is_under_way: Tells of a path whether somebody sees to it.
    """
    folder = uploads_folder(gallery)
    if not folder.is_dir():
        return
    known = known_uploads(gallery)
    is_ours = cache(lambda parent: is_own(gallery, parent))
    for ref in Source("folder", str(folder)).scan():
        file = folder / ref.path
        seen = known.images.get(ref.path) or known.skipped.get(ref.path)
        # Another file may have had the name, and been deleted since.
        is_same = seen is not None and is_same_file(ref, seen)
        if is_under_way(ref.path) or not is_ours(file.parent):
            continue
        if is_same and isinstance(seen, Skipped) and is_to_be_deleted(seen):
            discard(file)  # a kill came between the two halves of its removal
            continue
        if is_same and not metadata_file(file).exists():
            continue
        with suppress(ImageError):
            yield KeptFile(ref.path, content_hash(read_file(str(file))), kept_metadata(file))


def is_to_be_deleted(seen: Skipped) -> bool:
    """Tell whether an upload was removed as one: of what only stays out, the content is known."""
    return is_removed(seen) and not content_of(seen)


def known_uploads(gallery: Gallery) -> KnownFiles:
    """Tell what a gallery knows of its uploads."""
    source = uploads_source(gallery)
    return KnownFiles() if source is None else gallery.known_files(source.source_id, [""])
