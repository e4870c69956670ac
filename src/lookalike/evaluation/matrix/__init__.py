"""Encoders times indexes on one set of pictures: one result a configuration."""

from __future__ import annotations

from lookalike.evaluation.matrix.comparing import compare_results, set_beside
from lookalike.evaluation.matrix.evaluating import evaluate
from lookalike.evaluation.matrix.from_gallery import set_of_gallery
from lookalike.evaluation.matrix.names import parse_index, split_encoders, split_indexes
from lookalike.evaluation.matrix.outputs import write_outputs
from lookalike.evaluation.matrix.wishes import USUAL_KS, EvalWish

__all__ = [
    "USUAL_KS",
    "EvalWish",
    "compare_results",
    "evaluate",
    "parse_index",
    "set_beside",
    "set_of_gallery",
    "split_encoders",
    "split_indexes",
    "write_outputs",
]
