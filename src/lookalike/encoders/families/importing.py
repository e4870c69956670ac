"""Importing the field's libraries late, and saying in one sentence what is wrong with them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lookalike.errors import EncoderError, MissingExtra, first_line

__all__ = ["library"]


def library(name: str, *, extra: str, purpose: str) -> Any:
    """Import a library.

    Args:
        name: Of the module.
        extra: Which extra of Lookalike brings it.
        purpose: What needs it, as the start of a sentence.

    Raises:
        MissingExtra: It, or what it stands on, is not installed.
        EncoderError: It is there and cannot be imported.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(extra, purpose) from error
    except Exception as error:  # torchvision beside a torch of another build: RuntimeError
        raise EncoderError(
            f"{purpose} needs {name}, which is installed but cannot be imported "
            f"({first_line(error)}): install torch and torchvision builds that belong together."
        ) from error
