"""Options that say which encoder, and where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

import click

from lookalike.cli.device_options import backend_option, device_option
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import expanded
from lookalike.cli.output import note, printable
from lookalike.cli.progress import late_bar
from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.cards import POOLINGS, PRECISIONS
from lookalike.encoders.names import HUB_OPTIONS, parse_name, with_stored_options, written
from lookalike.errors import UsageError

__all__ = ["EncoderChoice", "backend_option", "device_option", "encoder_options"]

Answer = TypeVar("Answer")

# Of an encoder's name, and the option that says it.
OPTIONS = {
    "pooling": "--pooling",
    "precision": "--precision",
    "size": "--encoder-size",
    "resize": "--encoder-resize",
    "mean": "--encoder-mean",
    "std": "--encoder-std",
    "output": "--encoder-output",
}


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """What the user said of the encoder.

    Attributes:
        name: Its full name, options included; None where it was not named.
        device: Where it runs.
        backend: What runs it.
    """

    name: str | None
    device: str = "auto"
    backend: str = "auto"

    def load(self, stored: str = "", *, threads: int | None = None) -> Encoder:
        """Load it, and say what runs it where that could be one thing or another.

        Args:
            stored: The name that a gallery keeps, for where none was given.
            threads: Calls under way at the same time on the CPU.
        """
        named = with_stored_options(self.name, stored) if self.name else stored or "builtin"
        with late_bar(f"Pulling {printable(named)}") as tell:
            encoder = load_encoder(
                named, threads=threads, device=self.device, backend=self.backend, on_progress=tell
            )
        if encoder.card.family != "onnx":
            note(f"Encoder {printable(encoder.card.name)}: {encoder.runs_on}.")
        return encoder


def encoder_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the options of an encoder; they arrive as one ``EncoderChoice``, ``wanted``."""

    @click.option(
        "--encoder",
        metavar="NAME",
        help="What turns pictures into numbers: builtin, which comes along, a name that "
        "'lookalike encoders' lists, timm:NAME, openclip:ARCH/TAG, hf:REPOSITORY, a folder of "
        "weights in hub form, or onnx:FILE. A gallery keeps to one encoder. "
        "Default: the gallery's, builtin for a new one.",
    )
    @click.option(
        "--pooling",
        type=click.Choice(POOLINGS),
        help="How tokens or maps become one embedding: as the network itself does, its class "
        "token, the mean of its patches, or their generalised mean. Default: own.",
    )
    @click.option(
        "--precision",
        type=click.Choice(PRECISIONS),
        help="Class of arithmetic: bf16 and int8 are faster and move scores a little; a gallery "
        "keeps to one. int8 needs an accepted export. Default: exact.",
    )
    @click.option(
        "--encoder-size",
        type=WholeNumber(1, 4096),
        metavar="PIXELS",
        help="Side of the square that the network takes. Default: its own; for onnx: 224.",
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
    @device_option
    @backend_option
    @wraps(function)
    def wrapped(
        *,
        encoder: str | None,
        pooling: str | None,
        precision: str | None,
        encoder_size: int | None,
        encoder_resize: int | None,
        encoder_mean: str | None,
        encoder_std: str | None,
        encoder_output: str | None,
        device: str,
        backend: str,
        **own: Any,
    ) -> Answer:
        given = {
            "pooling": pooling or "",
            "precision": precision or "",
            "size": str(encoder_size or ""),
            "resize": str(encoder_resize or ""),
            "mean": encoder_mean or "",
            "std": encoder_std or "",
            "output": encoder_output or "",
        }
        name = full_name(encoder and expanded(encoder), given)
        return function(wanted=EncoderChoice(name, device, backend), **own)

    return wrapped


def full_name(encoder: str | None, options: Mapping[str, str]) -> str | None:
    """Fold the options into the encoder's name.

    Raises:
        UsageError: No encoder was named, or it takes no such option.
    """
    given = {key: value for key, value in options.items() if value}
    if not given or encoder is None:
        if given:
            raise UsageError(
                f"{OPTIONS[next(iter(given))]} describes an encoder: name it too, with --encoder."
            )
        return encoder
    name = parse_name(encoder)
    taken = {"onnx": set(OPTIONS) - {"pooling", "precision"}, "builtin": set()}.get(
        name.kind, set(HUB_OPTIONS)
    )
    for key in given:
        if key not in taken:
            raise UsageError(f"{OPTIONS[key]} has no meaning for encoder {encoder!r}.")
        if key in name.options:
            raise UsageError(f"{OPTIONS[key]} is given, and {encoder!r} says it too: leave one.")
    return written(replace(name, options={**name.options, **given}))
