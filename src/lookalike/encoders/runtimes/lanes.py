"""The threads that PyTorch runs in: one call each, with what that call needs for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Lane", "PinnedLane", "PlainLane", "Traffic", "keep_to_one_thread", "open_lane"]

Forward = Callable[["Tensor"], "Tensor"]
changing_threads = threading.Lock()


class Lane(Protocol):
    """Takes pixels to a device, and rows back. Used by one thread at a time."""

    def run(self, pixels: NDArray[np.uint8], forward: Forward) -> NDArray[np.float32]:
        """Run ``forward`` on the device: uint8 ``(n, size, size, 3)`` to rows ``(n, dim)``."""
        ...


class PlainLane:
    """Copies and waits: for the CPU, where there is nothing to copy, and for MPS and XPU.

    Args:
        device: As PyTorch writes it.
    """

    def __init__(self, device: str) -> None:
        self._device = device

    def run(self, pixels: NDArray[np.uint8], forward: Forward) -> NDArray[np.float32]:
        """Run ``forward`` on the device."""
        import torch

        readable = np.require(pixels, requirements=["C_CONTIGUOUS", "WRITEABLE"])
        rows = forward(torch.from_numpy(readable).to(self._device))
        return np.asarray(checked(rows, len(pixels)).cpu().numpy(), dtype=np.float32)


class PinnedLane:
    """Copies through pinned memory on a stream of its own.

    While one lane's network runs, another's pixels travel: with two of them the
    card does not wait for its pictures.

    Args:
        device: As PyTorch writes it: ``cuda:0``.
        streams: What has ``Stream`` and ``stream``: ``torch.cuda``.
        is_pinned: Whether memory is pinned; only a test without a card says no.
    """

    def __init__(self, device: str, *, streams: Any, is_pinned: bool = True) -> None:
        self._device = device
        self._streams = streams
        self._stream = streams.Stream(device)
        self._is_pinned = is_pinned
        self._pixels: Any = None
        self._rows: Any = None

    def run(self, pixels: NDArray[np.uint8], forward: Forward) -> NDArray[np.float32]:
        """Run ``forward`` on the device; all three steps are queued, and waited for once."""
        import torch

        count = len(pixels)
        if self._pixels is None or self._pixels[:count].shape != pixels.shape:
            self._pixels = self._buffer(pixels.shape, torch.uint8)
        staged = self._pixels[:count]
        staged.numpy()[...] = pixels
        with self._streams.stream(self._stream):
            answer = checked(forward(staged.to(self._device, non_blocking=True)), count)
            if self._rows is None or self._rows[:count].shape != answer.shape:
                self._rows = self._buffer(tuple(answer.shape), torch.float32)
            rows = self._rows[:count]
            rows.copy_(answer, non_blocking=True)
        self._stream.synchronize()
        return np.array(rows.numpy())

    def _buffer(self, shape: tuple[int, ...], dtype: Any) -> Tensor:
        import torch

        return torch.empty(shape, dtype=dtype, pin_memory=self._is_pinned)


class Traffic:
    """Counts the calls under way, for one that ran out of memory beside others."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._under_way = 0
        self._ended = 0

    def __enter__(self) -> None:
        with self._change:
            self._under_way += 1

    def __exit__(self, *failure: object) -> None:
        with self._change:
            self._under_way -= 1
            self._ended += 1
            self._change.notify_all()

    @property
    def is_none(self) -> bool:
        """Whether no call is under way."""
        with self._change:
            return self._under_way == 0

    def wait_for_one(self) -> None:
        """Wait until a call that is under way ends, if there is one."""
        with self._change:
            before = self._ended
            self._change.wait_for(lambda: self._under_way == 0 or self._ended > before)


def open_lane(device: str) -> Lane:
    """Prepare the calling thread, which is to be the lane's own, for calls on a device."""
    import torch

    if device.startswith("cuda"):
        return PinnedLane(device, streams=torch.cuda)
    if device == "cpu":
        keep_to_one_thread()
    return PlainLane(device)


def keep_to_one_thread() -> None:
    """Let PyTorch share out no call of this thread, and leave all other threads as they are.

    ``set_num_threads`` counts for the thread that calls it, and for threads that
    PyTorch has not seen yet: a fresh thread puts the latter back, so that a
    user's own networks lose nothing.
    """
    import torch

    with changing_threads:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        mender = threading.Thread(target=torch.set_num_threads, args=(before,))
        mender.start()
        mender.join()


def checked(answer: Any, count: int) -> Tensor:
    """Return a network's answer as a float32 tensor, still on its device.

    Raises:
        TypeError: It is none.
        ValueError: It is of another number of pictures.
    """
    import torch

    if not isinstance(answer, torch.Tensor):
        raise TypeError(f"it answers with a {type(answer).__name__}, which is no tensor")
    if answer.ndim == 0 or len(answer) != count:
        raise ValueError(f"it answers {count} pictures with shape {tuple(answer.shape)}")
    return answer.float()
