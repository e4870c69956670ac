"""The addresses: one file for each thing that can be asked for."""
