"""A network of one of the field's libraries, ready to be run or exported."""

# torch is checked as Any, as the machine that checks need not have it.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import EncoderCard
from lookalike.errors import EncoderError, UsageError, first_line
from lookalike.images.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

__all__ = ["TorchNetwork", "adapted", "torch_network"]


@dataclass(frozen=True, slots=True, eq=False)
class TorchNetwork:
    """An image tower on the CPU, in float32.

    Attributes:
        images: Takes normalised float32 ``(n, 3, size, size)``, answers
            ``(n, dim)``: pooled and projected, of any length. Traceable.
        preprocessing: What its pictures go through before.
        dim: Length of a row.
        parameters: Number of its weights.
    """

    images: Module
    preprocessing: Preprocessing
    dim: int
    parameters: int


def adapted(model: Module, run: Callable[[Any, Tensor], Tensor]) -> Module:
    """Make a module that answers what ``run(model, pictures)`` answers.

    The class is made here because torch is imported as late as that.
    """
    from torch.nn import Module

    class Adapted(Module):
        """A model, and what is run on it."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pictures: Tensor) -> Tensor:
            """Turn normalised pictures into rows."""
            return run(self.model, pictures)

    return Adapted()


def torch_network(images: Module, card: EncoderCard) -> TorchNetwork:
    """Bring an image tower to rest, and learn what it is.

    Raises:
        EncoderError: Its answer is no ``(n, dim)``.
        UsageError: It does not take pictures of this size.
    """
    images = images.eval().float().requires_grad_(False)
    size = card.preprocessing.size
    try:
        shape = answered_shape(images, size)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"Encoder {card.name!r} does not take pictures of {size} pixels "
            f"({first_line(error).rstrip('.')}): ask for another size."
        ) from error
    if len(shape) != 2:
        raise EncoderError(
            f"Encoder {card.name!r} answers one picture with shape {shape}, but an embedding is "
            "(1, dim): choose another pooling."
        )
    parameters = sum(weights.numel() for weights in images.parameters())
    return TorchNetwork(images, card.preprocessing, shape[1], parameters)


def answered_shape(images: Module, size: int) -> tuple[int, ...]:
    """Learn the shape of the answer to one picture, if possible without computing it."""
    import torch

    with torch.inference_mode():
        try:
            tensors = {**dict(images.named_parameters()), **dict(images.named_buffers())}
            shapes = {key: torch.empty_like(value, device="meta") for key, value in tensors.items()}
            blank = torch.empty(1, 3, size, size, device="meta")
            return tuple(torch.func.functional_call(images, shapes, (blank,)).shape)
        except Exception:  # a tensor that is made on the way lies elsewhere, or the size is wrong
            return tuple(images(torch.zeros(1, 3, size, size)).shape)
