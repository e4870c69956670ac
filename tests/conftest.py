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


# What is started in the background of a shell ignores Ctrl-C, and so does all that it starts:
# the tests that interrupt a program would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
