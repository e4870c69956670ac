"""Which devices this machine has, and which of them are to be used."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtra, UsageError

__all__ = ["CPU", "Device", "chosen_device", "chosen_devices", "described", "present_devices"]

FORMS = "auto, cpu, cuda, cuda:N, mps, xpu, several as cuda:0,cuda:1, or all"
NAME = re.compile(r"cpu|mps|(?:cuda|xpu)(?::\d+)?")
# What auto looks for, best first.
KINDS = ("cuda", "xpu", "mps", "cpu")
# What the drivers of Linux leave in /dev: NVIDIA's (of boards too), AMD's, any
# graphics card's, Intel's and others', and those of a Linux inside of Windows.
CARD_FILES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dri/render*", "accel*", "dxg")


@dataclass(frozen=True, slots=True)
class Device:
    """One processor that can run networks.

    Attributes:
        name: As PyTorch writes it: ``cpu``, ``cuda:0``, ``mps``, ``xpu:0``.
        title: What its maker calls it; empty for the CPU.
    """

    name: str
    title: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.title})" if self.title else self.name

    @property
    def kind(self) -> str:
        """Its kind: ``cpu``, ``cuda``, ``mps`` or ``xpu``."""
        return self.name.partition(":")[0]


CPU = Device("cpu")


def chosen_devices(asked: str = "auto") -> tuple[Device, ...]:
    """Find the devices that a name asks for.

    Args:
        asked: ``auto`` (the best kind there is, one device), ``all`` (every
            device of the best kind), ``cpu``, ``cuda``, ``cuda:N``, ``mps``,
            ``xpu``, ``xpu:N``, or several of one kind as in ``cuda:0,cuda:1``.

    Raises:
        UsageError: There is no such name, or no such device here.
        MissingExtra: An accelerator is asked for, and PyTorch is not installed.
    """
    wanted = asked.strip().lower()
    if wanted == "cpu" or (wanted in {"auto", "all"} and not may_have_accelerators()):
        return (CPU,)
    names = [name.strip() for name in wanted.split(",")]
    if wanted not in {"auto", "all"} and not all(NAME.fullmatch(name) for name in names):
        raise UsageError(f"Device {asked!r} is unknown: use {FORMS}.")
    present = present_devices(purpose=f"Running on {wanted}")
    if wanted in {"auto", "all"}:
        kind = next(kind for kind in KINDS if of_kind(present, kind))
        return of_kind(present, kind)[: 1 if wanted == "auto" else None]
    devices = tuple(named(name, present) for name in names)
    if len(set(devices)) < len(devices) or len({device.kind for device in devices}) > 1:
        raise UsageError(
            f"Devices {asked!r} cannot share the work: name each once, and all of one kind."
        )
    return devices


def chosen_device(asked: str = "auto") -> Device:
    """Find the one device that a name asks for.

    Raises:
        UsageError: There is no such name, no such device here, or it names several.
        MissingExtra: An accelerator is asked for, and PyTorch is not installed.
    """
    devices = chosen_devices(asked)
    if len(devices) > 1:
        raise UsageError(f"One device was expected, not {described(devices)}: name one of them.")
    return devices[0]


def present_devices(*, purpose: str = "Looking for accelerators") -> tuple[Device, ...]:
    """List what PyTorch can run on here, the CPU last.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", purpose) from error
    found = [*cards(torch, "cuda"), *cards(torch, "xpu")]
    if torch.backends.mps.is_available():
        found.append(Device("mps", "Apple GPU"))
    return (*found, CPU)


def described(devices: Sequence[Device]) -> str:
    """Write devices for people: ``cuda:0, cuda:1 (NVIDIA H100)``."""
    titles = list(dict.fromkeys(device.title for device in devices))
    parts = []
    for title in titles:
        names = ", ".join(device.name for device in devices if device.title == title)
        parts.append(f"{names} ({title})" if title else names)
    return ", ".join(parts)


def may_have_accelerators() -> bool:
    """Tell, without importing PyTorch, whether it could find one here.

    Importing it takes seconds, which a search that needs none of it should not pay.
    """
    try:
        is_for_cpus = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
    return not is_for_cpus and may_have_cards()


def may_have_cards() -> bool:
    """Look for what drivers leave behind; on systems where nothing is known to be, assume it."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform != "linux":
        return True
    return any(True for pattern in CARD_FILES for _ in Path("/dev").glob(pattern))


def cards(torch: Any, kind: str) -> list[Device]:
    """List the cards of a kind; its module is missing in PyTorch builds of other makers."""
    module = getattr(torch, kind, None)
    if module is None or not module.is_available():
        return []
    count = module.device_count()
    return [Device(f"{kind}:{place}", module.get_device_name(place)) for place in range(count)]


def of_kind(devices: Sequence[Device], kind: str) -> tuple[Device, ...]:
    """Keep the devices of a kind."""
    return tuple(device for device in devices if device.kind == kind)


def named(name: str, present: Sequence[Device]) -> Device:
    """Find one device; ``cuda`` alone is the first of its kind.

    Raises:
        UsageError: It is not there.
    """
    for device in present:
        if name in {device.name, device.kind}:
            return device
    raise UsageError(
        f"There is no device {name!r} for PyTorch on this machine: use {described(present)}."
    )
