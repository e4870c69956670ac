"""The short way from pictures to embeddings, for queries and small sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.protocol import Encoder
from lookalike.images.decoding import Picture, decode
from lookalike.images.preprocessing import crop

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["ImageInput", "embed", "prepare"]

ImageInput: TypeAlias = "bytes | str | os.PathLike[str] | PIL.Image.Image | NDArray[np.generic]"


def prepare(
    source: ImageInput, encoder: Encoder, *, name: str | None = None
) -> tuple[Picture, NDArray[np.uint8]]:
    """Decode a picture and cut the encoder's input out of it.

    Args:
        source: The picture.
        encoder: Whose input.
        name: What errors call it.

    Returns:
        The picture, and its input ``(size, size, 3)``.

    Raises:
        ImageError: It cannot be read.
    """
    preprocessing = encoder.preprocessing
    picture = decode(source, shortest_side=preprocessing.resize, name=name)
    return picture, crop(picture, preprocessing)


def embed(sources: Sequence[ImageInput], encoder: Encoder) -> NDArray[np.float32]:
    """Embed pictures, whichever way they come.

    Args:
        sources: Paths, encoded bytes, PIL images or arrays, mixed at will.
        encoder: Which encoder.

    Returns:
        Unit rows ``(n, dim)``, in order.

    Raises:
        ImageError: One of them cannot be read.
    """
    if not sources:
        return np.empty((0, encoder.space.dim), dtype=np.float32)
    return encoder.encode(np.stack([prepare(source, encoder)[1] for source in sources]))
