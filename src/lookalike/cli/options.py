"""Options that several commands share, and what they mean."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from lookalike.errors import GalleryNotFound, UsageError
from lookalike.gallery import find_gallery, is_gallery

__all__ = [
    "GALLERY_FOLDER",
    "gallery_option",
    "is_quiet",
    "located_gallery",
    "logging_options",
    "printable",
    "say",
]

Answer = TypeVar("Answer")

QUIET = "lookalike.quiet"
GALLERY_FOLDER = ".lookalike"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

gallery_option = click.option(
    "--gallery",
    "gallery_folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The gallery, or the folder that has it inside. "
    "Default: the nearest .lookalike at or above the current folder.",
)


def logging_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add -v, -q and --log-file to a command; set up logging before it runs."""

    @click.option("-v", "--verbose", count=True, help="Log what happens; -vv logs more.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
    @click.option(
        "--log-file", type=click.Path(dir_okay=False, path_type=Path), help="Log to a file too."
    )
    @wraps(function)
    def wrapped(*, verbose: int, quiet: bool, log_file: Path | None, **own: Any) -> Answer:
        set_up_logging(verbose, log_file)
        click.get_current_context().meta[QUIET] = quiet
        return function(**own)

    return wrapped


def is_quiet() -> bool:
    """Tell whether -q was given."""
    return bool(click.get_current_context().meta.get(QUIET))


def say(text: str) -> None:
    """Print a line for people, unless -q was given."""
    if not is_quiet():
        click.echo(text)


def set_up_logging(verbose: int, log_file: Path | None) -> None:
    """Send the library's log to stderr as far as asked for, and to a file."""
    logger = logging.getLogger("lookalike")
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    console = logging.StreamHandler()
    console.setLevel(level)
    console.setFormatter(logging.Formatter(LOG_FORMAT))
    handlers: list[logging.Handler] = [console]
    if log_file is not None:
        try:
            file = logging.FileHandler(log_file, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(
                f"The log file {log_file} cannot be written: {error.strerror}."
            ) from error
        file.setLevel(min(level, logging.INFO))
        file.setFormatter(logging.Formatter(LOG_FORMAT))
        handlers.append(file)
    logger.handlers = handlers
    logger.setLevel(min(handler.level for handler in handlers))


def located_gallery(folder: Path | None) -> Path:
    """Find the gallery a command means.

    Raises:
        GalleryNotFound: There is none.
    """
    if folder is not None:
        inside = folder.expanduser() / GALLERY_FOLDER
        return inside if is_gallery(inside) else folder.expanduser()
    found = find_gallery(Path.cwd())
    if found is None:
        raise GalleryNotFound(
            f"There is no gallery in {Path.cwd()} or above: make one with lookalike index FOLDER, "
            "or name one with --gallery DIR."
        )
    return found


def printable(text: str) -> str:
    """Write control characters out, so that a file name cannot break a line or a terminal."""
    return "".join(
        char
        if char.isprintable() or "\udc80" <= char <= "\udcff"
        else char.encode("unicode_escape").decode()
        for char in text
    )
