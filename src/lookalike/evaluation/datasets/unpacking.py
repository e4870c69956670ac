"""Archives of picture files, unpacked."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import Path

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.archives import Member, members, members_within
from lookalike.evaluation.datasets.folders import folder_listing
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.preparing import FileWriter, Progress
from lookalike.images import MAX_FILE_BYTES
from lookalike.images.sources import is_picture_name

__all__ = ["unpack"]

INNER = (".tar", ".tar.gz", ".tgz")
MAX_TEXT_BYTES = 64 * 2**20
# What a layout is recognised by, besides pictures.
TEXTS = {"wnids.txt", "words.txt", "val_annotations.txt"}


def unpack(archive: Path, writer: FileWriter, on_progress: Progress | None = None) -> Listing:
    """Unpack the pictures of an archive and list them as a folder is listed.

    Raises:
        DatasetUnreadable: It is damaged, or would write where it must not.
        UsageError: It holds no pictures in folders.
    """
    pictures = 0
    for member in with_inner(archive, on_progress):
        if is_picture_name(member.name) and member.size <= MAX_FILE_BYTES:
            writer.write(member.name, member.chunks())
            pictures += 1
        elif posixpath.basename(member.name) in TEXTS:
            writer.write(member.name, iter([member.data(MAX_TEXT_BYTES)]))
    if not pictures:
        raise UsageError(
            f"{archive} holds no pictures: name an archive that has a folder of pictures for "
            "each class, or one in the layout of a data set that lookalike datasets lists."
        )
    root, listing = folder_listing(writer.root, archive.name)
    writer.base = root.relative_to(writer.root).as_posix()
    return listing


def with_inner(archive: Path, on_progress: Progress | None) -> Iterator[Member]:
    """Go through an archive, and through archives that lie in it: Caltech-101 is such a one."""
    for member in members(archive, on_progress):
        if member.name.lower().endswith(INNER):
            yield from members_within(member)
        else:
            yield member
