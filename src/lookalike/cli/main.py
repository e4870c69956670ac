"""The ``lookalike`` program: finds the command, runs it, turns errors into one line."""

from __future__ import annotations

import importlib
import os
import sys

import click

import lookalike
from lookalike.errors import LookalikeError, UsageError

__all__ = ["COMMANDS", "main", "program"]

# name -> what the overview says; the command's module is imported only when asked for.
COMMANDS = {
    "index": "Make a folder of pictures searchable, or bring it up to date.",
    "search": "Find the pictures that look like a picture.",
    "info": "Show what a gallery holds.",
    "verify": "Check every file and every number of a gallery.",
    "remove": "Take pictures or a whole source out of a gallery.",
    "compact": "Rewrite a gallery's files without what was removed.",
    "demo": "Render a collection of pictures, index it and search it.",
}

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands live in modules of their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lookalike.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(lookalike.__version__, prog_name="lookalike")
def program() -> None:
    r"""Find the pictures that look alike.

    \b
    lookalike index ~/photos
    lookalike search query.jpg --gallery ~/photos
    """


def main() -> None:
    """Run the program and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A file name's bytes go out as they are on disk.
            stream.reconfigure(errors="surrogateescape")
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = program.main(arguments, prog_name="lookalike", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("lookalike: interrupted.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader, head for example, has seen enough; keep the interpreter
        # from complaining about it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LookalikeError as error:
        click.echo(f"lookalike: {error}", err=True)
        return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE
