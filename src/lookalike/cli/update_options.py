"""Options of the commands that embed pictures: how to keep, what to report, how many threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from lookalike.cli.encoder_options import encoder_options
from lookalike.cli.numbers import WholeNumber

__all__ = ["update_options"]

Answer = TypeVar("Answer")


def update_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the options of an update; those of the encoder arrive as one, ``wanted``."""

    @encoder_options
    @click.option(
        "--dtype",
        type=click.Choice(["float16", "float32"]),
        help="How a new gallery keeps embeddings: float16 takes half the disk and moves scores by "
        "about 0.0005; float32 keeps every bit. Default: float16.",
    )
    @click.option(
        "--metadata",
        "metadata_file",
        metavar="FILE",
        help="Keep the columns of a CSV, TSV, JSON lines or Parquet file with the pictures; its "
        "column 'path' or 'file_name' says which row belongs to which. Cells may be parted by "
        "commas, semicolons, tabs or bars.",
    )
    @click.option(
        "--report",
        metavar="FILE",
        help="Write every file that could not be used, and why, as CSV: path, reason.",
    )
    @click.option(
        "--threads",
        type=WholeNumber(1, 1024),
        metavar="N",
        help="Threads that decode, and as many that encode: fewer leave the machine to others. "
        "Default: as many as suit the machine.",
    )
    @wraps(function)
    def wrapped(**own: Any) -> Answer:
        return function(**own)

    return wrapped
