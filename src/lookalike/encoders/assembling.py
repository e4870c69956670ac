"""From weights in hub form to an encoder that runs as fast as this machine lets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from lookalike.encoders.cards import EncoderCard, with_precision
from lookalike.encoders.exporting import find_export, runtime_of
from lookalike.encoders.families import (
    configuration_of,
    describe,
    load_network,
    load_text_tower,
)
from lookalike.encoders.names import EncoderName, export_command, written
from lookalike.encoders.network import NetworkEncoder
from lookalike.encoders.protocol import Encoder, Runtime, TextTower
from lookalike.encoders.runtimes import BACKENDS, EXPORT_BACKENDS
from lookalike.encoders.runtimes.devices import CPU, Device, chosen_devices
from lookalike.encoders.weights.folders import WeightsFolder
from lookalike.encoders.weights.located import card_named, located, resolved
from lookalike.errors import EncoderError, UsageError

__all__ = ["card_and_folder", "hub_encoder"]


def hub_encoder(
    name: EncoderName,
    *,
    threads: int | None = None,
    device: str = "auto",
    backend: str = "auto",
    is_compiling: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
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
    devices = chosen_devices(device)
    # Before hundreds of megabytes are pulled for it.
    require_possible(name, backend, devices, is_compiling=is_compiling)
    is_on_cpu = devices == (CPU,)
    card, folder = card_and_folder(name, on_progress=on_progress)
    digest = folder.digest()
    runtime = None
    if is_on_cpu and backend != "torch" and not is_compiling:
        runtime = exported_runtime(card, digest, backend, threads=threads)
    if runtime is None:
        require_torch_will_do(card, backend)
        runtime = runtime_by_torch(
            card, folder, threads=threads, device=device, is_compiling=is_compiling
        )
    tower: Callable[[], TextTower] | None = None
    if card.has_text:
        # Texts run where pictures do; of several devices, on the first.
        tower = partial(load_text_tower, folder, card, devices[0].name)
    return NetworkEncoder(card, digest, runtime, text_tower=tower)


def card_and_folder(
    name: EncoderName, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[EncoderCard, WeightsFolder]:
    """Find an encoder's weights, pulling them where they are missing, and its card.

    Returns:
        The card, under the full name and with all that options changed; and the
        folder of its weights.
    """
    name = resolved(name)
    card, folder = located(name, progress=on_progress)
    if card is None:
        size = name.options.get("size")
        card = describe(
            folder, pooling=name.options.get("pooling", "own"), size=int(size) if size else None
        )
        known = card_named(name)
        if known is not None:
            card = replace(card, licence=known.licence, parameters=known.parameters)
    card = with_precision(card, name.options.get("precision", "exact"))
    return replace(card, name=written(name), configuration=configuration_of(folder)), folder


def exported_runtime(
    card: EncoderCard, digest: str, backend: str, *, threads: int | None
) -> Runtime | None:
    """Load what runs an accepted export, if there is one."""
    export = find_export(card, digest, backend)
    return None if export is None else runtime_of(export, card, threads=threads)


def require_possible(
    name: EncoderName, backend: str, devices: Sequence[Device], *, is_compiling: bool
) -> None:
    """Refuse what no export and no network could do together.

    Raises:
        EncoderError: The options exclude each other.
    """
    called, precision = written(name), name.options.get("precision", "exact")
    needs_export = backend in EXPORT_BACKENDS or precision == "int8"
    if (backend, precision) == ("onnx", "bf16"):
        raise EncoderError(
            f"Encoder {called!r} was asked for by --backend onnx, and ONNX Runtime has no bf16 on "
            "processors: use --backend openvino, or precision exact or int8."
        )
    if is_compiling and needs_export:
        raise EncoderError(
            f"Encoder {called!r} was asked for by an export and compiled, and compiling is "
            "torch's: leave compiling out, or use backend torch in exact or bf16."
        )
    if needs_export and tuple(devices) != (CPU,):
        raise EncoderError(
            f"Exports run on the CPU, and encoder {called!r} was asked for elsewhere: "
            "add --device cpu, or use --backend torch in exact or bf16."
        )


def require_torch_will_do(card: EncoderCard, backend: str) -> None:
    """Refuse what only an export could do.

    Raises:
        EncoderError: A back-end was asked for that has no export, or int8 was.
    """
    if backend in {"auto", "torch"} and card.precision != "int8":
        return
    to = backend if backend in EXPORT_BACKENDS else EXPORT_BACKENDS[0]
    raise EncoderError(
        f"There is no export of encoder {card.name!r} that could be used here: make one with "
        f"`{export_command(card.name, to, card.precision)}`."
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
