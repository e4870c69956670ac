"""PyTorch, eager or compiled: on graphics cards, and wherever there is no export to run."""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.names import export_command
from lookalike.encoders.protocol import Runtime
from lookalike.encoders.runtimes.batch_size import best_batch_size
from lookalike.encoders.runtimes.cores import usable_cores
from lookalike.encoders.runtimes.devices import Device, chosen_device, chosen_devices, described
from lookalike.encoders.runtimes.lanes import Lane, Traffic, open_lane
from lookalike.encoders.runtimes.memory import free_bytes, is_out_of_memory, let_go, taken_bytes
from lookalike.encoders.runtimes.precision import FULL_FLOAT32, halve_products
from lookalike.encoders.runtimes.spread import SpreadRuntime
from lookalike.errors import EncoderError, UsageError, first_line
from lookalike.images.preprocessing import Preprocessing, channel_scales

if TYPE_CHECKING:
    from torch import Tensor

    from lookalike.encoders.families.network import TorchNetwork

__all__ = ["TorchRuntime", "torch_runtime"]

logger = logging.getLogger(__name__)

# Measured on two cores, ResNet-18 and ViT-S/16: batches of 4 to 32 differ by less
# than what the machine's other work does, so memory decides, and ONNX Runtime's habit.
CPU_BATCH_SIZE = 16
# One call's pictures travel while the other's are computed.
CARD_WORKERS = 2
# What the batches under way may take of the memory that is free.
MEMORY_SHARE = 0.8
WORDS = {"exact": "float32", "bf16": "bfloat16"}


class TorchRuntime:
    """Runs one network on one device, in threads of its own.

    On the CPU each call under way has one thread; on two cores that embeds more
    pictures a second than calls that are shared out. Cards are given the batch
    that suits them, found when first asked for.

    Args:
        network: What is run; it is taken over, moved and rounded in place.
        preprocessing: Whose mean and std are applied, on the device.
        name: Of the encoder, for messages.
        precision: ``exact`` (float32) or ``bf16``.
        device: One device, as ``chosen_device`` takes it.
        threads: Calls under way at the same time on the CPU; its cores if None.
        is_compiling: Whether ``torch.compile`` is used, which takes a minute at first.

    Raises:
        UsageError: There is no such precision or device, or not together.
        MissingExtra: PyTorch is not installed.
    """

    def __init__(
        self,
        network: TorchNetwork,
        preprocessing: Preprocessing,
        *,
        name: str,
        precision: str = "exact",
        device: str = "cpu",
        threads: int | None = None,
        is_compiling: bool = False,
    ) -> None:
        check_precision(precision, name)
        self._device = chosen_device(device)
        self._name = name
        self._size = preprocessing.size
        self._is_compiling = is_compiling
        self._arithmetic: Any = FULL_FLOAT32 if precision == "exact" else nullcontext()
        self._forward = forward_of(network, preprocessing, precision, self._device, is_compiling)
        self.dim: int | None = network.dim or None
        self.workers = workers_on(self._device, threads)
        self.shares_cores = self._device.kind == "cpu"
        library = "PyTorch compiled" if is_compiling else "PyTorch"
        self.description = f"{library}, {WORDS[precision]}, {self._device}"
        self._lanes = threading.local()
        self._pool = ThreadPoolExecutor(self.workers, f"torch-{self._device.name}")
        self._most: int | None = None
        self._found: int | None = CPU_BATCH_SIZE if self._device.kind == "cpu" else None
        self._finding = threading.Lock()
        self._shrinking = threading.Lock()
        self._warming = threading.Lock()
        self._is_warm = False
        self._traffic = Traffic()

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given; cards are measured when first asked."""
        with self._finding:
            if self._found is None:
                self._found = self._pool.submit(self._best_batch_size).result()
                logger.debug("%s: batches of %d on %s", self._name, self._found, self._device)
        return min(self._found, self._most or self._found)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network on ``(n, size, size, 3)``: rows as they leave it.

        Raises:
            EncoderError: The network fails, or memory is too small for one picture.
        """
        return self._pool.submit(self._run, pixels).result()

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the network in as few parts as memory allows."""
        parts: list[NDArray[np.float32]] = []
        start = 0
        while start < len(pixels) or not parts:
            part = pixels[start : start + (self._most or len(pixels))]
            rows = self._tried(part)
            if rows is None:
                self._shrink(len(part))
            else:
                parts.append(rows)
                start += len(part)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _tried(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Run the network once; None if it needs more memory than there is."""
        try:
            with self._turn(), self._traffic, self._arithmetic:
                rows = self._lane().run(pixels, self._forward)
                self._is_warm = True
                return rows
        except Exception as error:  # PyTorch's errors share no public base class
            if not is_out_of_memory(error):
                raise EncoderError(self._failure(error, pixels)) from error
            if len(pixels) <= 1 and self._traffic.is_none:
                raise EncoderError(
                    f"Encoder {self._name!r} needs more memory than {self._device} has free, even "
                    "for a single picture: free some of it, choose a smaller encoder, or another "
                    "device by --device."
                ) from error
        # Outside of the handler, whose error holds on to what is to be let go.
        return None

    def _turn(self) -> AbstractContextManager[Any]:
        """Let the first call run alone.

        Networks make tables at first that later calls share. On a card they are
        made on one lane's stream, and another's would not wait for them.
        """
        return nullcontext() if self._is_warm else self._warming

    def _failure(self, error: Exception, pixels: NDArray[np.uint8]) -> str:
        hint = ": leave compiling off" if self._is_compiling else ""
        return (
            f"PyTorch could not run encoder {self._name!r} on {pixels.shape} on {self._device} "
            f"({first_line(error)}){hint}."
        )

    def _shrink(self, failed: int) -> None:
        """Halve the batch for good; the log hears of it once for each size that failed."""
        # What another call holds will soon be free: without it, less halving is needed.
        self._traffic.wait_for_one()
        with self._shrinking:
            let_go(self._device)
            smaller = max(1, failed // 2)
            if self._most is None or smaller < self._most:
                self._most = smaller
                logger.warning(
                    "%s is out of memory with %d pictures at a time: going on with %d",
                    self._device, failed, smaller,
                )  # fmt: skip

    def _lane(self) -> Lane:
        """Return the calling thread's own lane."""
        if not hasattr(self._lanes, "lane"):
            self._lanes.lane = open_lane(self._device.name)
        lane: Lane = self._lanes.lane
        return lane

    def _best_batch_size(self) -> int:
        """Measure, in a thread of the pool."""
        before, free = taken_bytes(self._device), free_bytes(self._device)
        tried = 0

        def seconds_for(size: int) -> float | None:
            nonlocal tried
            tried = size
            blank = np.zeros((size, self._size, self._size, 3), dtype=np.uint8)
            seconds = None
            for _ in ("to warm up", "by the clock"):
                started = time.perf_counter()
                if self._tried(blank) is None:
                    let_go(self._device)
                    return None
                seconds = time.perf_counter() - started
            return seconds

        def fits(size: int) -> bool:
            if not tried or free is None:
                return True
            for_each = (taken_bytes(self._device) - before) / tried
            return for_each * size * self.workers <= MEMORY_SHARE * free

        return best_batch_size(seconds_for, fits=fits)


def torch_runtime(
    network: TorchNetwork,
    preprocessing: Preprocessing,
    *,
    name: str,
    precision: str = "exact",
    device: str = "auto",
    threads: int | None = None,
    is_compiling: bool = False,
) -> Runtime:
    """Run a network on the devices that a name asks for: on each of several, a copy.

    Args are those of ``TorchRuntime``; ``device`` may be ``all`` or name several.

    Raises:
        UsageError: There is no such precision or device, or not together.
        MissingExtra: PyTorch is not installed.
    """
    devices = chosen_devices(device)
    copies = [copied(network) for _ in devices[1:]] + [network]
    runtimes = [
        TorchRuntime(
            one,
            preprocessing,
            name=name,
            precision=precision,
            device=place.name,
            threads=threads,
            is_compiling=is_compiling,
        )
        for one, place in zip(copies, devices, strict=True)
    ]
    if len(runtimes) == 1:
        return runtimes[0]
    words = runtimes[0].description.removesuffix(str(devices[0])) + described(devices)
    return SpreadRuntime(runtimes, description=words)


def copied(network: TorchNetwork) -> TorchNetwork:
    """Copy a network, weights and all."""
    return replace(network, images=copy.deepcopy(network.images))


def check_precision(precision: str, name: str) -> None:
    """Refuse what PyTorch does not compute in.

    Raises:
        UsageError: It is not ``exact`` or ``bf16``.
    """
    if precision == "int8":
        raise UsageError(
            f"Precision 'int8' of encoder {name!r} needs an export: run "
            f"`{export_command(name, 'openvino', 'int8')}`."
        )
    if precision not in WORDS:
        raise UsageError(f"Precision {precision!r} is unknown: use exact, bf16 or int8.")


def workers_on(device: Device, threads: int | None) -> int:
    """Decide how many calls are best under way; MPS and XPU have no streams to overlap here."""
    if device.kind == "cpu":
        return threads or usable_cores()
    return CARD_WORKERS if device.kind == "cuda" else 1


def forward_of(
    network: TorchNetwork,
    preprocessing: Preprocessing,
    precision: str,
    device: Device,
    is_compiling: bool,
) -> Callable[[Tensor], Tensor]:
    """Bring a network to a device, and its normalisation with it.

    Returns:
        From uint8 ``(n, size, size, 3)`` on the device to rows on the device.
    """
    import torch

    is_rounded = precision == "bf16"
    if is_rounded:
        check_bf16(device)
        halve_products(network.images)
    images = network.images.eval().to(device.name)
    # Convolutions like the order that pictures come in; those of MPS have their own.
    order = torch.contiguous_format if device.kind == "mps" else torch.channels_last
    for layer in images.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.to(memory_format=order)
    factor, offset = (
        torch.tensor(values, dtype=torch.float32, device=device.name).view(1, 3, 1, 1)
        for values in zip(*channel_scales(preprocessing), strict=True)
    )
    if device.kind == "cuda":
        # Lanes have streams of their own, which do not wait for this one.
        torch.cuda.synchronize(device.name)

    def steps(pixels: Tensor) -> Tensor:
        planes = torch.addcmul(offset, pixels.permute(0, 3, 1, 2).float(), factor)
        rows: Tensor = images(planes.contiguous(memory_format=order))
        return rows

    run = torch.compile(steps, dynamic=True) if is_compiling else steps

    def forward(pixels: Tensor) -> Tensor:
        rounding = torch.autocast(device.kind, dtype=torch.bfloat16, enabled=is_rounded)
        with torch.inference_mode(), rounding:
            rows: Tensor = run(pixels)
            return rows

    return forward


def check_bf16(device: Device) -> None:
    """Refuse bfloat16 where a card only pretends to have it.

    Raises:
        UsageError: The card is too old.
    """
    import torch

    if device.kind != "cuda" or torch.version.hip:
        return
    major, _ = torch.cuda.get_device_capability(device.name)
    if major < 8:
        raise UsageError(f"{device} does not compute in bfloat16: use precision 'exact' there.")
