"""Reading a filter: ``label = 'cat' AND width > 800`` becomes a tree of conditions."""

from __future__ import annotations

from dataclasses import replace

from lookalike.errors import UsageError
from lookalike.gallery.where.conditions import (
    And,
    Between,
    Column,
    Comparison,
    Condition,
    Membership,
    Missing,
    Not,
    Or,
    Pattern,
    Value,
)
from lookalike.gallery.where.tokens import KEYWORDS, Token, misread, number_in, tokens_of

__all__ = ["parse_where"]

# Python's own stack bounds the parentheses, SQLite's expressions of depth 1000 the comparisons.
DEEPEST = 50
MOST_COMPARISONS = 400
LONGEST_PATTERN = 10_000

SIGNS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
COMPARE = "compare the column here: =, !=, <, <=, >, >=, LIKE, GLOB, IN, BETWEEN or IS NULL"
VALUE = "write a number, a text in 'single quotes', true or false here"
OPERAND = "write a column, a number or a text in 'single quotes' here"


def parse_where(text: str) -> Condition:
    """Read a filter.

    ``=``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``LIKE``, ``GLOB``, ``IN``,
    ``BETWEEN`` and ``IS NULL``, joined by ``AND``, ``OR``, ``NOT`` and
    parentheses, bind as they do in SQL. Whether the gallery has the columns is
    found when the filter is used.

    Raises:
        UsageError: It cannot be understood; the message says where.
    """
    parser = Parser(text)
    condition = parser.any_of()
    parser.require_end()
    return condition


class Parser:
    """Reads from left to right, one method per rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(tokens_of(text))
        self._next = 0
        self._depth = 0
        self._comparisons = 0

    def any_of(self) -> Condition:
        """Read conditions joined by OR."""
        parts = [self.all_of()]
        while self._accept("OR"):
            parts.append(self.all_of())
        return joined(Or, parts)

    def all_of(self) -> Condition:
        """Read conditions joined by AND, which binds tighter than OR."""
        parts = [self.negated()]
        while self._accept("AND"):
            parts.append(self.negated())
        return joined(And, parts)

    def negated(self) -> Condition:
        """Read a condition with any number of NOT before it; two of them cancel out."""
        is_negated = False
        while self._accept("NOT"):
            is_negated = not is_negated
        condition = self.single()
        return Not(condition) if is_negated else condition

    def single(self) -> Condition:
        """Read a comparison, or a condition in parentheses."""
        opening = self._token
        if not self._accept("("):
            return self.comparison()
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._misread(
                f"parentheses may be nested {DEEPEST} deep: write the filter flatter", opening
            )
        condition = self.any_of()
        self._expect(")", f"close the parenthesis of character {opening.position + 1}")
        self._depth -= 1
        return condition

    def comparison(self) -> Condition:
        """Read one comparison."""
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise self._misread(
                f"a filter may have {MOST_COMPARISONS} comparisons: list values with IN instead"
            )
        start = self._token
        left = self.operand()
        if isinstance(left, Value):
            return self.value_first(left, start)
        if self._token.kind == "sign" and self._token.content in SIGNS:
            return compared(left, self.sign(), self.after_sign())
        if self._accept("IS"):
            return self.missing(left)
        is_negated = self._accept("NOT")
        condition = self.test(left)
        return Not(condition) if is_negated else condition

    def test(self, column: Column) -> Condition:
        """Read what follows a column, but for signs and IS."""
        if self._accept("IN"):
            return Membership(column, self.values())
        if self._accept("BETWEEN"):
            low = self.ordered_value()
            self._expect("AND", "write AND and the upper end here")
            return Between(column, low, self.ordered_value())
        for operator in ("LIKE", "GLOB"):
            if self._accept(operator):
                return self.pattern(column, operator)
        raise self._misread(COMPARE)

    def value_first(self, value: Value, start: Token) -> Condition:
        """Read ``800 < width`` as ``width > 800``."""
        if self._token.content not in SIGNS or self._token.kind != "sign":
            raise self._misread("compare the value with a column here, as in 800 < width")
        operator = self.sign()
        right = self.after_sign()
        if isinstance(right, Value):
            raise self._misread("compare a column with a value, not two values", start)
        if value.kind == "boolean" and operator not in ("=", "!="):
            raise self._misread("compare true and false with = or !=", start)
        return compared(right, MIRRORED[operator], value)

    def after_sign(self) -> Value | Column:
        """Read the right side of a comparison; true and false have no order."""
        sign = self._tokens[self._next - 1].content
        start = self._token
        right = self.operand()
        if isinstance(right, Value) and right.kind == "boolean" and SIGNS[sign] not in ("=", "!="):
            raise self._misread("compare true and false with = or !=", start)
        return right

    def sign(self) -> str:
        """Read an operator that is written in signs."""
        return SIGNS[self._take().content]

    def missing(self, column: Column) -> Condition:
        """Read ``NULL`` or ``NOT NULL``."""
        is_negated = self._accept("NOT")
        self._expect("NULL", "write NULL or NOT NULL here; compare values with =")
        return Not(Missing(column)) if is_negated else Missing(column)

    def pattern(self, column: Column, operator: str) -> Condition:
        """Read a pattern and the character that escapes its wildcards."""
        start = self._token
        pattern = self.text(f"write a pattern in 'single quotes' after {operator}")
        if len(pattern) > LONGEST_PATTERN:
            raise self._misread(f"keep a pattern under {LONGEST_PATTERN:,} characters", start)
        escape = ""
        if operator == "LIKE" and self._accept("ESCAPE"):
            start = self._token
            escape = self.text("write one character in 'single quotes' after ESCAPE")
            if len(escape) != 1:
                raise self._misread("write one character in 'single quotes' after ESCAPE", start)
        return Pattern(column, operator, pattern, escape)

    def text(self, expected: str) -> str:
        """Read a text."""
        if self._token.kind != "text":
            raise self._misread(expected)
        return self._take().content

    def values(self) -> tuple[Value, ...]:
        """Read a list of values in parentheses."""
        self._expect("(", "open the list of values with a parenthesis")
        found = [self.value()]
        while self._accept(","):
            found.append(self.value())
        self._expect(")", "write a comma and another value, or close the list with )")
        return tuple(found)

    def ordered_value(self) -> Value:
        """Read a text or a number."""
        start = self._token
        value = self.value()
        if value.kind == "boolean":
            raise self._misread("compare true and false with = or !=", start)
        return value

    def value(self) -> Value:
        """Read a text, a number, true or false."""
        token = self._token
        if token.kind == "quoted":
            raise self._misread("double quotes name a column: write text in 'single quotes'", token)
        found = self.operand()
        if isinstance(found, Column):
            raise self._misread(VALUE, token)
        return found

    def operand(self) -> Value | Column:
        """Read a value or a column."""
        token = self._token
        if token.keyword == "NULL":
            raise self._misread("write IS NULL or IS NOT NULL for missing values")
        if token.kind == "text":
            return Value("text", self._take().content, token.position)
        if token.kind == "number":
            return Value("number", self.number(), token.position)
        if token.keyword in ("TRUE", "FALSE"):
            return Value("boolean", self._take().keyword == "TRUE", token.position)
        return self.column()

    def number(self) -> int | float:
        """Read a number."""
        number = number_in(self._token.content)
        if number is None:
            raise self._misread("write a number below 1e308 here")
        self._next += 1
        return number

    def column(self) -> Column:
        """Read a name, ``metadata.`` before it for a key of the metadata only."""
        first = self.name(OPERAND)
        if not self._accept("."):
            return first
        if first.name.lower() != "metadata":
            raise self._misread(
                'only metadata may stand before a dot: put a name with dots in "double quotes"',
                self._tokens[self._next - 1],
            )
        column = self.name("write the name of a metadata column after the dot")
        return replace(column, is_metadata=True, position=first.position)

    def name(self, expected: str) -> Column:
        """Read a bare or quoted name."""
        token = self._token
        if token.kind == "quoted":
            return Column(self._take().content, is_exact=True, position=token.position)
        if token.kind != "name":
            raise self._misread(expected)
        if token.keyword in KEYWORDS:
            raise self._misread(f'{expected}; a column of this name needs "double quotes"')
        return Column(self._take().content, position=token.position)

    def require_end(self) -> None:
        """Refuse what follows a complete filter."""
        if self._token.kind != "end":
            raise self._misread("join comparisons with AND or OR")

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _accept(self, keyword: str) -> bool:
        if self._token.keyword != keyword:
            return False
        self._next += 1
        return True

    def _expect(self, keyword: str, expected: str) -> None:
        if not self._accept(keyword):
            raise self._misread(expected)

    def _misread(self, expected: str, token: Token | None = None) -> UsageError:
        return misread(self._text, (token or self._token).position, expected)


def joined(kind: type[And] | type[Or], parts: list[Condition]) -> Condition:
    """Join conditions; parentheses around parts of the same kind change nothing."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Condition] = []
    for part in parts:
        if isinstance(part, (And, Or)) and type(part) is kind:
            flat.extend(part.parts)
        else:
            flat.append(part)
    return kind(tuple(flat))


def compared(column: Column, operator: str, other: Value | Column) -> Condition:
    """Make a comparison; ``!=`` is the opposite of ``=``."""
    if operator == "!=":
        return Not(Comparison(column, "=", other))
    return Comparison(column, operator, other)
