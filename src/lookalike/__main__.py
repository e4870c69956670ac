"""Run the command line: as ``lookalike``, and as ``python -m lookalike``.

Light, so that Ctrl-C is heeded while the rest is still being loaded.
"""

import gc
import sys

__all__ = ["main"]

EXIT_INTERRUPTED = 130


def main() -> None:
    """Load the program, run it, and exit as it says."""
    gc.disable()  # until the command is loaded: see ``begin_collecting``
    try:
        from lookalike.cli.main import main as run_program

        run_program()
    except KeyboardInterrupt:
        sys.stderr.write("lookalike: Interrupted.\n")
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
