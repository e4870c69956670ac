"""What the command line's exit codes mean, besides those of an interruption."""

from __future__ import annotations

from lookalike.errors import LookalikeError, UsageError

__all__ = ["EXIT_FAILURE", "EXIT_USAGE", "exit_code_of"]

EXIT_FAILURE = 1
EXIT_USAGE = 2


def exit_code_of(error: LookalikeError) -> int:
    """Say with which code an error ends the program."""
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
