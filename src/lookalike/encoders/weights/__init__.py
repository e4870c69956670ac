"""Weights: where they lie, where they come from, and the proof that they are the right ones."""
