"""What a filter says, as a tree of frozen records that knows nothing of SQL.

An image that has no value in a column is matched neither by a comparison with
that column nor by the comparison's opposite: only ``IS NULL`` finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "And",
    "Between",
    "Column",
    "Comparison",
    "Condition",
    "Membership",
    "Missing",
    "Not",
    "Or",
    "Pattern",
    "Value",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the filter names it.

    Attributes:
        is_metadata: It was written ``metadata.name``: never a catalog column.
        is_exact: It was written in double quotes: upper and lower case differ.
        position: Where in the filter it stands, from 0.
    """

    name: str
    is_metadata: bool = False
    is_exact: bool = False
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A text, a number, or true or false.

    Attributes:
        kind: ``"text"``, ``"number"`` or ``"boolean"``: to Python ``True`` and
            ``1`` are equal, to a filter they are not.
    """

    kind: str
    value: str | int | float | bool
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``column operator other``, the operator one of ``= < <= > >=``."""

    column: Column
    operator: str
    other: Value | Column


@dataclass(frozen=True, slots=True)
class Between:
    """``column BETWEEN low AND high``, both included."""

    column: Column
    low: Value
    high: Value


@dataclass(frozen=True, slots=True)
class Membership:
    """``column IN (values)``."""

    column: Column
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """``column LIKE pattern`` or ``column GLOB pattern``.

    Attributes:
        escape: What makes ``%`` and ``_`` of LIKE plain characters, or empty.
    """

    column: Column
    operator: str
    pattern: str
    escape: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """``column IS NULL``."""

    column: Column


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All of two or more conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of two or more conditions."""

    parts: tuple[Condition, ...]


Condition = Comparison | Between | Membership | Pattern | Missing | Not | And | Or
