"""``lookalike tokens``: add, list, remove."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.options import absolute, logging_options
from lookalike.cli.output import counted, note, say, shown_path
from lookalike.server.safety.tokens import SCOPES, TokenFile, default_token_file

ADD_EXAMPLES = (
    ("lookalike tokens add phone", "Prints a token that may ask."),
    ("lookalike tokens add camera --scope write", "One that may also add and remove pictures."),
    ("lookalike tokens add guest --gallery cats", "One for which no other gallery is there."),
)

file_option = click.option(
    "--file",
    metavar="FILE",
    help="The file of tokens. Default: $LOOKALIKE_TOKENS, else lookalike/tokens.json where the "
    "system keeps the user's settings.",
)


@click.group("tokens")
def command() -> None:
    """Make and withdraw the tokens that a server asks for.

    A server asks for them where others can reach it, or where --token-file names
    a file. A running server takes up changes at once.
    """


@command.command("add", cls=ExampleCommand, examples=ADD_EXAMPLES)
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="read",
    show_default=True,
    help="What it allows: read asks; write also adds, removes and updates.",
)
@click.option(
    "--gallery",
    "galleries",
    multiple=True,
    metavar="NAME",
    help="The name of a gallery, as the server lists it, for which alone the token is; may be "
    "repeated. Default: all.",
)
@file_option
@logging_options
def add(name: str, scope: str, galleries: tuple[str, ...], file: str | None) -> None:
    """Make a token for NAME and print it, this once.

    The file keeps its SHA-256 only: a token that is lost is removed and made anew.
    """
    tokens = file_of(file)
    click.echo(tokens.add(name, scope, galleries=galleries))
    where = f" in {' and '.join(dict.fromkeys(galleries))} only" if galleries else ""
    note(
        f"The token of {name} may {scope}{where}. It is not shown again; its hash is in "
        f"{tokens.path}."
    )


@command.command("list")
@file_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead.")
@logging_options
def show_list(file: str | None, as_json: bool) -> None:
    """List names, what they allow, since when, and for which galleries if not for all."""
    tokens = file_of(file)
    entries = tokens.entries()
    if as_json:
        for entry in entries:
            facts = asdict(entry)
            del facts["sha256"]
            click.echo(json.dumps(facts))
        return
    wide = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        where = "" if entry.galleries is None else f"  {', '.join(entry.galleries)}"
        click.echo(f"{entry.name:<{wide}}  {entry.scope:<5}  {entry.created}{where}")
    note(f"{counted(len(entries), 'token')} in {shown_path(tokens.path)}")


@command.command("remove")
@click.argument("name")
@file_option
@logging_options
def remove(name: str, file: str | None) -> None:
    """Withdraw the token of NAME, and the sessions that it began."""
    file_of(file).remove(name)
    say(f"The token of {name} is withdrawn: running servers refuse it from now on.")


def file_of(file: str | None) -> TokenFile:
    """Find the file of tokens."""
    return TokenFile(default_token_file() if file is None else Path(absolute(file)))
