"""Known pictures that cannot be read just now: kept for a while, since they may be half written."""

from __future__ import annotations

import threading
import time

from lookalike.images import ImageRef
from lookalike.ingest.watching.settling import Place

__all__ = ["Sparing"]

# A writer may pause for so long in the middle of a file that the gallery knows: an upload
# that stalls, a program that thinks.
PATIENCE_S = 60.0


class Sparing:
    """Keeps a known picture in the gallery while its file changed a moment ago.

    So it has the same image_id when it is complete. How long ago that was is what the
    file's date says: it outlives the watcher, and another watcher comes to the same end.
    """

    def __init__(self) -> None:
        self._due: dict[Place, float] = {}
        self._lock = threading.Lock()

    def spares(self, source_id: int, ref: ImageRef) -> bool:
        """Tell whether to keep a known picture whose file cannot be read; from any thread."""
        age_s = time.time() - ref.mtime_ns / 1e9
        # A clock that goes before this one, as of a network drive, makes files of the future.
        if abs(age_s) >= PATIENCE_S:
            return False
        with self._lock:
            self._due[source_id, ref.path] = time.monotonic() + PATIENCE_S - age_s
        return True

    def take_due(self, now: float) -> list[Place]:
        """Hand over what has been kept for long enough: now it is readable, or forgotten."""
        with self._lock:
            due = [place for place, at in self._due.items() if at <= now]
            for place in due:
                del self._due[place]
        return due
