"""Encoders: from prepared pictures to embeddings.

Names are imported on first use: see ``late_names``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookalike.late_names import late_names

if TYPE_CHECKING:
    from lookalike.encoders.cards import Canonical, EncoderCard, load_card
    from lookalike.encoders.embedding import ImageInput, embed, prepare
    from lookalike.encoders.loading import load_encoder
    from lookalike.encoders.network import NetworkEncoder
    from lookalike.encoders.protocol import Encoder

__all__ = [
    "Canonical",
    "Encoder",
    "EncoderCard",
    "ImageInput",
    "NetworkEncoder",
    "embed",
    "load_card",
    "load_encoder",
    "prepare",
]

HOMES = {
    "Canonical": "cards",
    "Encoder": "protocol",
    "EncoderCard": "cards",
    "ImageInput": "embedding",
    "NetworkEncoder": "network",
    "embed": "embedding",
    "load_card": "cards",
    "load_encoder": "loading",
    "prepare": "embedding",
}

__getattr__, __dir__ = late_names(__name__, HOMES)
