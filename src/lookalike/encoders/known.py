"""The encoders that are known by name."""

from __future__ import annotations

__all__ = ["names_with_text"]


def names_with_text() -> tuple[str, ...]:
    """Name the known encoders that have a text tower, the smallest first."""
    return ()
