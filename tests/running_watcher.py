"""A watcher that runs beside a test."""

from __future__ import annotations

import threading
import time

from lookalike.ingest import Watcher

# A bound that a busy machine keeps; what it takes is measured in bench/watching.py.
PATIENCE_S = 120.0
SETTLE_S = 0.2


class RunningWatcher:
    """A watcher that runs on a thread of its own, and what it told."""

    def __init__(self, gallery, encoder, **given):
        self.gallery = gallery
        self.reports = []
        self.problems = []
        self.updates = 0
        self.stop = threading.Event()
        write = given.pop("write", lambda work: work())

        def counted(work):
            self.updates += 1
            return write(work)

        self.watcher = Watcher(
            gallery,
            encoder,
            on_report=self.reports.append,
            on_problem=self.problems.append,
            write=counted,
            **{"settle_s": SETTLE_S, "rescan_s": 600.0, **given},
        )
        self.lookout = self.watcher._lookout
        self.thread = threading.Thread(target=self.watcher.run, args=(self.stop,))

    @property
    def changes(self):
        """Everything that happened so far."""
        return [change for report in self.reports for change in report.changes]

    @property
    def last(self):
        """What happened last."""
        return self.changes[-1].what if self.changes else None

    @property
    def files(self):
        """Which file is which image."""
        return {image.path: image.image_id for image in self.gallery.images()}

    def until(self, is_true):
        """Wait for something to become true."""
        end = time.monotonic() + PATIENCE_S
        while not is_true():
            assert time.monotonic() < end, (self.files, self.changes, self.problems)
            assert self.thread.is_alive()
            time.sleep(0.02)

    def until_files(self, *paths):
        """Wait until the gallery holds these files and no others."""
        self.until(lambda: set(self.files) == set(paths))
        return self.files
