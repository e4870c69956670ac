"""Ctrl-C with something to say."""

from __future__ import annotations

__all__ = ["Interrupted"]


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says what is safe and how to go on."""
