"""Evaluation: how good and how fast, on one's own pictures."""
