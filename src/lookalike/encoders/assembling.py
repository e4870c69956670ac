"""From weights in hub form to an encoder that runs as fast as this machine lets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.exporting import find_export, runtime_of
from lookalike.encoders.families import describe, load_network, load_text_tower
from lookalike.encoders.folders import WeightsFolder
from lookalike.encoders.located import card_named, located, resolved
from lookalike.encoders.names import EncoderName, written
from lookalike.encoders.network import NetworkEncoder
from lookalike.encoders.protocol import Encoder, Runtime, TextTower
from lookalike.encoders.runtimes.devices import CPU, chosen_devices
from lookalike.errors import EncoderError, UsageError

__all__ = ["BACKENDS", "card_and_folder", "hub_encoder"]

BACKENDS = ("auto", "torch", "openvino", "onnx")


def hub_encoder(
    name: EncoderName,
    *,
    threads: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    is_compiling: bool = False,
) -> Encoder:
    """Load an encoder of the field's libraries.

    An export that was accepted for exactly these weights and this precision runs
    it on the CPU without torch; torch runs it everywhere else.

    Raises:
        EncoderNotFound: Its weights are neither here nor to be had.
        EncoderError: They cannot be used, or no export fits what was asked for.
        MissingExtra: The library that runs it is not installed.
        UsageError: An option makes no sense.
    """
    if backend not in BACKENDS:
        raise UsageError(f"Back-end {backend!r} is unknown: use {', '.join(BACKENDS)}.")
    is_on_cpu = chosen_devices(device) == (CPU,)
    card, folder = card_and_folder(name)
    digest = folder.digest()
    runtime = None
    if is_on_cpu and backend != "torch" and not is_compiling:
        runtime = exported_runtime(card, digest, backend, threads=threads)
    if runtime is None:
        require_torch_will_do(card, backend, is_on_cpu=is_on_cpu)
        runtime = runtime_by_torch(
            card, folder, threads=threads, device=device, is_compiling=is_compiling
        )
    tower: Callable[[], TextTower] | None = None
    if card.has_text:
        tower = partial(load_text_tower, folder, card)
    return NetworkEncoder(card, digest, runtime, text_tower=tower)


def card_and_folder(name: EncoderName) -> tuple[EncoderCard, WeightsFolder]:
    """Find an encoder's weights, pulling them where they are missing, and its card.

    Returns:
        The card, under the full name and with all that options changed; and the
        folder of its weights.
    """
    name = resolved(name)
    card, folder = located(name)
    if card is None:
        size = name.options.get("size")
        card = describe(
            folder, pooling=name.options.get("pooling", "own"), size=int(size) if size else None
        )
        known = card_named(name)
        if known is not None:
            card = replace(card, licence=known.licence, parameters=known.parameters)
    precision = name.options.get("precision", "exact")
    # Rounded arithmetic moves numbers further than a quick crop does.
    preprocessing = replace(card.preprocessing, is_quick=precision != "exact")
    return replace(
        card, name=written(name), precision=precision, preprocessing=preprocessing
    ), folder


def exported_runtime(
    card: EncoderCard, digest: str, backend: str, *, threads: int | None
) -> Runtime | None:
    """Load what runs an accepted export, if there is one."""
    export = find_export(card, digest, backend)
    return None if export is None else runtime_of(export, card, threads=threads)


def require_torch_will_do(card: EncoderCard, backend: str, *, is_on_cpu: bool) -> None:
    """Refuse what only an export could do.

    Raises:
        EncoderError: A back-end was asked for that has no export, or int8 was.
    """
    if backend in {"auto", "torch"} and card.precision != "int8":
        return
    to = backend if backend in {"openvino", "onnx"} else "openvino"
    command = f"lookalike encoders export {card.name.split('?')[0]} --to {to}"
    if card.precision != "exact":
        command += f" --precision {card.precision}"
    if not is_on_cpu:
        raise EncoderError(
            f"Exports run on the CPU, and encoder {card.name!r} was asked for elsewhere: "
            "add --device cpu, or use --backend torch in exact or bf16."
        )
    raise EncoderError(
        f"There is no export of encoder {card.name!r} that could be used here: make one with "
        f"'{command}'."
    )


def runtime_by_torch(
    card: EncoderCard,
    folder: WeightsFolder,
    *,
    threads: int | None,
    device: str,
    is_compiling: bool,
) -> Runtime:
    """Load the network itself."""
    from lookalike.encoders.runtimes.torch import torch_runtime

    return torch_runtime(
        load_network(folder, card),
        card.preprocessing,
        name=card.name,
        precision=card.precision,
        device=device,
        threads=threads,
        is_compiling=is_compiling,
    )
