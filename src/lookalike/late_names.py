"""Names of a package that are imported when they are first used (PEP 562).

What needs one small part of a room must not wait for NumPy, nor ``import lookalike``
for anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["late_names"]


def late_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the ``__getattr__`` and the ``__dir__`` of a package.

    Args:
        package: Its ``__name__``.
        homes: Which of its modules each name lives in.
    """
    names = vars(sys.modules[package])

    def fetched(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        names[name] = getattr(import_module(f"{package}.{homes[name]}"), name)
        return names[name]

    def listed() -> list[str]:
        return sorted({*names, *homes})

    return fetched, listed
