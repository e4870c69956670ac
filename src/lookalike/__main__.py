"""Run the command line as ``python -m lookalike``."""

from lookalike.cli.main import main

main()
