"""Which gallery a command is about: named as an argument, or with --gallery."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from lookalike.cli.options import gallery_option, located_gallery
from lookalike.cli.output import printable
from lookalike.errors import UsageError

__all__ = ["gallery_place"]

Answer = TypeVar("Answer")


def gallery_place(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the optional argument GALLERY and --gallery; they arrive as one, ``gallery_folder``."""

    @click.argument("place", metavar="[GALLERY]", required=False)
    @gallery_option
    @wraps(function)
    def wrapped(*, place: str | None, gallery_folder: str | None, **own: Any) -> Answer:
        return function(gallery_folder=named_once(place, gallery_folder), **own)

    return wrapped


def named_once(place: str | None, gallery_folder: str | None) -> str | None:
    """Take the gallery that was named, in whichever way.

    Raises:
        UsageError: Two ways name two galleries.
    """
    if place is None or gallery_folder is None:
        return place if gallery_folder is None else gallery_folder
    first, second = (os.path.realpath(located_gallery(name)) for name in (place, gallery_folder))
    if first != second:
        raise UsageError(
            f"Two galleries are named, {printable(place)} and --gallery "
            f"{printable(gallery_folder)}: leave one of them out."
        )
    return gallery_folder
