"""The file of a log: appended to, and begun anew when somebody has moved it away."""

from __future__ import annotations

import logging
from logging.handlers import WatchedFileHandler  # brings pickle and sockets: only who logs waits

__all__ = ["LogFile"]


class LogFile(WatchedFileHandler):
    """Writes to the file that is at a path now, be it that logrotate renamed the one before."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; what cannot be written is lost, and the work goes on."""
        try:
            super().emit(record)
        except OSError:  # there is none at the path, and none can be made just now
            self.handleError(record)
