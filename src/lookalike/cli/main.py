"""The ``lookalike`` program: finds the command, runs it, turns errors into one line."""

from __future__ import annotations

import codecs
import difflib
import gc
import importlib
import keyword
import os
import sys
from typing import Any

import click

import lookalike
from lookalike.cli.examples import write_examples
from lookalike.cli.exit_codes import EXIT_FAILURE, EXIT_USAGE, exit_code_of
from lookalike.cli.extras import with_install_lines
from lookalike.cli.interrupts import Interrupted, exit_code, heed_sigterm, is_broken_import
from lookalike.cli.output import printable
from lookalike.errors import LookalikeError

__all__ = ["COMMANDS", "main", "program", "run"]

# name -> what the overview says; the command's module is imported only when asked for.
COMMANDS = {
    "index": "Make a folder of pictures searchable, or bring it up to date.",
    "search": "Find the pictures that look like a picture.",
    "serve": "Serve galleries to other programs and to a page in the browser.",
    "watch": "Keep a gallery up to date while files come and go.",
    "tokens": "Make and withdraw the tokens that a server asks for.",
    "tune": "Build the fastest index that finds what you ask for, and measure it.",
    "info": "Show what a gallery holds.",
    "verify": "Check every file and every number of a gallery.",
    "remove": "Take pictures or a whole source out of a gallery.",
    "compact": "Rewrite a gallery's files without what was removed.",
    "encoders": "List encoders; pull, check, measure and export them.",
    "eval": "Measure how good encoders and indexes are, on labelled pictures.",
    "datasets": "List data sets to evaluate on; pull and check them.",
    "reproduce": "Run the experiment of one of five published systems.",
    "map": "Draw a gallery as a map: what lies together looks alike.",
    "embed": "Embed a source, or one shard of it, for merging.",
    "merge": "Join galleries or shards into one gallery.",
    "export": "Write a gallery's embeddings for other programs.",
    "import": "Take in embeddings that another program made.",
    "bench": "Compare search engines on a gallery's embeddings.",
    "demo": "Render a collection of pictures, index it and search it.",
}

EXAMPLES = (
    ("lookalike index ~/photos", "Make a folder searchable; again after it has changed."),
    ("lookalike search query.jpg --gallery ~/photos", "Find what looks like a picture."),
)


class LazyGroup(click.Group):
    """A group whose commands live in modules of their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        # No module can be called import.
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"lookalike.cli.{name}")
        begin_collecting()
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command by its name, or say which one was probably meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = difflib.get_close_matches(name, COMMANDS, n=1)
            meant = f"; perhaps {close[0]!r} was meant" if close else ""
            raise click.UsageError(f"There is no command {name!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that has seen enough, head for example, is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            close_output()
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        write_examples(formatter, EXAMPLES)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(lookalike.__version__, prog_name="lookalike")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Find the pictures that look alike."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_USAGE)


def begin_collecting() -> None:
    """Collect garbage, where the program's start has put that off; of what comes now alone.

    What was loaded is needed to the end. Going through it again and again, and once more on
    the way out, took a fifth of the time of a search that a server answers.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def main() -> None:
    """Run the program and exit: 0 done, 1 failed, 2 wrong usage, 130 or 143 interrupted."""
    let_file_names_through()
    heed_sigterm()
    sys.exit(run())


def let_file_names_through() -> None:
    """Send a file name's bytes out as they are on disk, whatever the locale says."""
    codecs.register_error("lookalike.on_disk", on_disk)
    encoding = sys.getfilesystemencoding() if os.name == "posix" else None
    if encoding == "ascii":
        encoding = "utf-8"  # a superset, so that bytes beyond ASCII pass as well
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=encoding, errors="lookalike.on_disk")


def on_disk(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode an undecodable byte as itself, and any other character as an escape."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = program.main(arguments, prog_name="lookalike", standalone_mode=False)
        if sys.stdout is not None:  # as it is where a caller closed it
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.UsageError as error:
        typed = sys.argv[1:] if arguments is None else arguments
        return failed(usage_sentence(error, typed), EXIT_USAGE)
    except Interrupted as error:
        return failed(str(error), exit_code())
    except (click.Abort, KeyboardInterrupt):
        return failed("Interrupted.", exit_code())
    except (ImportError, LookalikeError) as error:
        if is_broken_import(error):
            return failed("Interrupted.", exit_code())
        if isinstance(error, ImportError):
            raise
        return failed(str(error), exit_code_of(error))
    except BrokenPipeError:
        close_output()
        return 0
    except MemoryError:
        return failed("There is not enough memory for this: ask for less at a time.", EXIT_FAILURE)
    except OSError as error:
        close_output()
        what = f"The file {error.filename}" if error.filename else "The output"
        return failed(f"{what} cannot be used: {error.strerror or error}.", EXIT_FAILURE)


def usage_sentence(error: click.UsageError, typed: list[str]) -> str:
    """Say what is wrong with the command line, and where the right way is written down."""
    file = next((name for name in typed if name.startswith("-") and os.path.lexists(name)), None)
    meant = f"; write ./{file} for the file of that name" if file else ""
    message = error.format_message().replace("\n\t", " ").rstrip(".?")
    path = error.ctx.command_path if error.ctx else "lookalike"
    return f"{message}: see '{path} --help'{meant}."


def failed(message: str, code: int) -> int:
    """Tell the user on one line, and the log file if there is one."""
    if "lookalike.cli.logs" in sys.modules:
        from lookalike.cli.logs import log_failure

        log_failure(message)
    try:
        click.echo(f"lookalike: {printable(with_install_lines(message))}", err=True)
    except OSError:  # nobody can be told
        return code
    return code


def close_output() -> None:
    """Keep the interpreter from complaining, on its way out, that output went nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
