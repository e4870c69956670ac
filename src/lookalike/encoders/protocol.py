"""What every encoder offers, whatever runs it, and the two parts it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard
from lookalike.images.preprocessing import Preprocessing
from lookalike.vectors import EmbeddingSpace

__all__ = ["Encoder", "Runtime", "TextTower"]


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
    def runs_on(self) -> str:
        """What runs it, with which precision, on which device: for people."""
        ...

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given."""
        ...

    @property
    def workers(self) -> int:
        """How many calls are best under way at the same time."""
        ...

    @property
    def shares_cores(self) -> bool:
        """Whether it computes on the cores that decode pictures, and not on a card of its own."""
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

    def encode_texts(
        self, texts: Sequence[str], *, template: str | None = None
    ) -> NDArray[np.float32]:
        """Embed texts into the space of the pictures.

        Args:
            texts: What the pictures show, in words.
            template: Put around each text in the place of its ``{}``, as in
                ``"a photo of {}"``; None leaves texts as they are.

        Returns:
            Unit rows ``(n, dim)``.

        Raises:
            UsageError: The encoder has no text tower; encoders that have one are named.
        """
        ...


class Runtime(Protocol):
    """Runs one network on one kind of device. Safe to call from several threads."""

    @property
    def description(self) -> str:
        """Library, precision and device, for people: ``ONNX Runtime, float32, cpu``."""
        ...

    @property
    def dim(self) -> int | None:
        """Length of a row, where that is known without running the network."""
        ...

    @property
    def batch_size(self) -> int:
        """How many pictures one call is best given; never more are given."""
        ...

    @property
    def workers(self) -> int:
        """How many calls are best under way at the same time."""
        ...

    @property
    def shares_cores(self) -> bool:
        """Whether it computes on the cores that decode pictures, and not on a card of its own."""
        ...

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Run the network on ``(n, size, size, 3)``: rows as they leave it, of any length.

        Raises:
            EncoderError: The runtime refuses.
        """
        ...


class TextTower(Protocol):
    """Turns texts into the rows of its pictures' space. Safe to call from several threads."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Run the tower: rows ``(n, dim)`` as they leave it, of any length."""
        ...
