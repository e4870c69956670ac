"""The two ways in which ``lookalike search`` is answered, and how both are printed."""
