"""Known numbers of one known picture: the proof that an encoder still is itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.caching import keep_facts, kept_facts
from lookalike.encoders.cards import Canonical
from lookalike.encoders.embedding import embed
from lookalike.encoders.protocol import Encoder
from lookalike.errors import EncoderError

__all__ = ["Check", "canonical_picture", "check_encoder"]

DESCRIPTION = (
    "a 256x256 test picture made by formula: pixel (y, x) = (x % 256, y % 256, (x*y//256) % 256) "
    "RGB uint8, taken through preprocessing"
)
NUMBERS = 8
# Runtimes agree to about 1e-5; bfloat16 and int8 move single numbers of a unit row further.
TOLERANCES = {"exact": 1e-3, "bf16": 1e-2, "int8": 3e-2}
NOTED = "canonical.json"


@dataclass(frozen=True, slots=True)
class Check:
    """What a check of one encoder found.

    Attributes:
        name: Of the encoder.
        runs_on: What ran it.
        first: The first numbers of the canonical picture's embedding.
        expected: The numbers they were compared with; empty where nobody had
            written any down: then these are noted for the next check.
        origin: Where the expected numbers come from: ``card`` or ``noted``.
        difference: Largest absolute difference; 0 without expected numbers.
        tolerance: What is allowed.
    """

    name: str
    runs_on: str
    first: tuple[float, ...]
    expected: tuple[float, ...]
    origin: str
    difference: float
    tolerance: float

    @property
    def is_sound(self) -> bool:
        """Whether the encoder gives the numbers that are known of it."""
        return self.difference <= self.tolerance


def canonical_picture() -> NDArray[np.uint8]:
    """Make the test picture: pixel (y, x) = (x % 256, y % 256, (x * y // 256) % 256)."""
    y, x = np.mgrid[0:256, 0:256]
    return np.stack([x % 256, y % 256, x * y // 256 % 256], axis=2).astype(np.uint8)


def check_encoder(encoder: Encoder) -> Check:
    """Embed the canonical picture, and compare with the numbers that are known.

    They stand in the card, or were noted when these weights were first checked
    on this machine, by whatever ran them then.

    Raises:
        EncoderError: There are no numbers to compare.
    """
    card = encoder.card
    known, origin = card.canonical, "card"
    if known is None:
        known, origin = noted(encoder), "noted"
    row = embed([canonical_picture()], encoder)[0]
    if not row.any():
        raise EncoderError(
            f"Encoder {card.name!r} finds nothing in the canonical picture (its embedding is all "
            "zeros, NaN or infinity): its weights are damaged."
        )
    numbers = NUMBERS if known is None else len(known.first)
    first = tuple(round(float(number), 6) for number in row[:numbers])
    if known is None:
        keep_facts(NOTED, encoder.space.fingerprint, {"name": card.name, "first": first})
        return Check(card.name, encoder.runs_on, first, (), origin, 0.0, TOLERANCES[card.precision])
    difference = float(np.abs(np.subtract(first, known.first)).max())
    return Check(
        card.name, encoder.runs_on, first, known.first, origin, difference, known.tolerance
    )


def noted(encoder: Encoder) -> Canonical | None:
    """Return the numbers that an earlier check noted."""
    facts = kept_facts(NOTED).get(encoder.space.fingerprint)
    if not isinstance(facts, Mapping) or not facts.get("first"):
        return None
    first = tuple(float(number) for number in facts["first"])
    return Canonical(DESCRIPTION, first, TOLERANCES[encoder.card.precision])
