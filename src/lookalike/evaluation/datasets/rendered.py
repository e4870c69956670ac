"""The demonstration collection as a data set: every machine can draw it."""

from __future__ import annotations

from pathlib import Path

from lookalike.demonstration import render_collection
from lookalike.errors import UsageError
from lookalike.evaluation.datasets.folders import folder_listing
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.places import datasets_folder
from lookalike.evaluation.datasets.preparing import Progress

__all__ = ["RENDERED", "rendered_listing"]

RENDERED = "rendered"
DEFAULT_PICTURES = 720
# The collection's files that are broken on purpose.
DAMAGED = "damaged"


def rendered_listing(location: str, on_progress: Progress | None = None) -> tuple[Path, Listing]:
    """Draw the collection, or find it drawn.

    Args:
        location: ``rendered``, or ``rendered:N`` for N pictures.
        on_progress: Told how many pictures of how many are there.

    Raises:
        UsageError: The number makes no sense.
        StorageFull: The disk is full; what is drawn stays, to go on from.
    """
    _, _, number = location.partition(":")
    if number and not (number.isascii() and number.isdigit() and int(number) >= 48):
        raise UsageError(
            f"The data set {location!r} was asked for: write rendered:N with N of 48 at least, "
            "two pictures of each of its 24 kinds."
        )
    count = int(number or DEFAULT_PICTURES)
    folder = datasets_folder() / "prepared" / f"{RENDERED}-{count}"
    report = render_collection(folder, pictures=count, on_progress=on_progress)
    root, listing = folder_listing(folder, RENDERED)
    sound = [n for n, label in enumerate(listing.columns["folder"]) if label != DAMAGED]
    if len(sound) != report.pictures:
        raise UsageError(
            f"The drawn collection at {folder} holds {len(sound):,} pictures, not the "
            f"{report.pictures:,} that were drawn: delete that folder, and it is drawn again."
        )
    return root, listing.picked(sound)
