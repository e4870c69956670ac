"""Tuning: from wishes to the fastest index that fulfils them, with evidence."""

from __future__ import annotations

from lookalike.index.tuning.policy import needs_index
from lookalike.index.tuning.tables import choice_lines, pareto_table, trial_table
from lookalike.index.tuning.tuned import Tuned
from lookalike.index.tuning.tuner import retune, tune
from lookalike.index.tuning.wishes import Measurement, Trial, TuneWish

__all__ = [
    "Measurement",
    "Trial",
    "TuneWish",
    "Tuned",
    "choice_lines",
    "needs_index",
    "pareto_table",
    "retune",
    "trial_table",
    "tune",
]
