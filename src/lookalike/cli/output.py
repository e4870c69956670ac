"""What goes to the screen: summaries, paths and numbers as people read them."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lookalike.cli.extras import with_install_lines

__all__ = ["QUIET", "bare_reason", "counted", "is_quiet", "note", "printable", "say", "shown_path"]

QUIET = "lookalike.quiet"

# What moves a cursor, rings a bell, breaks a line or turns the writing
# direction of the rest of it around.
CONTROLS = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
}
ESCAPES = {code: chr(code).encode("unicode_escape").decode() for code in CONTROLS}


def is_quiet() -> bool:
    """Tell whether -q was given."""
    return bool(click.get_current_context().meta.get(QUIET))


def say(text: str) -> None:
    """Print a line of a summary to standard output, unless -q was given."""
    if not is_quiet():
        click.echo(with_install_lines(text))


def note(text: str) -> None:
    """Print a remark to standard error, where it is in nobody's way, unless -q was given."""
    if not is_quiet():
        click.echo(with_install_lines(text), err=True)


def printable(text: str) -> str:
    """Write control characters out, so that a file name cannot break a line or a terminal.

    Every other character stays, bytes that are not UTF-8 included: they leave
    as they are on disk.
    """
    return text.translate(ESCAPES)


def shown_path(path: str | Path) -> str:
    """Shorten a path relative to the current folder where that is shorter."""
    text = os.fspath(path)
    try:
        return printable(min(text, os.path.relpath(text), key=len))
    except (OSError, ValueError):  # the current folder is gone, or on another drive
        return printable(text)


def bare_reason(sentence: str) -> str:
    """Drop what stands before a reason where a file's name stands before it already."""
    return sentence.removeprefix("Cannot decode the picture: ")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: ``1 picture``, ``1,200 pictures``, ``2 copies``."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
