"""What every encoder offers, whatever runs it."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard
from lookalike.images.preprocessing import Preprocessing
from lookalike.vectors import EmbeddingSpace

__all__ = ["Encoder"]


class Encoder(Protocol):
    """Turns prepared pictures into embeddings. Safe to call from several threads."""

    @property
    def card(self) -> EncoderCard:
        """What it is and what it costs."""
        ...

    @property
    def space(self) -> EmbeddingSpace:
        """Where its embeddings live."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """How a decoded picture becomes its input."""
        ...

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given."""
        ...

    @property
    def workers(self) -> int:
        """How many calls are best under way at the same time."""
        ...

    def encode(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed prepared pictures.

        Args:
            pixels: RGB ``(n, size, size, 3)`` as ``images.crop`` returns them.

        Returns:
            Unit rows ``(n, dim)``; a row of zeros where the encoder has nothing
            to say of a picture.
        """
        ...
