"""Commands whose help ends in examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

__all__ = ["ExampleCommand", "write_examples"]


class ExampleCommand(click.Command):
    """A command whose help ends in examples: what to type, and what it does.

    Args:
        examples: Pairs of a command line and its meaning.
    """

    def __init__(
        self, *arguments: Any, examples: Sequence[tuple[str, str]] = (), **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        write_examples(formatter, self.examples)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[tuple[str, str]]) -> None:
    """Write a section of examples, the meaning of each above it."""
    if not examples:
        return
    with formatter.section("Examples"):
        for line, meaning in examples:
            formatter.write(f"{'':{formatter.current_indent}}# {meaning}\n")
            formatter.write(f"{'':{formatter.current_indent}}{line}\n")
