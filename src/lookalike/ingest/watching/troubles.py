"""What is wrong with the watching: said once, and once more when it is over."""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["Troubles"]

logger = logging.getLogger(__name__)


class Troubles:
    """Says what does not stop the watching.

    Args:
        tell: Called with a sentence; by default it is logged as a warning.
    """

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self._tell = tell or warn
        self._lasting: dict[str, str] = {}

    def say(self, sentence: str) -> None:
        """Say what is over at once, as a file that had to be left out."""
        self._tell(sentence)

    def begin(self, what: str, sentence: str) -> None:
        """Say what is wrong with something, unless that was the last that was said of it."""
        if self._lasting.get(what) != sentence:
            self._lasting[what] = sentence
            self._tell(sentence)

    def end(self, what: str, sentence: str) -> None:
        """Say that all is well with something again, if it was not."""
        if self._lasting.pop(what, None) is not None:
            self._tell(sentence)


def warn(sentence: str) -> None:
    """Log a sentence as the log has them, without its full stop."""
    logger.warning("%s", sentence.rstrip("."))
