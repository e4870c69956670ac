"""Searching the same embeddings with every engine at hand, in one run."""

from __future__ import annotations

from lookalike.evaluation.search_bench.engines import ENGINES, available_engines
from lookalike.evaluation.search_bench.measuring import BenchWish, run_bench
from lookalike.evaluation.search_bench.plots import save_bench_plot
from lookalike.evaluation.search_bench.report import bench_tables

__all__ = [
    "ENGINES",
    "BenchWish",
    "available_engines",
    "bench_tables",
    "run_bench",
    "save_bench_plot",
]
