"""Data sets to evaluate on: known ones by name, and whatever pictures carry labels."""

from __future__ import annotations

from lookalike.evaluation.datasets.opening import open_set
from lookalike.evaluation.datasets.places import datasets_folder
from lookalike.evaluation.datasets.sets import ImageSet

__all__ = ["ImageSet", "datasets_folder", "open_set"]
