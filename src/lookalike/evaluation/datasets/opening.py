"""From what a user types to an image set."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import DatasetNotFound, DatasetUnreadable
from lookalike.evaluation.datasets.archives import ARCHIVES, is_archive
from lookalike.evaluation.datasets.captions import CaptionedSet, caption_files
from lookalike.evaluation.datasets.choosing import Wish, image_set
from lookalike.evaluation.datasets.folders import folder_listing
from lookalike.evaluation.datasets.forms import form_of, prepare_files, unpacked_before
from lookalike.evaluation.datasets.hub import HUB, hub_listing
from lookalike.evaluation.datasets.known import KnownSet, known_set, nearest_names
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.places import slug
from lookalike.evaluation.datasets.preparing import Prepared, Progress
from lookalike.evaluation.datasets.published import known_listing
from lookalike.evaluation.datasets.rendered import RENDERED, rendered_listing
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.datasets.tables import is_table, table_listing

__all__ = ["Opened", "open_listing", "open_set"]

Folders = Iterable[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A data set before it is decided what is searched in and what with.

    Attributes:
        name: Fit for a file name.
        root: The folder that paths are relative to.
        listing: What it holds.
        known: What was published, where it was asked for by name.
    """

    name: str
    root: Path
    listing: Listing
    known: KnownSet | None = None


def open_set(
    location: str,
    *,
    data_folders: Folders = (),
    labels: str | None = None,
    split: str | None = None,
    limit_per_class: int | None = None,
    on_progress: Progress | None = None,
) -> ImageSet:
    """Open a data set.

    Args:
        location: The name of a known set; a folder that has a folder of pictures for
            each class; an archive of such a folder, or one in the layout of a known set; a
            table with the columns ``path`` and ``label``, or of pairs, with the columns
            ``query`` and ``image``; or ``hf:NAME[:SPLIT]``. Known names come first: write
            ``./rendered`` for a folder of that name.
        data_folders: Where else published files are looked for.
        labels: The name of the labels to judge by; None for the usual ones.
        split: The part to search with its own pictures, or ``all``; None for what is
            usual: the test pictures are searched with, the training pictures in.
        limit_per_class: How many pictures of each class at most, in each part.
        on_progress: Told how much of how much is done while a set is unpacked, which
            happens once.

    Raises:
        DatasetNotFound: It is not on this machine.
        DatasetUnreadable: It is damaged, or not what was published.
        UsageError: It has no labels, or one class, or not the part asked for.
        MissingExtra: An optional library is needed.
        StorageFull: There is no room to unpack it.
    """
    wish = Wish(labels, split, limit_per_class)
    opened = open_listing(location, data_folders=data_folders, on_progress=on_progress)
    licence = opened.known.licence if opened.known else ""
    return image_set(opened.listing, wish, name=opened.name, root=opened.root, licence=licence)


def open_listing(
    location: str, *, data_folders: Folders = (), on_progress: Progress | None = None
) -> Opened:
    """Find a data set and all that it holds, unpacking it where need be.

    Raises:
        DatasetNotFound: It is not on this machine.
        DatasetUnreadable: It is damaged, or not what was published.
        UsageError: It holds no pictures, or none with labels.
        MissingExtra: An optional library is needed.
        StorageFull: There is no room to unpack it.
    """
    if known := known_set(location):
        return Opened(known.name, *known_listing(known, data_folders, on_progress), known)
    if location.partition(":")[0] == RENDERED:
        return Opened(slug(location), *rendered_listing(location, on_progress))
    if location.startswith(HUB):
        return Opened(slug(location), *hub_listing(location, on_progress))
    path = Path(os.path.abspath(os.path.expanduser(location)))
    if not location or "\0" in location or not path.exists():
        raise not_found(location)
    try:
        return open_place(path, on_progress)
    except OSError as error:
        raise DatasetUnreadable(
            f"The data set at {path} cannot be read ({error.strerror or error}): check its "
            "permissions, and that its drive is connected."
        ) from error


def open_place(path: Path, on_progress: Progress | None) -> Opened:
    """Find a data set by its place."""
    name = plain_name(path)
    if path.is_file() and is_archive(path) and (before := unpacked_before(name, path)):
        return Opened(slug(name), before.root, listing_of(before))
    form, files = form_of(path)
    if form:
        found = prepare_files(form, name, files, on_progress=on_progress)
        return Opened(slug(name), found.root, listing_of(found))
    if path.is_dir():
        return Opened(slug(name), *folder_listing(path, name))
    if is_table(path):
        return Opened(slug(name), path.parent, table_listing(path))
    raise not_found(str(path))


def listing_of(found: Prepared) -> Listing:
    """List a prepared set; of captioned photographs those that were fetched."""
    is_captioned = caption_files(found.root) is not None
    return CaptionedSet(found.root).listing() if is_captioned else found.listing


def not_found(location: str) -> DatasetNotFound:
    """Make the error for what is no data set."""
    near = nearest_names(location)
    meant = f" (perhaps {' or '.join(near)} is meant)" if near else ""
    return DatasetNotFound(
        f"No data set is at {location!r}{meant}: name one that lookalike datasets lists, a folder "
        f"that has a folder of pictures for each class, an archive of such a folder "
        f"({', '.join(ARCHIVES)}), or a table."
    )


def plain_name(path: Path) -> str:
    """Name a set after its folder, archive or table."""
    if path.is_dir():
        return path.name
    ending = next((one for one in ARCHIVES if path.name.lower().endswith(one)), path.suffix)
    return path.name[: len(path.name) - len(ending)]
