"""From a name to an encoder.

Names are ``builtin`` or ``onnx:FILE``. What a card would say can follow the
file as in an address, ``onnx:net.onnx?size=224&mean=.5&std=.5&output=embedding``,
so that one string, kept with a gallery, always finds its encoder again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qsl

from lookalike.encoders.cards import (
    EncoderCard,
    card_from,
    load_card,
    renamed,
    require_weights,
)
from lookalike.encoders.network import NetworkEncoder
from lookalike.encoders.protocol import Encoder
from lookalike.encoders.runtimes.onnx import OnnxRuntime
from lookalike.errors import EncoderError, EncoderNotFound, UsageError

__all__ = [
    "OPTION_NAMES",
    "encoder_name",
    "load_encoder",
    "onnx_encoder",
    "with_stored_options",
]

ONNX_PREFIX = "onnx:"
OPTION_NAMES = ("size", "resize", "interpolation", "mean", "std", "output")


def load_encoder(name: str = "builtin", *, threads: int | None = None) -> Encoder:
    """Load an encoder by name.

    Args:
        name: ``builtin``, or ``onnx:FILE`` with a card beside the file
            (``FILE`` with the suffix ``.json``) or options after ``?``.
        threads: Calls under way at the same time; the machine's cores if None.

    Raises:
        EncoderNotFound: No such encoder.
        EncoderError: It cannot be used.
        UsageError: An option makes no sense.
    """
    if name == "builtin":
        folder = Path(str(resources.files("lookalike.encoders") / "builtin"))
        card = load_card(folder / "card.json")
        return onnx_encoder(card, folder / card.weights, threads=threads)
    if name.startswith(ONNX_PREFIX):
        return load_onnx(name.removeprefix(ONNX_PREFIX), threads=threads)
    raise EncoderNotFound(
        f"There is no encoder {name!r}: use 'builtin', or 'onnx:FILE' for a network of your own."
    )


def load_onnx(place: str, *, threads: int | None) -> Encoder:
    """Load a user's network from ``FILE`` or ``FILE?options``."""
    file, options = split_options(place)
    weights = Path(os.path.abspath(os.path.expanduser(file)))
    if not weights.is_file():
        raise EncoderNotFound(f"There is no encoder file at {weights}: check the path.")
    beside = weights.with_suffix(".json")
    if options:
        card = card_from_options(weights, options)
    elif beside.is_file():
        card = load_card(beside)
    else:
        raise EncoderError(
            f"The encoder {weights} has no card beside it ({beside.name}): write one "
            "(docs/encoders.md), or give its preprocessing, for example "
            "--encoder-size 224 --encoder-mean .5 --encoder-std .5 --encoder-output embedding."
        )
    return onnx_encoder(renamed(card, encoder_name(weights, options)), weights, threads=threads)


def onnx_encoder(card: EncoderCard, weights: Path, *, threads: int | None = None) -> Encoder:
    """Run an ONNX network that a card describes.

    Raises:
        EncoderNotFound: The weights file is not there.
        EncoderError: It is not the card's, or cannot be used.
    """
    digest = require_weights(card, weights)
    runtime = OnnxRuntime(card, weights, threads=threads)
    return NetworkEncoder(replace(card, output=runtime.output), digest, runtime)


def encoder_name(weights: str | Path, options: Mapping[str, str]) -> str:
    """Write the one string that finds an ONNX encoder and its options again."""
    query = "&".join(f"{key}={options[key]}" for key in OPTION_NAMES if options.get(key))
    return f"{ONNX_PREFIX}{weights}" + (f"?{query}" if query else "")


def with_stored_options(name: str, stored: str) -> str:
    """Give an ONNX file that was named alone the options that a gallery stored with its encoder.

    A file that was moved is then found again by its new place; whether it is the
    same network is for the fingerprint to say.
    """
    _, options = split_options(stored.removeprefix(ONNX_PREFIX))
    file, own = split_options(name.removeprefix(ONNX_PREFIX))
    has_card = Path(os.path.expanduser(file)).with_suffix(".json").is_file()
    if not name.startswith(ONNX_PREFIX) or own or has_card or not options:
        return name
    return encoder_name(file, options)


def split_options(place: str) -> tuple[str, dict[str, str]]:
    """Part a file from its options; a question mark in the file's own name stays there."""
    file, mark, tail = place.rpartition("?")
    if not mark or "=" not in tail:
        return place, {}
    options = dict(parse_qsl(tail, keep_blank_values=True))
    unknown = sorted(set(options) - set(OPTION_NAMES))
    if unknown:
        raise UsageError(
            f"Encoder option {unknown[0]!r} is unknown: use {', '.join(OPTION_NAMES)}."
        )
    return file, options


def card_from_options(weights: Path, options: Mapping[str, str]) -> EncoderCard:
    """Build a card from options; what is left out has the field's usual values."""
    size = number(options, "size", 224)
    preprocessing = {
        "size": int(size),
        # The usual centre crop of ImageNet networks keeps 87.5 % of the short side.
        "resize": int(number(options, "resize", round(size / 0.875))),
        "interpolation": options.get("interpolation", "bicubic"),
        "mean": channels(options, "mean", [0.485, 0.456, 0.406]),
        "std": channels(options, "std", [0.229, 0.224, 0.225]),
    }
    return card_from(
        {
            "name": "",
            "weights": weights.name,
            "dim": 0,
            "preprocessing": preprocessing,
            "output": options.get("output", ""),
        }
    )


def number(options: Mapping[str, str], key: str, default: float) -> float:
    """Read one number."""
    try:
        return float(options.get(key) or default)
    except ValueError:
        raise UsageError(f"Encoder option {key} is {options[key]!r}, not a number.") from None


def channels(options: Mapping[str, str], key: str, default: list[float]) -> list[float]:
    """Read one number for all channels, or three parted by commas."""
    text = options.get(key)
    if not text:
        return default
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in {1, 3}:
        raise UsageError(f"Encoder option {key} is {text!r}: give one number, or three as 'r,g,b'.")
    return values * 3 if len(values) == 1 else values
