"""Generations: telling listeners that a gallery has changed, whoever changed it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping

from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.ingest.watching.troubles import Troubles
from lookalike.server.jobs.events import Event, Events

__all__ = ["Generations"]

logger = logging.getLogger(__name__)

# How soon a listener hears of what another process wrote.
LOOK_S = 0.5


class Generations:
    """Looks at galleries that somebody listens to, and tells when one has changed.

    Args:
        events: Told under ``gallery:NAME``.
        galleries: The galleries by name.
    """

    def __init__(self, events: Events, galleries: Mapping[str, Gallery]) -> None:
        self._events = events
        self._galleries = galleries
        self._latest: dict[str, Event] = {}
        self._seen: dict[str, tuple[Gallery, int, int]] = {}
        self._lock = threading.Lock()
        self._troubles = Troubles()

    def look(self, name: str) -> Event:
        """Read a gallery's state, tell of it if it is new, and give the event that tells it."""
        with self._lock:
            gallery = self._galleries[name]
            seen = gallery, gallery.generation, len(gallery)
            if self._seen.get(name) != seen:
                self._seen[name] = seen
                state = {"gallery": name, "generation": seen[1], "images": seen[2]}
                number = self._events.next_sequence()
                event = self._events.event("gallery", f"gallery:{name}", state, number)
                self._latest[name] = event
                self._events.publish([f"gallery:{name}"], event)
            return self._latest[name]

    def begin_anew(self, name: str, gallery: Gallery) -> None:
        """Look at another gallery under a name, and tell of it even if it has the same numbers."""
        self._galleries = {**self._galleries, name: gallery}  # a look may be long: no lock

    def latest(self, name: str) -> Event:
        """Give the event of the last look; there has to have been one. Waits for nothing."""
        return self._latest[name]

    async def run(self) -> None:
        """Look again and again, where somebody listens; until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for name in self._galleries:
                if self._events.has_listeners(f"gallery:{name}"):
                    try:
                        await asyncio.to_thread(self.look, name)
                    except LookalikeError as error:
                        sentence = f"the gallery {name} cannot be looked at just now: {error}"
                        self._troubles.begin(name, sentence)
                    except Exception:
                        logger.exception("looking at the gallery %s failed, and goes on", name)
                    else:
                        self._troubles.end(name, f"the gallery {name} can be looked at again.")
