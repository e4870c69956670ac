"""The experiments of the five published systems, run on what is here."""

from __future__ import annotations

from lookalike.evaluation.reproducing.means import ReproduceWish
from lookalike.evaluation.reproducing.outcome import Outcome, Reproduction, Table
from lookalike.evaluation.reproducing.published import Published, published
from lookalike.evaluation.reproducing.running import reproduce
from lookalike.evaluation.reproducing.systems import SYSTEMS, System, system_of

__all__ = [
    "SYSTEMS",
    "Outcome",
    "Published",
    "ReproduceWish",
    "Reproduction",
    "System",
    "Table",
    "published",
    "reproduce",
    "system_of",
]
