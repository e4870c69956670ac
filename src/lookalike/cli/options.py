"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from lookalike.cli.logs import set_up_logging
from lookalike.cli.output import QUIET
from lookalike.errors import GalleryNotFound
from lookalike.gallery.finding import GALLERY_FOLDER, find_gallery, is_gallery

__all__ = [
    "GALLERY_FOLDER",
    "absolute",
    "expanded",
    "gallery_option",
    "located_gallery",
    "logging_options",
    "restore_option",
]

Answer = TypeVar("Answer")


# As far as SQLite counts.
IMAGE_ID = click.IntRange(1, 2**63 - 1)

gallery_option = click.option(
    "--gallery",
    "gallery_folder",
    metavar="DIR",
    help="The gallery, or the folder that has it inside as .lookalike. "
    "Default: the nearest .lookalike in the current folder or above, as git finds its own.",
)

restore_option = click.option(
    "--restore",
    metavar="PATH",
    multiple=True,
    help="Take a picture in again that was removed by hand, or all that were below a folder. "
    "May be given several times.",
)


def logging_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add -v, -q and --log-file to a command; set up logging before it runs."""

    @click.option(
        "-v",
        "--verbose",
        count=True,
        help="Log to standard error what happens; -vv logs every detail.",
    )
    @click.option(
        "-q",
        "--quiet",
        is_flag=True,
        help="Show no progress bar and no summary: silent unless something is wrong.",
    )
    @click.option(
        "--log-file",
        metavar="FILE",
        help="Append the log, as -v shows it, to a file, whatever the screen shows.",
    )
    @wraps(function)
    def wrapped(*, verbose: int, quiet: bool, log_file: str | None, **own: Any) -> Answer:
        set_up_logging(verbose, log_file)
        click.get_current_context().meta[QUIET] = quiet
        return function(**own)

    return wrapped


def located_gallery(folder: str | None) -> Path:
    """Find the gallery a command means.

    Raises:
        GalleryNotFound: None was named, and there is none in the current
            folder or above.
    """
    if folder is not None:
        named = Path(absolute(folder))
        inside = named / GALLERY_FOLDER
        return inside if is_gallery(inside) else named
    here = current_folder()
    found = find_gallery(here)
    if found is None:
        raise GalleryNotFound(
            f"There is no gallery in {here} or above: make one with 'lookalike index "
            "FOLDER', or name one with --gallery DIR."
        )
    return found


def expanded(encoder: str) -> str:
    """Expand ``~`` in the name of an encoder, also where no such user is known."""
    if encoder.startswith("~"):
        return absolute(encoder)
    file = encoder.removeprefix("onnx:")
    return f"onnx:{absolute(file)}" if encoder.startswith("onnx:~") else encoder


def current_folder() -> Path:
    """Find out where the user is.

    Raises:
        GalleryNotFound: The current folder was deleted.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise GalleryNotFound(
            "There is no current folder any more to look for a gallery in: go to another one."
        ) from error


def absolute(path: str) -> str:
    """Expand ``~`` and make absolute; the user's symbolic links stay."""
    return os.path.abspath(os.path.expanduser(path))
