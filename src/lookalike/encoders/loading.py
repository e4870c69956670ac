"""From a name to an encoder."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path

from lookalike.encoders.cards import (
    EncoderCard,
    card_from,
    load_card,
    require_weights,
)
from lookalike.encoders.names import EncoderName, encoder_name, parse_name, side, written
from lookalike.encoders.network import NetworkEncoder
from lookalike.encoders.protocol import Encoder
from lookalike.encoders.runtimes.onnx import OnnxRuntime
from lookalike.errors import EncoderError, EncoderNotFound, UsageError

__all__ = ["builtin_card", "load_encoder", "onnx_encoder"]

BUILTIN = Path(str(resources.files("lookalike.encoders") / "builtin"))


def load_encoder(
    name: str | os.PathLike[str] = "builtin",
    *,
    threads: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    is_compiling: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Encoder:
    """Load an encoder by name.

    Args:
        name: ``builtin``; a name that ``lookalike encoders`` lists; ``timm:NAME``,
            ``openclip:ARCH/TAG``, ``hf:REPOSITORY``; a directory that holds weights
            in hub form; or ``onnx:FILE`` with a card beside the file (``FILE`` with
            the suffix ``.json``). Options may follow, as in
            ``dinov2-s?pooling=mean&precision=bf16``.
        threads: Calls under way at the same time on the CPU; its cores if None.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ``xpu``, or ``all``.
        backend: ``auto`` (an accepted export, else torch), ``torch``, ``openvino``
            or ``onnx``.
        is_compiling: Whether torch compiles the network first.
        on_progress: Where weights have to be pulled: told of bytes that are here,
            and of all there will be.

    Raises:
        EncoderNotFound: No such encoder, or its weights cannot be had.
        EncoderError: It cannot be used.
        MissingExtra: The library that it needs is not installed.
        UsageError: An option makes no sense.
    """
    parsed = parse_name(name)
    if parsed.kind in {"builtin", "onnx"}:
        require_cpu(parsed, device, backend)
    if parsed.kind == "builtin":
        card = builtin_card()
        return onnx_encoder(card, BUILTIN / card.weights, threads=threads)
    if parsed.kind == "onnx":
        return load_onnx(Path(parsed.place), parsed.options, threads=threads)
    # What the encoder in the box needs none of, and takes a while to import.
    from lookalike.encoders.assembling import hub_encoder

    return hub_encoder(
        parsed,
        threads=threads,
        device=device,
        backend=backend,
        is_compiling=is_compiling,
        on_progress=on_progress,
    )


def builtin_card() -> EncoderCard:
    """Return the card of the encoder in the box."""
    return load_card(BUILTIN / "card.json")


def require_cpu(name: EncoderName, device: str, backend: str) -> None:
    """Refuse to run an ONNX file elsewhere than on the CPU, or by another back-end."""
    if device not in {"auto", "cpu"}:
        raise UsageError(
            f"Encoder {written(name)!r} runs on the CPU only, and {device!r} was asked for: "
            "leave --device out."
        )
    if backend not in {"auto", "onnx"}:
        raise UsageError(
            f"Encoder {written(name)!r} is an ONNX network, and {backend!r} was asked for: "
            "leave --backend out."
        )


def load_onnx(weights: Path, options: Mapping[str, str], *, threads: int | None) -> Encoder:
    """Load a user's network, described by options or by the card beside it."""
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
    return onnx_encoder(
        replace(card, name=encoder_name(weights, options)), weights, threads=threads
    )


def onnx_encoder(card: EncoderCard, weights: Path, *, threads: int | None = None) -> Encoder:
    """Run an ONNX network that a card describes.

    Raises:
        EncoderNotFound: The weights file is not there.
        EncoderError: It is not the card's, or cannot be used.
    """
    digest = require_weights(card, weights)
    runtime = OnnxRuntime(card, weights, threads=threads)
    return NetworkEncoder(replace(card, output=runtime.output), digest, runtime)


def card_from_options(weights: Path, options: Mapping[str, str]) -> EncoderCard:
    """Build a card from options; what is left out has the field's usual values."""
    size = side("size", options.get("size") or "224")
    preprocessing = {
        "size": size,
        # The usual centre crop of ImageNet networks keeps 87.5 % of the short side.
        "resize": side("resize", options.get("resize") or str(round(size / 0.875))),
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


def channels(options: Mapping[str, str], key: str, default: list[float]) -> list[float]:
    """Read one number for all channels, or three parted by commas."""
    text = options.get(key)
    if not text:
        return default
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in {1, 3} or not all(map(math.isfinite, values)):
        raise UsageError(f"Encoder option {key} is {text!r}: give one number, or three as 'r,g,b'.")
    return values * 3 if len(values) == 1 else values
