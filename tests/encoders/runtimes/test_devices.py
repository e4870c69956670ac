"""Names of devices: which are meant, which are there, and what is said of those that are not."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from lookalike.encoders.runtimes import devices
from lookalike.encoders.runtimes.devices import (
    CPU,
    Device,
    chosen_device,
    chosen_devices,
    described,
    present_devices,
)
from lookalike.errors import MissingExtra, UsageError


def module(*titles: str) -> SimpleNamespace:
    """Stand in for torch.cuda or torch.xpu with cards of these titles."""
    return SimpleNamespace(
        is_available=lambda: bool(titles),
        device_count=lambda: len(titles),
        get_device_name=lambda place: titles[place],
    )


def install(
    monkeypatch, *, cuda: tuple[str, ...] = (), xpu: tuple[str, ...] = (), mps: bool = False
):
    """Stand in for PyTorch on a machine with these accelerators."""
    backends = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps))
    torch = SimpleNamespace(cuda=module(*cuda), xpu=module(*xpu), backends=backends)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(devices, "version", lambda package: "2.13.0")
    monkeypatch.setattr(devices, "may_have_cards", lambda: True)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("auto", ["cuda:0"]),
        ("all", ["cuda:0", "cuda:1"]),
        ("cuda", ["cuda:0"]),
        ("cuda:1", ["cuda:1"]),
        (" CUDA:1 ", ["cuda:1"]),
        ("cuda:1,cuda:0", ["cuda:1", "cuda:0"]),
        ("cpu", ["cpu"]),
    ],
)
def test_a_name_finds_the_cards_it_means(monkeypatch, asked, names):
    install(monkeypatch, cuda=("H100", "H100"))
    assert [device.name for device in chosen_devices(asked)] == names


def test_auto_prefers_cuda_to_xpu_to_mps_to_the_cpu(monkeypatch):
    install(monkeypatch, cuda=("H100",), xpu=("Arc",), mps=True)
    assert chosen_device() == Device("cuda:0", "H100")
    install(monkeypatch, xpu=("Arc",), mps=True)
    assert chosen_device() == Device("xpu:0", "Arc")
    install(monkeypatch, mps=True)
    assert chosen_device() == Device("mps", "Apple GPU")
    install(monkeypatch)
    assert chosen_device() == CPU


def test_a_card_that_is_not_there_is_told_with_those_that_are(monkeypatch):
    install(monkeypatch, cuda=("H100", "H100"))
    with pytest.raises(
        UsageError, match=r"no device 'cuda:2' .* use cuda:0, cuda:1 \(H100\), cpu\."
    ):
        chosen_devices("cuda:2")
    with pytest.raises(UsageError, match="no device 'mps'"):
        chosen_devices("mps")


@pytest.mark.parametrize("asked", ["gpu", "", "cuda:", "cuda:0,", "cuda:x", "cpu:1", "mps:0"])
def test_what_is_no_device_is_told_with_what_is(monkeypatch, asked):
    install(monkeypatch)
    with pytest.raises(UsageError, match="is unknown: use auto, cpu, cuda"):
        chosen_devices(asked)


@pytest.mark.parametrize("asked", ["cuda:0,cuda:0", "cuda,cuda:0", "cuda:0,cpu"])
def test_devices_that_cannot_share_the_work_are_refused(monkeypatch, asked):
    install(monkeypatch, cuda=("H100", "H100"))
    with pytest.raises(UsageError, match="cannot share the work"):
        chosen_devices(asked)


def test_one_device_where_several_are_named_is_refused(monkeypatch):
    install(monkeypatch, cuda=("H100", "H100"))
    with pytest.raises(UsageError, match=r"not cuda:0, cuda:1 \(H100\): name one"):
        chosen_device("all")


def test_without_pytorch_the_cpu_is_chosen_and_cards_need_an_extra(monkeypatch):
    def missing(package: str) -> str:
        raise devices.PackageNotFoundError(package)

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(devices, "version", missing)
    assert chosen_devices("auto") == chosen_devices("all") == chosen_devices("cpu") == (CPU,)
    with pytest.raises(MissingExtra, match=r"Running on cuda needs .* 'lookalike\[torch\]'"):
        chosen_devices("cuda")


def test_a_pytorch_for_cpus_alone_is_not_imported_to_find_that_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(devices, "version", lambda package: "2.13.0+cpu")
    assert chosen_devices("auto") == (CPU,)


@pytest.mark.parametrize(
    ("system", "machine", "pattern", "expected"),
    [
        ("linux", "x86_64", "nothing-of-the-kind*", False),
        ("linux", "x86_64", "null", True),
        ("darwin", "arm64", "", True),
        ("darwin", "x86_64", "", False),
        ("win32", "AMD64", "", True),
    ],
)
def test_cards_are_looked_for_among_the_files_of_their_drivers(
    monkeypatch, system, machine, pattern, expected
):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(devices.platform, "machine", lambda: machine)
    monkeypatch.setattr(devices, "CARD_FILES", (pattern,))
    assert devices.may_have_cards() is expected


def test_pytorch_is_not_imported_where_no_card_left_a_trace(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(devices, "version", lambda package: "2.13.0")
    monkeypatch.setattr(devices, "may_have_cards", lambda: False)
    assert chosen_devices("auto") == chosen_devices("all") == (CPU,)


def test_a_pytorch_without_xpu_has_none(monkeypatch):
    install(monkeypatch)
    del sys.modules["torch"].xpu
    assert present_devices() == (CPU,)


def test_devices_are_written_with_their_titles_once():
    cards = [Device("cuda:0", "H100"), Device("cuda:1", "H100"), Device("cuda:2", "A100")]
    assert described(cards) == "cuda:0, cuda:1 (H100), cuda:2 (A100)"
    assert str(cards[0]) == "cuda:0 (H100)"
    assert str(CPU) == "cpu"
