"""Turning conditions into SQL: fixed text with parameters, never text from the filter."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lookalike.errors import UsageError
from lookalike.gallery.where.columns import (
    CatalogColumn,
    Keys,
    MetadataColumn,
    resolve,
)
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
from lookalike.gallery.where.moments import beginning_of
from lookalike.gallery.where.tokens import number_in, shortened

__all__ = ["Compiled", "compile_condition"]

Single = Comparison | Between | Membership | Pattern
Test = Callable[[str], str]

# The parser of SQLite stacks up to 100 symbols, in older builds.
DEEPEST = 8

# Keys that a JSON path in quotes can hold in every version of SQLite; others are compared whole.
PLAIN_KEY = re.compile(r"[ !#-\[\]-~]+")


@dataclass(frozen=True, slots=True)
class Compiled:
    """An expression over the table of images, with its parameters by name."""

    sql: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tests:
    """How a value is tested, by what it is.

    Attributes:
        text, number: Given the SQL of the value, the SQL of the test.
        true, false: The SQL of the test of JSON's ``true`` and ``false``.
    """

    text: Test
    number: Test
    true: str
    false: str

    def arms(self, value: str) -> str:
        """Write the arms of ``CASE json_type``."""
        return (
            f"WHEN 'text' THEN {self.text(value)} WHEN 'integer' THEN {self.number(value)} "
            f"WHEN 'real' THEN {self.number(value)} "
            f"WHEN 'true' THEN {self.true} WHEN 'false' THEN {self.false}"
        )


def compile_condition(condition: Condition, keys: Keys, *, folders: Mapping[int, str]) -> Compiled:
    """Compile a condition.

    Args:
        condition: What ``parse_where`` read.
        keys: Tells the metadata keys of the gallery; asked only for names that
            are no columns of the catalog.
        folders: What the paths of each source are relative to, a separator at
            its end.

    Raises:
        UsageError: It names a column that is not there, or compares one with
            what it cannot hold.
    """
    compiler = Compiler(keys)
    sql = compiler.sql(condition)
    return Compiled(sql, {"folders": json.dumps(folders), **compiler.values})


class Compiler:
    """Writes SQL and collects the values that go with it."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._depth = 0
        self.values: dict[str, Any] = {}

    def sql(self, condition: Condition) -> str:
        """Write one condition; NULL stands for an image without the value."""
        if isinstance(condition, And):
            return " AND ".join(self._part(part, loose=Or) for part in condition.parts)
        if isinstance(condition, Or):
            return " OR ".join(self.sql(part) for part in condition.parts)
        if isinstance(condition, Not):
            return f"NOT {self._part(condition.part, loose=(And, Or))}"
        return self._leaf(condition)

    def _part(self, part: Condition, *, loose: type | tuple[type, ...]) -> str:
        """Write a part, in parentheses where it binds more loosely than what is around it."""
        if not isinstance(part, loose):
            return self.sql(part)
        self._depth += 1
        if self._depth > DEEPEST:
            raise UsageError(
                f"The filter nests AND and OR more than {DEEPEST} deep: write it flatter."
            )
        sql = f"({self.sql(part)})"
        self._depth -= 1
        return sql

    def _leaf(self, condition: Single | Missing) -> str:
        column = resolve(condition.column, self._keys)
        if isinstance(condition, Missing):
            return self._missing(column)
        if isinstance(condition, Comparison) and isinstance(condition.other, Column):
            return self._columns(column, condition.operator, condition.other)
        if isinstance(column, MetadataColumn):
            return self._metadata(column.name, self._tests(condition))
        return self._catalog(column, condition)

    def _bind(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def _missing(self, column: CatalogColumn | MetadataColumn) -> str:
        if isinstance(column, CatalogColumn):
            return f"({column.sql} IS NULL)"
        kind, _, _ = self._read(column.name)
        return f"(coalesce({kind}, 'null') = 'null')"

    def _columns(self, left: CatalogColumn | MetadataColumn, operator: str, named: Column) -> str:
        """Compare two columns of the catalog, such as width and height."""
        right = resolve(named, self._keys)
        if (
            isinstance(left, CatalogColumn)
            and isinstance(right, CatalogColumn)
            and left.kind == right.kind
        ):
            return f"({left.sql} {operator} {right.sql})"
        raise UsageError(
            f"The filter compares the column {shortened(left.name)} with the column "
            f"{shortened(right.name)}, but only numbers, texts or dates of the catalog can be "
            "compared with each other: write text in 'single quotes'."
        )

    def _catalog(self, column: CatalogColumn, condition: Single) -> str:
        """Test a column whose kind is known."""
        refuse_booleans(column, condition)
        if column.kind == "moment" and not isinstance(condition, Pattern):
            return self._moment(column, condition)
        if column.kind == "number" and not isinstance(condition, Pattern):
            require_numbers(column, condition)
            return f"({self._tests(condition).number(column.sql)})"
        return f"({self._tests(condition).text(column.sql)})"

    def _moment(self, column: CatalogColumn, condition: Single) -> str:
        """Compare the beginnings of moments, as long as the date in the filter is."""

        def test(operator: str, value: Value) -> str:
            beginning = beginning_of(value, column.name)
            return f"(substr({column.sql}, 1, {len(beginning)}) {operator} {self._bind(beginning)})"

        if isinstance(condition, Between):
            return f"({test('>=', condition.low)} AND {test('<=', condition.high)})"
        if isinstance(condition, Comparison) and isinstance(condition.other, Value):
            return test(condition.operator, condition.other)
        by_length: dict[int, list[str]] = {}
        for value in values_of(condition):
            beginning = beginning_of(value, column.name)
            by_length.setdefault(len(beginning), []).append(beginning)
        either = (
            f"substr({column.sql}, 1, {length}) IN {self._listed(beginnings)}"
            for length, beginnings in by_length.items()
        )
        return f"({' OR '.join(either)})"

    def _metadata(self, key: str, tests: Tests) -> str:
        """Test what stands under a key; a list passes if one of its items does."""
        kind, value, items = self._read(key)
        return (
            f"(CASE {kind} {tests.arms(value)} WHEN 'object' THEN 0 WHEN 'array' THEN EXISTS "
            f"(SELECT 1 FROM {items} AS item WHERE CASE item.type {tests.arms('item.value')} END) "
            "END)"
        )

    def _read(self, key: str) -> tuple[str, str, str]:
        """Write how to read the type and the value under a key, and the items of a list."""
        if PLAIN_KEY.fullmatch(key):
            path = self._bind(f'$."{key}"')
            place = f"(metadata, {path})"
            return f"json_type{place}", f"json_extract{place}", f"json_each{place}"
        entry = f"FROM json_each(metadata) AS entry WHERE entry.key = {self._bind(key)}"
        value = f"(SELECT entry.value {entry})"
        return f"(SELECT entry.type {entry})", value, f"json_each({value})"

    def _tests(self, condition: Single) -> Tests:
        if isinstance(condition, Pattern):
            return self._pattern(condition)
        if isinstance(condition, Membership):
            return self._membership(condition)
        if isinstance(condition, Between):
            low, high = self._ordered(">=", condition.low), self._ordered("<=", condition.high)
            return both(low, high)
        return self._ordered(condition.operator, *values_of(condition))

    def _pattern(self, condition: Pattern) -> Tests:
        pattern = f"{condition.operator} {self._bind(condition.pattern)}"
        if condition.escape:
            pattern += f" ESCAPE {self._bind(condition.escape)}"

        def matches(value: str) -> str:
            return f"({value} {pattern})"

        return Tests(matches, matches, matches("'true'"), matches("'false'"))

    def _membership(self, condition: Membership) -> Tests:
        """Test for any of the values: texts and numbers as ``=`` compares them."""
        texts = [value.value for value in condition.values if value.kind == "text"]
        numbers = [value.value for value in condition.values if value.kind == "number"]
        flags = {value.value for value in condition.values if value.kind == "boolean"}
        numeric = [number_in(str(text)) for text in texts]
        in_texts = self._listed(texts)
        in_numbers = self._listed(numbers)
        in_all = self._listed(numbers + [number for number in numeric if number is not None])
        in_flags = self._listed([str(flag).lower() for flag in sorted(flags)])
        finite = self._finite()

        def text(value: str) -> str:
            either = [f"{value} IN {in_texts}"]
            if numbers:
                either.append(f"({value} {finite} AND CAST({value} AS NUMERIC) IN {in_numbers})")
            if flags:
                either.append(f"lower({value}) IN {in_flags}")
            return f"({' OR '.join(either)})"

        true = "true" in texts or 1 in numbers or True in flags
        false = "false" in texts or 0 in numbers or False in flags
        return Tests(text, lambda value: f"({value} IN {in_all})", str(int(true)), str(int(false)))

    def _ordered(self, operator: str, value: Value) -> Tests:
        if value.kind == "number":
            return self._number(operator, value.value)
        if value.kind == "text":
            return self._text(operator, str(value.value))
        word = self._bind(str(value.value).lower())
        return Tests(
            lambda tested: f"(lower({tested}) = {word})",
            lambda tested: "0",
            str(int(value.value is True)),
            str(int(value.value is False)),
        )

    def _number(self, operator: str, number: float | str) -> Tests:
        """Compare with a number; a text that is none never passes, ``1`` is ``true``."""
        bound = self._bind(number)
        finite = self._finite()

        def text(value: str) -> str:
            # CAST gives the number an affinity, for which SQLite reads a text as the number it
            # spells. One that spells none stays text, and counts as more than any number.
            return f"({value} {operator} CAST({bound} AS NUMERIC) AND {value} {finite})"

        def plain(value: str) -> str:
            return f"({value} {operator} {bound})"

        return Tests(text, plain, plain("1"), plain("0"))

    def _text(self, operator: str, text: str) -> Tests:
        """Compare with a text; a number passes only if the text spells one."""
        bound = self._bind(text)
        number = number_in(text)
        spelled = None if number is None else self._bind(number)

        def plain(value: str) -> str:
            return f"({value} {operator} {bound})"

        def numeric(value: str) -> str:
            return "0" if spelled is None else f"({value} {operator} {spelled})"

        return Tests(plain, numeric, plain("'true'"), plain("'false'"))

    def _finite(self) -> str:
        self.values["infinity"] = math.inf
        return "<= CAST(:infinity AS NUMERIC)"

    def _listed(self, values: list[Any]) -> str:
        """Bind any number of values as one: SQLite allows only so many parameters."""
        bound = self._bind(json.dumps(values, ensure_ascii=False))
        return f"(SELECT value FROM json_each({bound}))"


def both(left: Tests, right: Tests) -> Tests:
    """Require two tests of one value."""
    return Tests(
        lambda value: f"({left.text(value)} AND {right.text(value)})",
        lambda value: f"({left.number(value)} AND {right.number(value)})",
        f"({left.true} AND {right.true})",
        f"({left.false} AND {right.false})",
    )


def values_of(condition: Single) -> tuple[Value, ...]:
    """List the values a condition compares with."""
    if isinstance(condition, Membership):
        return condition.values
    if isinstance(condition, Between):
        return condition.low, condition.high
    if isinstance(condition, Comparison) and isinstance(condition.other, Value):
        return (condition.other,)
    return ()


def refuse_booleans(column: CatalogColumn, condition: Single) -> None:
    """Refuse true and false for columns of the catalog, which hold neither."""
    if any(value.kind == "boolean" for value in values_of(condition)):
        raise UsageError(
            f"The filter compares {column.name} with true or false, but it holds "
            f"{'dates' if column.kind == 'moment' else f'{column.kind}s'}: compare it with those."
        )


def require_numbers(column: CatalogColumn, condition: Single) -> None:
    """Refuse texts that spell no number for a column of numbers."""
    for value in values_of(condition):
        if value.kind == "text" and number_in(str(value.value)) is None:
            raise UsageError(
                f"The filter compares {column.name} with {shortened(str(value.value))}, but it "
                "holds numbers: give a number."
            )
