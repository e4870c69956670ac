"""What tests of every room share."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lookalike.encoders import Encoder

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(Path(__file__).parent))


def memory_folder() -> Path | None:
    """Find the folder in memory that Linux has; None where it is missing, small or restricted."""
    folder = Path("/dev/shm")
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return None
    facts = os.statvfs(folder)
    has_room = facts.f_bavail * facts.f_frsize >= MEMORY_BYTES
    return folder if has_room and not facts.f_flag & os.ST_NOEXEC else None


# The tests' files lie in memory: each commit waits for the disk to have it, and that is half of
# the time that the tests take. A folder named with --basetemp comes before this one.
MEMORY_BYTES = 2 << 30
if folder := memory_folder():
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))

# What is started in the background of a shell ignores Ctrl-C, and so does all that it starts:
# the tests that interrupt a program would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# With nohup it is the end of the terminal: still nothing to these tests, but something again to
# the programs that they start.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    """Leave logging as it was: the program sets it up for its process, which here goes on."""
    raising = logging.raiseExceptions
    before = [
        (logger, list(logger.handlers), logger.level)
        for logger in map(logging.getLogger, ("lookalike", "lookalike.access"))
    ]
    yield
    logging.raiseExceptions = raising
    for logger, handlers, level in before:
        for new in set(logger.handlers) - set(handlers):
            new.close()
        logger.handlers = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and weights; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}: set LOOKALIKE_SHARED")
    return folder


@pytest.fixture(scope="session")
def encoder_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a tiny encoder: a picture's mean colour, times (1, 2, 4)."""
    from networks import write_card, write_mean_colour

    folder = tmp_path_factory.mktemp("encoder")
    file = write_mean_colour(folder / "mean-colour.onnx")
    write_card(folder / "mean-colour.json")
    return f"onnx:{file}"


@pytest.fixture(scope="session")
def encoder(encoder_name: str) -> Encoder:
    """The tiny encoder, loaded."""
    from lookalike.encoders import load_encoder

    return load_encoder(encoder_name, threads=2)
