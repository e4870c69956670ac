"""``lookalike encoders measure``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from lookalike.cli.encoder_options import backend_option, device_option
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.options import expanded, logging_options
from lookalike.cli.output import note, printable
from lookalike.encoders.measuring import Measured, measure_apart

EXAMPLES = (
    ("lookalike encoders measure builtin dinov2-s", "What two encoders cost on this machine."),
    (
        "lookalike encoders measure 'resnet18?precision=bf16' --backend openvino",
        "One way to run one.",
    ),
)


@click.command("measure", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@device_option
@backend_option
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=3.0,
    show_default=True,
    help="For each of the two measurements: one picture at a time, and full batches.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead.")
@logging_options
def measure(
    names: tuple[str, ...], device: str, backend: str, seconds: float, as_json: bool
) -> None:
    """Measure time and memory of encoders on this machine, each in a process of its own.

    Prints milliseconds for one picture alone, pictures a second on ready
    batches, and the memory it takes; 'lookalike encoders' shows them from then on.
    """
    for name in names:
        note(f"measuring {printable(name)} ...")
        found = measure_apart(expanded(name), seconds=seconds, device=device, backend=backend)
        click.echo(json.dumps(asdict(found)) if as_json else as_text(found))


def as_text(found: Measured) -> str:
    """Lay out for people."""
    memory = "" if found.memory_bytes is None else f", {found.memory_bytes / 2**20:,.0f} MiB"
    return (
        f"{printable(found.name)}  {found.ms_single:.1f} ms a picture alone, "
        f"{found.pictures_per_s:,.1f} pictures/s in batches of {found.batch_size} by "
        f"{found.workers}{memory}, ready after {found.load_s:.1f} s  ({found.runs_on})"
    )
