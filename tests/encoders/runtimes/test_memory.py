"""Which of PyTorch's errors say that memory is gone, and what devices say of theirs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from lookalike.encoders.runtimes.devices import CPU, Device  # noqa: E402
from lookalike.encoders.runtimes.memory import (  # noqa: E402
    free_bytes,
    is_out_of_memory,
    let_go,
    taken_bytes,
)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB, other: 1.00 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["python", "cuda", "mps", "cublas", "cpu"],
)
def test_lack_of_memory_is_known_by_its_class_or_its_words(error):
    assert is_out_of_memory(error)


def test_other_errors_are_not_taken_for_lack_of_memory():
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_cpu_is_not_asked_for_its_memory():
    let_go(CPU)
    assert taken_bytes(CPU) == 0
    assert free_bytes(CPU) is None


def test_a_card_is_asked_for_its_own(monkeypatch):
    emptied = []
    module = SimpleNamespace(
        memory_reserved={"xpu:0": 10, "xpu:1": 20}.__getitem__,
        mem_get_info={"xpu:0": (30, 99), "xpu:1": (40, 99)}.__getitem__,
        empty_cache=lambda: emptied.append("xpu"),
    )
    monkeypatch.setattr(torch, "xpu", module)
    second = Device("xpu:1")
    assert (taken_bytes(second), free_bytes(second)) == (20, 40)
    let_go(second)
    assert emptied == ["xpu"]


def test_mps_tells_what_it_recommends_less_what_is_taken(monkeypatch):
    module = SimpleNamespace(driver_allocated_memory=lambda: 30, recommended_max_memory=lambda: 100)
    monkeypatch.setattr(torch, "mps", module)
    assert (taken_bytes(Device("mps")), free_bytes(Device("mps"))) == (30, 70)
