"""The log as JSON, for programs that collect it: one object on one line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from lookalike.cli.exit_codes import exit_code_of
from lookalike.cli.extras import with_install_lines
from lookalike.errors import LookalikeError

__all__ = ["JsonFormatter", "lines_of"]

logger = logging.getLogger("lookalike")


class JsonFormatter(logging.Formatter):
    """Writes a record as an object: ``time``, ``level``, and its ``facts`` or its ``message``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        facts = getattr(record, "facts", None)
        told = dict(facts) if facts else {"message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json_line(record.created, record.levelname.lower(), told)


def json_line(moment: float, level: str, facts: dict[str, Any]) -> str:
    """Write an object in ASCII: whatever its texts hold, it stays one line of JSON.

    Args:
        moment: When it was, in seconds since 1970.
        level: How much it matters.
        facts: What there is to tell.
    """
    when = datetime.fromtimestamp(moment).astimezone().isoformat(timespec="milliseconds")
    told = {"time": when, "level": level, **facts}
    whole = {name: readable(value) for name, value in told.items()}
    return json.dumps(whole)


def readable(value: Any) -> Any:
    """Write out the bytes of a file's name that are no letters: not every reader knows them."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def lines_of(form: str) -> Iterator[Callable[[str], str]]:
    """Write the log, and how the program fails, as text or as JSON.

    Args:
        form: ``text`` or ``json``.

    Yields:
        What makes a line of that form of a sentence for people.
    """
    if form == "text":
        yield str
        return
    for handler in logger.handlers:
        handler.setFormatter(JsonFormatter())
    try:
        yield lambda text: json_line(time.time(), "info", {"message": text})
    except LookalikeError as error:
        logger.error("%s", with_install_lines(str(error)))
        logger.debug("where it came from:", exc_info=True)
        click.get_current_context().exit(exit_code_of(error))
