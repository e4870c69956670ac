"""The memory of the devices that PyTorch runs on: how much there is, and when it is gone."""

from __future__ import annotations

from lookalike.encoders.runtimes.devices import Device

__all__ = ["free_bytes", "is_out_of_memory", "let_go", "taken_bytes"]

# Parts of messages, in small letters, of errors that have no class of their own.
SAID = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
)


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that memory was too small."""
    import torch

    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in said for words in SAID)


def let_go(device: Device) -> None:
    """Give back the memory that PyTorch keeps on a device for later."""
    import torch

    if device.kind != "cpu":
        getattr(torch, device.kind).empty_cache()


def taken_bytes(device: Device) -> int:
    """Tell how much of a device's memory PyTorch holds, kept for later or in use."""
    import torch

    if device.kind == "cpu":
        return 0
    if device.kind == "mps":
        return int(torch.mps.driver_allocated_memory())
    return int(getattr(torch, device.kind).memory_reserved(device.name))


def free_bytes(device: Device) -> int | None:
    """Tell how much of a device's memory is free; None where it does not say."""
    import torch

    if device.kind == "cpu":
        return None
    if device.kind == "mps":
        return int(torch.mps.recommended_max_memory()) - taken_bytes(device)
    module = getattr(torch, device.kind)
    if not hasattr(module, "mem_get_info"):  # XPU, before PyTorch 2.6
        return None
    free, _ = module.mem_get_info(device.name)
    return int(free)
