"""Text towers: from words to tokens to rows, in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes.precision import FULL_FLOAT32

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["TokenTower"]

BATCH = 64


class TokenTower:
    """A text tower in float32. Safe to call from several threads.

    Args:
        model: Takes what ``tokenize`` gives, by name; answers rows ``(n, dim)``.
        tokenize: Turns texts into tensors.
        device: Where the model runs.
    """

    def __init__(
        self,
        model: Module,
        tokenize: Callable[[list[str]], Mapping[str, Tensor]],
        *,
        device: str = "cpu",
    ) -> None:
        self._model = model.eval().float().requires_grad_(False).to(device)
        self._tokenize = tokenize
        self._device = device
        # Fast tokenizers keep their padding in themselves: two threads collide there.
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Run the tower: rows ``(n, dim)`` as they leave it, of any length."""
        starts = range(0, len(texts), BATCH)
        parts = [self._encode_part(list(texts[start : start + BATCH])) for start in starts]
        return np.concatenate(parts)

    def _encode_part(self, texts: list[str]) -> NDArray[np.floating]:
        import torch

        with self._lock:
            tokens = {key: value.to(self._device) for key, value in self._tokenize(texts).items()}
        with FULL_FLOAT32, torch.inference_mode():
            rows: Any = self._model(**tokens)
        return np.asarray(rows.cpu().numpy())
