"""Tables of text, as spreadsheets and scripts write them: CSV, TSV, Excel's Unicode text."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

__all__ = ["read_delimited"]

# The first counts where nothing tells them apart.
DELIMITERS = (",", ";", "\t", "|")
# What no file name and no text holds: a table of one column has no delimiter.
NO_DELIMITER = "\x1f"
NOT_FINITE = ("nan", "inf", "-inf")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Excel reads, and some programs write, a first line that names the delimiter.
DELIMITER_LINE = "sep="


def read_delimited(
    path: Path, names: Sequence[str], *, check: Callable[[Sequence[str]], object]
) -> Iterator[Mapping[str, Any]]:
    """Read the rows of a table by its header; numbers become numbers.

    The delimiter is the one of ``, ; tab |`` by which the header has a column of one of
    the names; of several such the one that gives most columns. Text is UTF-8, or UTF-16
    with its mark.

    Args:
        path: The file.
        names: Columns that the table may be expected to have, in small letters.
        check: Called with the header before any row is read.

    Raises:
        ValueError: It is in another encoding, or a row has more cells than the header.
    """
    with path.open(encoding=encoding_of(path), newline="") as file:
        try:
            delimiter, above = delimiter_of(file, names, is_tsv=path.suffix.lower() == ".tsv")
            yield from rows_of(file, delimiter, above, check)
        except UnicodeError as error:
            raise ValueError(
                "its text is neither UTF-8 nor UTF-16; in Excel, save it as 'CSV UTF-8'"
            ) from error


def encoding_of(path: Path) -> str:
    """Tell the encoding by the mark in front, or by the zeros of a UTF-16 without one."""
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    if len(start) == 4 and start[1::2] == b"\0\0" and 0 not in start[::2]:
        return "utf-16-le"
    return "utf-8"


def rows_of(
    file: TextIO, delimiter: str, above: int, check: Callable[[Sequence[str]], object]
) -> Iterator[Mapping[str, Any]]:
    """Read rows; cells beyond the header have to be empty, as spreadsheets leave them."""
    file.seek(0)
    for _ in range(above):
        file.readline()
    reader = csv.reader(file, delimiter=delimiter)
    header = [name.strip() for name in next((row for row in reader if any(row)), [])]
    if header:
        check(header)
    for row in reader:
        if any(row[len(header) :]):
            raise ValueError(
                f"line {above + reader.line_num} has {len(row)} cells, and the header "
                f"{len(header)}: put double quotes around a text that holds {spoken(delimiter)}"
            )
        if row:
            missing = [None] * (len(header) - len(row))
            yield dict(zip(header, [*map(number_or_text, row), *missing], strict=False))


def delimiter_of(file: TextIO, names: Sequence[str], *, is_tsv: bool) -> tuple[str, int]:
    """Find what parts the cells of the header, and how many lines stand above it."""
    above, line = 0, file.readline()
    while line and not line.strip():
        above, line = above + 1, file.readline()
    told = line.rstrip("\r\n").replace('"', "")
    if told.lower().startswith(DELIMITER_LINE) and len(told) == len(DELIMITER_LINE) + 1:
        return told[-1], above + 1
    best, best_rank = NO_DELIMITER, (False, 1)
    for delimiter in ("\t", *DELIMITERS) if is_tsv else DELIMITERS:
        header = next(csv.reader([line], delimiter=delimiter), [])
        rank = (any(name.strip().lower() in names for name in header), len(header))
        if len(header) > 1 and rank > best_rank:
            best, best_rank = delimiter, rank
    return best, above


def number_or_text(text: str | None) -> Any:
    """Read a number where the text is written as Python would write that number."""
    for kind in (int, float):
        try:
            value = kind(text or "")
        except ValueError:
            continue
        # '007', '1e3' and 'nan' are names, not numbers.
        if str(value) == text and text not in NOT_FINITE:
            return value
    return text


def spoken(delimiter: str) -> str:
    """Name a delimiter."""
    return "a tab" if delimiter == "\t" else f"'{delimiter}'"
