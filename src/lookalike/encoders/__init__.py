"""Encoders: from prepared pictures to embeddings."""

from __future__ import annotations

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
