"""Networks written for a faster runtime, and the proof that they are still the same."""
