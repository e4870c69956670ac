"""``lookalike encoders check``."""

from __future__ import annotations

import click

from lookalike.cli.encoder_options import backend_option, device_option
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.options import expanded, logging_options
from lookalike.cli.output import printable
from lookalike.cli.progress import late_bar
from lookalike.encoders.canonical import Check, check_encoder
from lookalike.encoders.loading import load_encoder
from lookalike.errors import EncoderError

EXAMPLES = (
    ("lookalike encoders check builtin", "Embed the canonical picture and compare."),
    ("lookalike encoders check dinov2-s --backend torch", "The same by another back-end."),
)


@click.command("check", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@device_option
@backend_option
@logging_options
def check(names: tuple[str, ...], device: str, backend: str) -> None:
    """Prove that an encoder still gives the numbers that are known of it.

    One picture, made by a formula, is embedded; the first numbers of its
    embedding are compared with the encoder's card, or with what the first check
    on this machine noted. Exit code 1 where they differ.
    """
    wrong = []
    for name in names:
        with late_bar(f"Pulling {printable(name)}") as tell:
            encoder = load_encoder(expanded(name), device=device, backend=backend, on_progress=tell)
        found = check_encoder(encoder)
        click.echo(as_text(found))
        if not found.is_sound:
            wrong.append(found)
    if wrong:
        raise EncoderError(
            f"Encoder {wrong[0].name!r} does not give its known numbers (off by "
            f"{wrong[0].difference:.4f}, {wrong[0].tolerance} is allowed): its weights or the "
            "library that runs it have changed."
        )


def as_text(found: Check) -> str:
    """Lay out for people."""
    numbers = " ".join(f"{number:.6f}" for number in found.first)
    verdict = f"within {found.tolerance} of its {found.origin} numbers: off by "
    if not found.expected:
        verdict = "nobody wrote its numbers down: these are noted for the next check"
    elif not found.is_sound:
        verdict = f"NOT its {found.origin} numbers: off by {found.difference:.6f}"
    else:
        verdict += f"{found.difference:.6f}"
    return f"{printable(found.name)}  ({found.runs_on})\n  {numbers}\n  {verdict}"
