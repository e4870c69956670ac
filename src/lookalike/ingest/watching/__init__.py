"""Watching: files that come, change, move and go reach the gallery by themselves."""

from __future__ import annotations

from lookalike.ingest.watching.watcher import Watcher

__all__ = ["Watcher"]
