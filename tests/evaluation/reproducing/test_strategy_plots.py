"""Plots of ways to search."""

from __future__ import annotations

from lookalike.evaluation.reproducing.strategy_plots import published_lines


def test_a_published_time_is_drawn_only_where_it_is_known_what_was_found():
    theirs = {
        "small": {"brute": 0.02, "flat": 0.01, "ivf": 0.001},
        "large": {"brute": 0.04, "flat": 0.03, "ivf": 0.002},
    }
    brute, flat = published_lines(theirs, 6)
    assert (brute.xs, brute.ys) == ([0.02, 0.04], [1.0, 1.0])
    assert (flat.xs, flat.ys) == ([0.01, 0.03], [1.0, 1.0])
