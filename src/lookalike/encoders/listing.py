"""The encoders that can be asked for by name, and whether they are on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.known import known_card, known_names
from lookalike.encoders.loading import builtin_card
from lookalike.encoders.weights.stored import size_on_disk

__all__ = ["ListedEncoder", "listed_encoders"]


@dataclass(frozen=True, slots=True)
class ListedEncoder:
    """One encoder of the list.

    Attributes:
        card: What it is.
        size_bytes: What its weights take on this machine; 0 where they are not here.
    """

    card: EncoderCard
    size_bytes: int

    @property
    def is_here(self) -> bool:
        """Whether it can be loaded without a hub."""
        return not self.card.repository or self.size_bytes > 0

    def to_dict(self) -> dict[str, Any]:
        """Turn it into what JSON can hold."""
        card = self.card
        return {
            "name": card.name,
            "family": card.family,
            "architecture": card.architecture,
            "repository": card.repository,
            "revision": card.revision,
            "dim": card.dim,
            "parameters": card.parameters,
            "has_text": card.has_text,
            "licence": card.licence,
            "is_here": self.is_here,
            "size_bytes": self.size_bytes,
        }


def listed_encoders() -> Iterator[ListedEncoder]:
    """Look for the weights of each encoder that is known by name, the one in the box first."""
    for card in (builtin_card(), *map(known_card, known_names())):
        yield ListedEncoder(card, size_on_disk(card))
