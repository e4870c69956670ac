"""Ctrl-C with something to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.cli.output import counted

if TYPE_CHECKING:
    from lookalike.gallery import Gallery

__all__ = ["Interrupted", "safe_so_far"]


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says what is safe and how to go on."""


def safe_so_far(gallery: Gallery) -> Interrupted:
    """Say how many pictures the gallery holds already, and how to go on."""
    return Interrupted(
        f"Interrupted with {counted(len(gallery), 'picture')} safe in the gallery "
        f"{gallery.path}: the same command goes on from there."
    )
