"""Exports: a network once written for a faster library, checked, kept, and found again."""

from __future__ import annotations

from lookalike.encoders.exporting.making import export_network
from lookalike.encoders.exporting.store import (
    Evidence,
    Export,
    exports_of,
    find_export,
    remove_export,
    runtime_of,
)

__all__ = [
    "Evidence",
    "Export",
    "export_network",
    "exports_of",
    "find_export",
    "remove_export",
    "runtime_of",
]
