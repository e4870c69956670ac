"""Where the library's log goes: to standard error as far as asked for, and to a file."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

import click

from lookalike.cli.destinations import require_writable_file
from lookalike.cli.output import printable
from lookalike.errors import UsageError

__all__ = ["DatedFormatter", "ScreenHandler", "log_failure", "set_up_logging"]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Without -v only warnings are shown: sentences beside the program's own.
BRIEF_FORMAT = "lookalike: %(message)s."
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

logger = logging.getLogger("lookalike")


class DatedFormatter(logging.Formatter):
    """Writes when something happened as ISO 8601 does, with the offset to UTC.

    Whatever a message holds, it stays one line; those of a traceback are moved in, so that
    they are never taken for messages.

    Args:
        form: Of a line.
        precision: Of the time: "seconds" or "milliseconds".
    """

    def __init__(self, form: str, precision: str = "milliseconds") -> None:
        super().__init__(form)
        self._precision = precision

    def formatTime(  # noqa: N802, logging's name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Write the time of a record."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        return moment.isoformat(timespec=self._precision)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, logging's name
        """Write a record's line."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802, logging's name
        """Write a traceback, in which a message may hold lines of its own."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"    {printable(line)}" for line in lines)


class ScreenHandler(logging.Handler):
    """Writes to whatever standard error is at that moment: a progress bar may stand there."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, unless the user was told already."""
        if not getattr(record, "is_told", False):
            try:
                click.echo(self.format(record), err=True)
            except (OSError, ValueError):  # a screen that went away: the work goes on
                close_screen()


def close_screen() -> None:
    """Send standard error nowhere: what it still holds would fail again on the way out."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def set_up_logging(verbose: int, log_file: str | None) -> None:
    """Send the log where the options say.

    Args:
        verbose: How often -v was given.
        log_file: Where else; gets what one -v shows at least.

    Raises:
        UsageError: The log file cannot be written.
    """
    logging.raiseExceptions = False  # a full disk under the log must not fill the screen
    level = LEVELS[min(verbose, len(LEVELS) - 1)]
    screen = ScreenHandler(level)
    screen.setFormatter(DatedFormatter(LOG_FORMAT if verbose else BRIEF_FORMAT))
    handlers: list[logging.Handler] = [screen]
    if log_file is not None:
        handlers.append(file_handler(log_file, min(level, logging.INFO)))
    for old in logger.handlers:
        old.close()
    logger.handlers = handlers
    logger.setLevel(min(handler.level for handler in handlers))


def file_handler(log_file: str, level: int) -> logging.Handler:
    """Open the log file."""
    from lookalike.cli.log_file import LogFile

    path = os.path.expanduser(log_file)
    require_writable_file(path, what="log")
    try:
        handler = LogFile(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"The log {log_file} cannot be written ({error.strerror}): name another file."
        ) from error
    handler.setLevel(level)
    handler.setFormatter(DatedFormatter(LOG_FORMAT))
    return handler


def log_failure(message: str) -> None:
    """Keep in the log file what the user is told about a failure."""
    logger.error(message, extra={"is_told": True})
    logger.debug("where it came from:", exc_info=True)
