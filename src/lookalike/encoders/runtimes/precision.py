"""How exactly PyTorch computes: float32 in full, or bfloat16 where that is safe."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["FULL_FLOAT32", "halve_products"]


def halve_products(network: Module) -> None:
    """Store the weights of linear layers and convolutions in bfloat16, in place.

    Under autocast they would be rounded anyway, on every call. The rest stays in
    float32: norms, and tables of positions, which suffer when they are rounded:
    EVA-02 lost 3e-5 of cosine instead of 3e-6, CLIP ViT-B/32 6e-5 instead of 1e-5.
    """
    import torch
    from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

    # Exactly these: what inherits from them may compute with its weights first.
    products = {torch.nn.Linear, torch.nn.Conv2d, NonDynamicallyQuantizableLinear}
    for layer in network.modules():
        if type(layer) in products:
            layer.to(torch.bfloat16)


class FullFloat32:
    """Lets PyTorch multiply float32 as float32, and not as the 19 bits of TF32 or fewer.

    It has but one set of switches for a whole process: the first call that needs
    them turns them, and the last one turns them back, so that a user's own networks
    keep what they were given. They run in full float32 too while a call is under way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before: list[Any] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = [getattr(holder, name) for holder, name, _ in switches()]
                for holder, name, exact in switches():
                    setattr(holder, name, exact)
            self._inside += 1

    def __exit__(self, *failure: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for (holder, name, _), before in zip(switches(), self._before, strict=True):
                    setattr(holder, name, before)


FULL_FLOAT32 = FullFloat32()


def switches() -> list[tuple[Any, str, Any]]:
    """List holder, name and exact value of the switches for products and convolutions."""
    from torch import backends

    if hasattr(backends.cudnn, "conv"):  # since PyTorch 2.9, which refuses to mix old and new
        cards, cpus = (backends.cuda.matmul, backends.cudnn.conv), backends.mkldnn
        libraries = (*cards, cpus.matmul, cpus.conv)
        return [(library, "fp32_precision", "ieee") for library in libraries]
    return [(backends.cuda.matmul, "allow_tf32", False), (backends.cudnn, "allow_tf32", False)]
