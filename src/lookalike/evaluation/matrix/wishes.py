"""What an evaluation is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lookalike.errors import UsageError

__all__ = ["USUAL_KS", "EvalWish", "Ranking"]

Ranking = Literal["auto", "whole", "top"]

USUAL_KS = (1, 5, 10, 20, 50)
FEWEST_RESAMPLES = 100


@dataclass(frozen=True, slots=True)
class EvalWish:
    """Which encoders and indexes to measure, and how.

    Attributes:
        encoders: Names as ``load_encoder`` takes them. None: a gallery's own, else the
            encoder in the box.
        indexes: Names as ``parse_index`` takes them: ``flat``, ``auto``,
            ``ivf:nprobe=8``, ``IVF256,SQ8``.
        ks: Where rankings are cut. None: those of 1, 5, 10, 20, 50 that the set has
            images for.
        ranking: Whether every image is ranked, which average precision needs:
            ``whole``; or only the first few that a metric at k needs: ``top``.
            ``auto`` ranks all up to 250 million pairs of query and image. An
            approximate index never ranks all.
        resamples: Of the bootstrap behind each interval.
        level: Of the intervals.
        seed: Of everything drawn at random.
        queries: How many of the set's queries to ask, drawn at random; None asks all.
        labels: The column of a gallery that says what its pictures show: ``folder``,
            one of the catalog or of the metadata.

    Raises:
        UsageError: A value makes no sense.
    """

    encoders: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ("flat",)
    ks: tuple[int, ...] = ()
    ranking: Ranking = "auto"
    resamples: int = 1000
    level: float = 0.95
    seed: int = 0
    queries: int | None = None
    labels: str = "folder"

    def __post_init__(self) -> None:
        if not self.indexes:
            raise UsageError("No index was named: give at least one, 'flat' for example.")
        for names, what in ((self.encoders, "encoder"), (self.indexes, "index")):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise UsageError(f"The {what} {twice[0]!r} is named twice: name it once.")
        if any(k < 1 for k in self.ks):
            raise UsageError(f"k is {min(self.ks)}: ask for at least one picture.")
        if self.ranking not in get_args(Ranking):
            listed = ", ".join(get_args(Ranking))
            raise UsageError(f"Ranking {self.ranking!r} is unknown: use one of {listed}.")
        if self.resamples < FEWEST_RESAMPLES:
            raise UsageError(
                f"An interval needs at least {FEWEST_RESAMPLES} resamples, not {self.resamples}."
            )
        if not 0 < self.level < 1:
            raise UsageError(f"The level is {self.level}: give a share between 0 and 1, as .95.")
        if self.queries is not None and self.queries < 1:
            raise UsageError(f"{self.queries} queries were asked for: ask for at least one.")
