"""``lookalike encoders``: one file for each of its commands."""

from __future__ import annotations

import click

from lookalike.cli.encoders.check import check
from lookalike.cli.encoders.export import export
from lookalike.cli.encoders.listing import show_list
from lookalike.cli.encoders.measure import measure
from lookalike.cli.encoders.pull import pull
from lookalike.cli.options import logging_options

__all__ = ["command"]


@click.group("encoders", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead.")
@logging_options
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the encoders that are known by name, and what they cost here.

    Without a command: name, dim, parameters, input in pixels, whether it takes
    text, licence, whether its weights are here, and what was measured on this
    machine. Names of other kinds: timm:NAME, openclip:ARCH/TAG, hf:REPOSITORY,
    onnx:FILE, or a folder that holds weights in hub form.
    """
    if ctx.invoked_subcommand is None:
        show_list(as_json=as_json)


for inner in (pull, check, measure, export):
    command.add_command(inner)
