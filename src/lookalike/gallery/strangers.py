"""What a gallery that came from a stranger may bring to reach files outside of it."""

from __future__ import annotations

import os
from pathlib import Path

from lookalike.errors import GalleryReadOnly, GalleryUnreadable
from lookalike.gallery.finding import CATALOG

__all__ = ["WRITTEN", "has_linked_log", "refuse_journal", "refuse_links"]

# All that is written or deleted in, of what lies in a gallery's folder. Uploads have a rule
# of their own, and the number of the writer replaces whatever has its name.
WRITTEN = (
    CATALOG,
    f"{CATALOG}-wal",
    f"{CATALOG}-shm",
    "segments",
    "index",
    "map",
    "writer.lock",
)


def refuse_links(gallery: Path) -> None:
    """Refuse to write to a gallery of which a part lies elsewhere.

    The gallery's folder itself may be reached through links: its user made those.

    Raises:
        GalleryReadOnly: A file or a folder of it is a link.
    """
    for name in WRITTEN:
        if is_link(gallery / name):
            raise GalleryReadOnly(
                f"The gallery {gallery} is only read, since {name} in it is a link, behind which "
                "other files might be changed: put what it leads to in its place; to keep a "
                "gallery on another disk, link its whole folder."
            )


def refuse_journal(gallery: Path) -> None:
    """Refuse a catalog with a rollback journal, before SQLite sees it.

    Lookalike keeps a write-ahead log instead. A journal may name a file of any place, which
    SQLite deletes once it has undone what the journal says (sqlite.org/fileformat, section
    3; pager_delsuper in pager.c): also for those who only read.

    Raises:
        GalleryUnreadable: There is one.
    """
    journal = f"{_real_catalog(gallery)}-journal"
    if os.path.lexists(journal):
        raise GalleryUnreadable(
            f"The gallery {gallery} is not opened, since there is a {journal}: no Lookalike "
            "leaves one, and it can make SQLite delete other files. If the gallery came from "
            "somebody else, do not use it; if another program of yours wrote to the catalog, let "
            "that finish, then open the gallery again."
        )


def has_linked_log(gallery: Path) -> bool:
    """Tell whether a file beside the catalog is a link, through which even a reader writes.

    SQLite before 3.39 follows it: folding the log into the catalog empties what it leads to.
    """
    catalog = _real_catalog(gallery)
    return any(is_link(Path(f"{catalog}{end}")) for end in ("-wal", "-shm"))


def _real_catalog(gallery: Path) -> str:
    """Say where the catalog really is: SQLite looks there for the files beside it."""
    return os.path.realpath(gallery / CATALOG)


def is_link(path: Path) -> bool:
    """Tell whether a path is a link, or on Windows a junction."""
    is_junction = getattr(os.path, "isjunction", lambda path: False)  # since Python 3.12
    return os.path.islink(path) or bool(is_junction(path))
