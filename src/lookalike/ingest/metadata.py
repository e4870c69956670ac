"""Metadata files: columns that somebody wrote beside the pictures."""

from __future__ import annotations

import csv
import json
import math
import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtra, UsageError

__all__ = ["MetadataTable", "load_metadata"]

NAME_COLUMNS = ("path", "file", "file_name", "filename", "file_path", "filepath", "image", "name")
NOT_FINITE = ("nan", "inf", "-inf")


class MetadataTable:
    """Rows of metadata, found by a picture's path or by its bare file name.

    Args:
        rows: By path or file name, with forward slashes.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def row_for(self, path: str) -> Mapping[str, Any] | None:
        """Find a picture's row: by its path within the source, else by its file name."""
        for name in (path, posixpath.basename(path)):
            # Some systems write an accent as a letter of its own, tables seldom do.
            for spelling in (name, unicodedata.normalize("NFC", name)):
                row = self._rows.get(spelling)
                if row is not None:
                    return row
        return None


def load_metadata(file: str | Path) -> MetadataTable:
    """Read CSV, TSV, JSON lines or Parquet.

    The column that names the picture is the first of ``path``, ``file``,
    ``file_name``, ``filename``, ``file_path``, ``filepath``, ``image``, ``name``
    that exists; a path is relative to the source.

    Raises:
        UsageError: It is missing, damaged, or no column names the pictures.
        MissingExtra: Parquet needs ``lookalike[parquet]``.
    """
    path = Path(os.path.expanduser(file))
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"Metadata file {path} is of an unknown kind: use one of {', '.join(READERS)}."
        )
    try:
        return MetadataTable(named(reader(path), path))
    except FileNotFoundError:
        raise UsageError(f"There is no metadata file at {path}.") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"Metadata file {path} cannot be read: {error}.") from error


def named(rows: Iterable[Mapping[str, Any]], path: Path) -> dict[str, dict[str, Any]]:
    """Key rows by the column that names the picture."""
    table: dict[str, dict[str, Any]] = {}
    column = ""
    for row in rows:
        if not column:
            column = name_column(row, path)
        values = {key: plain(value) for key, value in row.items() if key and key != column}
        name = str(row.get(column) or "").replace("\\", "/").removeprefix("./")
        if name:
            table[name] = values
    return table


def name_column(row: Mapping[str, Any], path: Path) -> str:
    """Find the column that names the picture."""
    by_lower = {str(key).lower(): str(key) for key in row}
    for wanted in NAME_COLUMNS:
        if wanted in by_lower:
            return by_lower[wanted]
    raise UsageError(
        f"Metadata file {path} has no column that names the pictures: call one of its columns "
        f"({', '.join(map(str, row))}) 'path' or 'file_name'."
    )


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read rows of a CSV or TSV; numbers become numbers."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        for row in csv.DictReader(file, delimiter=delimiter):
            yield {key: number_or_text(value) for key, value in row.items() if key is not None}


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


def read_json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read one JSON object a line."""
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not an object")
            yield row


def read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read rows of a Parquet file."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("parquet", "Reading Parquet metadata") from None
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


READERS = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
