"""What a query is made of, read from the command line in the order it was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import IMAGE_ID
from lookalike.errors import UsageError

__all__ = [
    "ARGUMENTS",
    "QueryCommand",
    "TypedPart",
    "TypedWord",
    "are_apart",
    "part_options",
    "typed_parts",
    "words_as_typed",
]

Answer = TypeVar("Answer")

TYPED = "lookalike.typed"
# What stands behind no option, under the name that it has with ``search``.
ARGUMENTS = "queries"

# By the name of their parameter: what kind of part, and whether it is taken away.
PARTS = {
    "queries": ("picture", False),
    "image_ids": ("image_id", False),
    "texts": ("text", False),
    "minus": ("picture", True),
    "minus_ids": ("image_id", True),
    "minus_texts": ("text", True),
}


@dataclass(frozen=True, slots=True)
class TypedWord:
    """One word of the command line that a query is made of.

    Attributes:
        name: The parameter it belongs to.
        text: The word.
    """

    name: str
    text: str


@dataclass(slots=True)
class TypedPart:
    """A part as it was typed, and what was typed after it."""

    kind: str
    text: str
    is_minus: bool
    weight: str | None = None
    region: str | None = None

    @property
    def is_view(self) -> bool:
        """Whether it shows the thing that is searched for."""
        return not self.is_minus and self.kind != "text"

    @property
    def amount(self) -> float:
        """Its weight, below 0 where it is taken away.

        Raises:
            UsageError: What was typed is no weight.
        """
        size = 1.0 if self.weight is None else checked_weight(self.weight)
        return -size if self.is_minus else size

    def to_dict(self) -> dict[str, Any]:
        """Turn into what ``QueryPart.from_dict`` reads."""
        told: dict[str, Any] = {self.kind: int(self.text) if self.kind == "image_id" else self.text}
        if self.amount != 1:
            told["weight"] = self.amount
        if self.region is not None:
            told["region"] = self.region
        return told


class QueryCommand(ExampleCommand):
    """A command that remembers in which order its words were typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note the order, and parse as ever."""
        ctx.meta[TYPED] = list(typed_words(self, list(args)))
        return super().parse_args(ctx, args)


def words_as_typed() -> list[TypedWord]:
    """List the words of the running command, which is a ``QueryCommand``."""
    words: list[TypedWord] = click.get_current_context().meta[TYPED]
    return words


def typed_words(command: click.Command, words: Sequence[str]) -> Iterator[TypedWord]:
    """Tell each word's parameter, in order. What makes no sense is left to the parser."""
    options = {
        name: option
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            yield from (TypedWord(ARGUMENTS, rest) for rest in left)
            return
        if word == "-" or not word.startswith("-"):
            yield TypedWord(ARGUMENTS, word)
            continue
        option, value = split_word(word, options)
        if option is not None and takes_value(option):
            if value is None and left:
                value = left.pop(0)
            yield TypedWord(str(option.name), value or "")


def split_word(
    word: str, options: dict[str, click.Option]
) -> tuple[click.Option | None, str | None]:
    """Part ``--name=value`` and ``-k5``; letters before one that takes a value are switches."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return options.get(name), value if equals else None
    for place, letter in enumerate(word[1:], start=1):
        option = options.get(f"-{letter}")
        if option is None or takes_value(option):
            return option, word[place + 1 :] or None
    return None, None


def takes_value(option: click.Option) -> bool:
    """Tell whether a word follows an option."""
    return not option.is_flag and not option.count


def part_options(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Add the options that say what is searched with."""
    options = (
        click.option(
            "--id",
            "image_ids",
            type=IMAGE_ID,
            multiple=True,
            metavar="ID",
            help="Search with an image of the gallery, by the image_id that --json shows; "
            "its file is not read. May be given several times.",
        ),
        click.option(
            "--text",
            "texts",
            multiple=True,
            metavar="TEXT",
            help="Search with what the pictures show, in words, alone or beside pictures; the "
            "gallery's encoder needs a text tower. May be given several times.",
        ),
        click.option(
            "--minus",
            multiple=True,
            metavar="PICTURE",
            help="Take away what looks like this picture. May be given several times.",
        ),
        click.option(
            "--minus-id",
            "minus_ids",
            type=IMAGE_ID,
            multiple=True,
            metavar="ID",
            help="Take away what looks like this image of the gallery.",
        ),
        click.option(
            "--minus-text",
            "minus_texts",
            multiple=True,
            metavar="TEXT",
            help="Take away what a text says.",
        ),
        click.option(
            "--weight",
            "weights",
            type=float,
            multiple=True,
            metavar="X",
            help="How much the picture, --id, --text or --minus just before it counts. Default: 1.",
        ),
        click.option(
            "--region",
            "regions",
            multiple=True,
            metavar="X,Y,W,H",
            help="Which part of the picture just before it is meant: left, top, width and height "
            "of a box in the upright picture, in pixels, or as fractions: 10%,20%,50%,50% or "
            ".1,.2,.5,.5.",
        ),
        click.option(
            "--template",
            metavar="TEXT",
            help="Put around each text in the place of its {}, as in 'a photo of {}'.",
        ),
        click.option(
            "--combine",
            type=click.Choice(["mean", "best"]),
            help="Search with several pictures at once: for what is like their mean, or like the "
            "best fitting of them. Default: each picture is a query of its own.",
        ),
        click.option(
            "--keep",
            "kept",
            type=IMAGE_ID,
            multiple=True,
            metavar="ID",
            help="A hit of an earlier search that was right: moves the query towards it. May be "
            "given several times.",
        ),
        click.option(
            "--reject",
            "rejected",
            type=IMAGE_ID,
            multiple=True,
            metavar="ID",
            help="A hit of an earlier search that was wrong: moves the query away from it, and is "
            "not found again. May be given several times.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def typed_parts() -> list[TypedPart]:
    """List the parts of the query, as they were typed.

    Raises:
        UsageError: A weight or a region has nothing to belong to, or a weight makes no sense.
    """
    words = words_as_typed()
    parts: list[TypedPart] = []
    for word in words:
        if word.name in PARTS:
            kind, is_minus = PARTS[word.name]
            parts.append(TypedPart(kind, word.text, is_minus))
        elif word.name in {"weights", "regions"}:
            name = word.name.removesuffix("s")
            if not parts or getattr(parts[-1], name) is not None:
                trouble = "is the second of its part" if parts else "stands before all parts"
                raise UsageError(
                    f"--{name} {word.text} {trouble}: put it after the picture, --id, --text or "
                    "--minus that it belongs to."
                )
            setattr(parts[-1], name, word.text)
    for part in parts:
        checked_weight(part.weight or "1")
    return parts


def checked_weight(text: str) -> float:
    """Read a weight, which on the command line is above 0.

    Raises:
        UsageError: It is not.
    """
    weight = float(text)
    if not 0 < weight < float("inf"):
        raise UsageError(
            f"--weight {text} is no weight: give a number above 0, and take away with --minus, "
            "--minus-id or --minus-text."
        )
    return weight


def are_apart(parts: Sequence[TypedPart], combine: str | None, *, has_feedback: bool) -> bool:
    """Tell whether each picture is a query of its own.

    Raises:
        UsageError: Several pictures stand beside other parts, and nobody said how
            they are combined.
    """
    plus = [part for part in parts if part.is_view]
    is_plain = len(plus) == len(parts) and all(part.amount == 1 for part in parts)
    if combine is not None or len(plus) < 2:
        return False
    if is_plain and not has_feedback:
        return True
    raise UsageError(
        f"{len(plus)} pictures to search with stand beside weights, texts, --minus, --keep or "
        "--reject: say --combine mean or --combine best to search with all of them at once."
    )
