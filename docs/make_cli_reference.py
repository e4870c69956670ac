"""Write docs/cli.md from the help of every command."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.main import COMMANDS, program

__all__ = ["FILE", "reference"]

FILE = Path(__file__).parent / "cli.md"
WIDTH = 80

INTRODUCTION = """\
# The command line

<!-- Written by docs/make_cli_reference.py: run `make docs` after changing a command. -->

Results go to standard output; the progress bar, remarks, the log and errors go to
standard error. An error is one sentence: what was asked, what was found, what to do.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | something failed; the gallery is as it was, or as far as it had been committed |
| 2 | the command line makes no sense |
| 130 | interrupted by Ctrl-C; the same command goes on from there |
| 143 | ended by SIGTERM, as batch systems do it; the same command goes on from there |

Control characters in file names, line breaks among them, are printed as escapes
(`\\n`), so that one hit is one line; every other byte is printed as it is on disk.
`--json` has the exact names: a byte that is not UTF-8 is a lone surrogate
(`\\udcff`), as Python's `os.fsdecode` writes it.

A command finds its gallery as git finds its own: the nearest `.lookalike` in the
current folder or above, unless `--gallery` names another.
"""


def reference() -> str:
    """Put the whole page together."""
    shared = program.context_settings
    root = click.Context(program, info_name="lookalike", terminal_width=WIDTH, **shared)
    sections = [INTRODUCTION, section("lookalike", program.get_help(root))]
    for name in COMMANDS:
        command = program.get_command(root, name)
        if command is None:
            raise LookupError(f"There is no command {name}.")
        own = click.Context(command, info_name=name, parent=root, terminal_width=WIDTH)
        sections.append(section(f"lookalike {name}", command.get_help(own)))
        for inner in getattr(command, "commands", {}).values():
            deeper = click.Context(inner, info_name=inner.name, parent=own, terminal_width=WIDTH)
            sections.append(section(f"lookalike {name} {inner.name}", inner.get_help(deeper)))
    return "\n".join(sections)


def section(title: str, text: str) -> str:
    """Show one command's help as it is printed."""
    return f"## {title}\n\n```text\n{text.rstrip()}\n```\n"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
