"""Options that say where an encoder runs."""

from __future__ import annotations

import click

from lookalike.encoders.runtimes import BACKENDS

__all__ = ["AUTO", "backend_option", "device_option"]

# What is as good as nothing said.
AUTO = "auto"

device_option = click.option(
    "--device",
    metavar="DEVICE",
    default=AUTO,
    show_default=True,
    help="Where the encoder runs: cpu, cuda, cuda:1, mps, xpu, or all for every GPU of this "
    "machine. auto takes the first accelerator there is.",
)
backend_option = click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default=AUTO,
    show_default=True,
    help="What runs an encoder of the field's libraries. auto takes an accepted export where "
    "there is one (lookalike encoders export), torch otherwise.",
)
