"""``lookalike encoders pull``."""

from __future__ import annotations

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.options import expanded, logging_options
from lookalike.cli.output import printable, shown_path
from lookalike.cli.progress import counting_bar
from lookalike.encoders.names import parse_name
from lookalike.encoders.weights.located import pulled

EXAMPLES = (
    ("lookalike encoders pull dinov2-s clip-vit-b-32", "The weights of two encoders."),
    ("lookalike encoders pull hf:facebook/dinov2-small", "Those of any repository."),
)


@click.command("pull", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@logging_options
def pull(names: tuple[str, ...]) -> None:
    """Bring the weights of encoders to this machine.

    Only safetensors and what describes them are fetched, never a pickle. What
    is here already is checked and not fetched again; an interrupted pull goes
    on where it stopped.
    """
    for name in names:
        parsed = parse_name(expanded(name))
        if parsed.kind in {"builtin", "onnx", "folder"}:
            click.echo(f"{printable(name)}: nothing to pull, it is a file of this machine")
            continue
        try:
            with counting_bar(f"Pulling {printable(name)}") as tell:
                folder = pulled(parsed, progress=tell)
        except KeyboardInterrupt:
            raise Interrupted(
                f"Interrupted while pulling {name}: the same command goes on where it stopped."
            ) from None
        click.echo(
            f"{printable(name)}: {folder.size_bytes() / 1e6:,.0f} MB in {shown_path(folder.path)}, "
            f"sha256 {folder.digest()[:12]}"
        )
