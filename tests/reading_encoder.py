"""The tiny encoder with a text tower that knows four texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lookalike.encoders import Encoder
from lookalike.vectors import unit_rows

WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "a photo of red": (0, 1, 1)}


class ReadingEncoder:
    """An encoder that reads, and notes how many pictures and which texts each batch held."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.batches: list[int] = []
        self.texts: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        self.batches.append(len(pixels))
        return self._encoder.encode(pixels)

    def encode_texts(self, texts: Sequence[str], *, template: str | None = None) -> np.ndarray:
        self.texts.append(list(texts))
        return unit_rows(np.array([WORDS[text] for text in texts], dtype=np.float32))
