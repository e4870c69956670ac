"""The words of a filter: names, texts, numbers and signs, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.errors import UsageError

__all__ = ["KEYWORDS", "Token", "misread", "number_in", "shortened", "tokens_of"]

LONGEST_FILTER = 10_000_000
EXCERPT = 40

# Integers of SQLite have 64 bits; longer ones are compared as floating-point numbers.
INTEGER_DIGITS = 18

KEYWORDS = frozenset(
    ("AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "GLOB", "ESCAPE", "BETWEEN", "TRUE", "FALSE")
)

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
TOKEN = re.compile(
    rf"""
        (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*")
      | (?P<number>{NUMBER.pattern}(?![\w.]))
      | (?P<name>[^\W\d]\w*)
      | (?P<sign><=|>=|<>|!=|==|[<>=(),.])
    """,
    re.VERBOSE,
)
SPACE = re.compile(r"\s*")
UNSOUND = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        kind: ``"text"``, ``"quoted"``, ``"number"``, ``"name"``, ``"sign"`` or ``"end"``.
        content: What it says: a text without its quotes, a name, a sign.
        position: Where it begins, from 0.
    """

    kind: str
    content: str
    position: int

    @property
    def keyword(self) -> str:
        """A bare name in upper case, a sign as it is, else nothing: quotes make no keywords."""
        return self.content.upper() if self.kind in ("name", "sign") else ""


def number_in(text: str) -> int | float | None:
    """Read a text that is a finite number and nothing else, as SQLite would."""
    if NUMBER.fullmatch(text) is None:
        return None
    if len(text) <= INTEGER_DIGITS and text.lstrip("+-").isdigit():
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


def tokens_of(text: str) -> Iterator[Token]:
    """Cut a filter into words, the last of kind ``"end"``.

    Raises:
        UsageError: A character begins no word, a quote is not closed, or the
            filter is too long.
    """
    require_sound(text)
    position = skip_space(text, 0)
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise misread(text, position, expected_instead_of(text[position]))
        kind = match.lastgroup or ""
        yield Token(kind, unquoted(kind, match.group()), position)
        position = skip_space(text, match.end())
    yield Token("end", "", position)


def misread(text: str, position: int, expected: str) -> UsageError:
    """Say where a filter cannot be understood, and what should stand there."""
    if position >= len(text.rstrip()):
        return UsageError(f"The filter {shortened(text)} ends too early: {expected}.")
    found = shortened(text[position : position + EXCERPT + 1])
    return UsageError(
        f"The filter {shortened(text)} cannot be understood at character {position + 1}, "
        f"{found}: {expected}."
    )


def shortened(text: str) -> str:
    """Quote a text for a message, its end left out where it is long."""
    return repr(text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…")


def require_sound(text: str) -> None:
    """Refuse what no value of a catalog can equal, and what would take minutes to read."""
    if len(text) > LONGEST_FILTER:
        raise UsageError(
            f"The filter has {len(text):,} characters: keep it under {LONGEST_FILTER:,}."
        )
    unsound = UNSOUND.search(text)
    if unsound is not None:
        raise misread(
            text, unsound.start(), "write text in UTF-8, and % of LIKE for bytes that are none"
        )


def skip_space(text: str, position: int) -> int:
    """Find the next character that is no space."""
    match = SPACE.match(text, position)
    return position if match is None else match.end()


def unquoted(kind: str, content: str) -> str:
    """Take a word's quotes off; doubled ones inside stand for themselves."""
    if kind not in ("text", "quoted"):
        return content
    quote = content[0]
    return content[1:-1].replace(quote * 2, quote)


def expected_instead_of(character: str) -> str:
    """Say what to write instead of a character that begins no word."""
    if character in "'\"":
        return f"close the quote; inside it, write a quote twice: {character * 2}"
    if character in "0123456789+-.":
        return 'write a number such as 800 or 2.5, or put an odd column name in "double quotes"'
    return (
        "write comparisons joined by AND, OR and NOT, text in 'single quotes', "
        'and odd column names in "double quotes"'
    )
