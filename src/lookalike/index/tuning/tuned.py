"""What the tuner hands back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lookalike.index.config import IndexConfig, SearchParams
from lookalike.index.protocol import Index
from lookalike.index.tuning.wishes import Measurement, Trial, TuneWish

__all__ = ["Tuned"]


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What was chosen, and all that speaks for it.

    Attributes:
        index: Built over all living rows, with the params set.
        config: What it was built as.
        params: What it is to be searched with.
        wish: What was wanted.
        chosen: Measured on held-out queries that took no part in the choice.
        before: What a sample said about each candidate before the full build.
        measurements: Everything measured over all rows.
        pareto: What nothing beats in both recall and time, the fastest first.
        missed: One sentence for each wish that nothing fulfils.
        remarks: What else there is to know, a sentence each.
        explore_s: Time of everything but the build of what was chosen.
        build_s: Time of that build.
    """

    index: Index
    config: IndexConfig
    params: SearchParams
    wish: TuneWish
    chosen: Measurement
    before: tuple[Trial, ...]
    measurements: tuple[Measurement, ...]
    pareto: tuple[Measurement, ...]
    missed: tuple[str, ...]
    remarks: tuple[str, ...]
    explore_s: float
    build_s: float

    def to_dict(self) -> dict[str, Any]:
        """Turn all but the index into what JSON can hold."""
        return {
            "config": self.config.to_dict(),
            "params": self.params.to_dict(),
            "wish": asdict(self.wish),
            "chosen": self.chosen.to_dict(),
            "before": [each.to_dict() for each in self.before],
            "measurements": [each.to_dict() for each in self.measurements],
            "pareto": [each.to_dict() for each in self.pareto],
            "missed": list(self.missed),
            "remarks": list(self.remarks),
            "explore_s": self.explore_s,
            "build_s": self.build_s,
        }
