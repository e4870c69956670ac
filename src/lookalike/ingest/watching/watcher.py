"""The watcher: finds out what changed, waits until it is complete, and updates the gallery."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lookalike.encoders import Encoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, SourceRecord
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.report import UpdateReport
from lookalike.ingest.source_update import ProgressListener
from lookalike.ingest.watching.lookout import Lookout
from lookalike.ingest.watching.notices import require_watchfiles
from lookalike.ingest.watching.rounds import Rounds, Stopping, Work
from lookalike.ingest.watching.settling import Settling
from lookalike.ingest.watching.troubles import Troubles
from lookalike.vectors import require_same_space

__all__ = ["Watcher"]

logger = logging.getLogger(__name__)


class Watcher:
    """Keeps a gallery up to date with its sources while their files come and go.

    Files are taken when they are complete: when their size and time have not changed
    between two looks. What the system does not tell is found by looking, every
    ``rescan_s`` seconds.

    Args:
        gallery: Which one; sources that are added to it later are watched as well.
        encoder: Has to be of the gallery's space.
        metadata: Columns to keep with the pictures.
        on_report: Called after each update that changed something, or found files
            that cannot be used.
        on_progress: Called while files are embedded.
        on_problem: Called with a sentence for what does not stop the watching: a
            source that went away, a disk that is full. By default it is logged as a
            warning.
        settle_s: Seconds between the two looks.
        rescan_s: Seconds between two looks for what nobody told.
        polls: Whether to do without the system's notices: they do not come from
            network drives.
        write: Runs each update, and returns what it returns; for a caller who has a
            thread of its own for writing.
        watches: Which sources are watched; all by default.
        decode_threads: Files read and decoded at a time.

    Raises:
        SpaceMismatch: The gallery was made with another encoder.
        MissingExtra: ``lookalike[watch]`` is not installed, and ``polls`` is not set.
        UsageError: A number of seconds is not above zero.
    """

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder,
        *,
        metadata: MetadataTable | None = None,
        on_report: Callable[[UpdateReport], object] | None = None,
        on_progress: ProgressListener | None = None,
        on_problem: Callable[[str], object] | None = None,
        settle_s: float = 0.5,
        rescan_s: float = 60.0,
        polls: bool = False,
        write: Callable[[Work], UpdateReport] | None = None,
        watches: Callable[[SourceRecord], bool] | None = None,
        decode_threads: int | None = None,
    ) -> None:
        require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
        for name, seconds in (("settle_s", settle_s), ("rescan_s", rescan_s)):
            if not seconds > 0:
                raise UsageError(f"{name} has to be above zero, not {seconds}.")
        if not polls:
            require_watchfiles()
        troubles = Troubles(on_problem)
        settling = Settling(settle_s)
        self._lookout = Lookout(
            gallery,
            settling,
            troubles,
            settle_s=settle_s,
            rescan_s=rescan_s,
            polls=polls,
            watches=watches or (lambda record: True),
        )
        self._rounds = Rounds(
            gallery,
            encoder,
            self._lookout.sources,
            settling,
            troubles,
            metadata=metadata,
            on_report=on_report,
            on_progress=on_progress,
            write=write,
            decode_threads=decode_threads,
        )

    def run(self, stop_event: threading.Event | None = None) -> None:
        """Watch until the event is set; first brings the gallery up to date.

        Files that are being embedded when the event is set are left for the next run;
        what is done is committed.

        Raises:
            GalleryError: The gallery cannot be read any more.
        """
        stop = stop_event or threading.Event()
        try:
            while not stop.is_set():
                self._lookout.tick()
                self._lookout.hear(self._rounds.not_before)
                self._lookout.look()
                self._rounds.take(stop)
        except Stopping:
            logger.debug("stopped in the middle of an update; the rest comes next time")
        finally:
            self._lookout.close()
