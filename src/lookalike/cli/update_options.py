"""Options of the commands that embed pictures: which encoder, how to keep, what to report."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import expanded
from lookalike.encoders.loading import encoder_name
from lookalike.errors import UsageError

__all__ = ["update_options"]

Answer = TypeVar("Answer")


def update_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the options of an update; the --encoder... ones arrive as one name, ``wanted``."""

    @click.option(
        "--encoder",
        metavar="NAME",
        help="What turns pictures into numbers: builtin, which comes along, or onnx:FILE, a "
        "network of your own, described by FILE.json beside it or by the options below. A gallery "
        "keeps to one encoder. Default: the gallery's, builtin for a new one.",
    )
    @click.option(
        "--encoder-size",
        type=WholeNumber(1, 4096),
        metavar="PIXELS",
        help="onnx: side of the square that the network takes. Default: 224.",
    )
    @click.option(
        "--encoder-resize",
        type=WholeNumber(1, 4096),
        metavar="PIXELS",
        help="onnx: the picture's short side before the square is cut from its centre; closer to "
        "the size keeps more of the picture's edges. Default: size / 0.875.",
    )
    @click.option(
        "--encoder-mean",
        metavar="M",
        help="onnx: subtracted from the pixels, which run from 0 to 1: one number, or r,g,b. "
        "Default: ImageNet's.",
    )
    @click.option(
        "--encoder-std",
        metavar="S",
        help="onnx: what the pixels are then divided by: one number, or r,g,b. "
        "Default: ImageNet's.",
    )
    @click.option(
        "--encoder-output",
        metavar="NAME",
        help="onnx: the network's output that is the embedding; needed where it has several.",
    )
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
        "column 'path' or 'file_name' says which row belongs to which.",
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
        "Default: one of each per core.",
    )
    @wraps(function)
    def wrapped(
        *,
        encoder: str | None,
        encoder_size: int | None,
        encoder_resize: int | None,
        encoder_mean: str | None,
        encoder_std: str | None,
        encoder_output: str | None,
        **own: Any,
    ) -> Answer:
        options = {
            "size": str(encoder_size or ""),
            "resize": str(encoder_resize or ""),
            "mean": encoder_mean or "",
            "std": encoder_std or "",
            "output": encoder_output or "",
        }
        return function(wanted=full_name(encoder and expanded(encoder), options), **own)

    return wrapped


def full_name(encoder: str | None, options: dict[str, str]) -> str | None:
    """Fold the --encoder-... options into the encoder's name."""
    given = {key: value for key, value in options.items() if value}
    if not given:
        return encoder
    if encoder is None or not encoder.startswith("onnx:"):
        raise UsageError(
            f"--encoder-{next(iter(given))} describes a network of your own: "
            "name it too, with --encoder onnx:FILE."
        )
    return encoder_name(encoder.removeprefix("onnx:"), given)
