"""Metadata files: columns that somebody wrote beside the pictures."""

from __future__ import annotations

import csv
import json
import math
import os
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtra, UsageError
from lookalike.ingest.delimited import read_delimited

__all__ = ["MetadataTable", "load_metadata"]

NAME_COLUMNS = ("path", "file", "file_name", "filename", "file_path", "filepath", "image", "name")


class MetadataTable:
    """Rows of metadata, found by a picture's path or by its bare file name.

    Args:
        rows: By path or file name, with forward slashes.
        repeated: Names that the table has more than once; the last row counts.
    """

    def __init__(
        self, rows: Mapping[str, Mapping[str, Any]], *, repeated: Collection[str] = ()
    ) -> None:
        self._rows = rows
        self._repeated = tuple(dict.fromkeys(repeated))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        """List what the rows call their pictures."""
        return iter(self._rows)

    @property
    def repeated(self) -> tuple[str, ...]:
        """Names that the table has more than once; the last row counts."""
        return self._repeated

    def named(self, name: str) -> str | None:
        """Find out whether a row has this name, and how it is spelled there."""
        if name in self._rows:
            return name
        # Some systems write an accent as a letter of its own, tables seldom do.
        composed = unicodedata.normalize("NFC", name)
        return composed if composed in self._rows else None

    def row(self, name: str) -> Mapping[str, Any]:
        """Read the row of a name that ``named`` found."""
        return self._rows[name]


def load_metadata(file: str | Path) -> MetadataTable:
    """Read CSV, TSV, JSON lines or Parquet.

    Cells of a CSV may be parted by commas, semicolons, tabs or bars, and text may be
    UTF-8 or UTF-16, as spreadsheets write them. The column that names the picture is
    the first of ``path``, ``file``, ``file_name``, ``filename``, ``file_path``,
    ``filepath``, ``image``, ``name`` that exists; a path is relative to the source, or
    absolute.

    Raises:
        UsageError: It is missing, damaged or empty, or no column names the pictures.
        MissingExtra: Parquet needs ``lookalike[parquet]``.
    """
    path = Path(os.path.expanduser(file))
    reader = METADATA_READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"Metadata file {path} is of an unknown kind: use one of {', '.join(METADATA_READERS)}."
        )
    try:
        rows, repeated = keyed(reader(path), path)
    except FileNotFoundError:
        raise UsageError(f"There is no metadata file at {path}.") from None
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"Metadata file {path} cannot be read: {error}.") from error
    if not rows:
        raise UsageError(
            f"Metadata file {path} has no rows: write one for each picture, below a header that "
            "has a column 'path'."
        )
    return MetadataTable(rows, repeated=repeated)


def keyed(
    rows: Iterable[Mapping[str, Any]], path: Path
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Key rows by the column that names the picture, and list what is named again."""
    table: dict[str, dict[str, Any]] = {}
    repeated: list[str] = []
    column = ""
    for row in rows:
        if not column:
            column = name_column(row, path)
        values = {key: plain(value) for key, value in row.items() if key and key != column}
        name = str(row.get(column) or "").replace("\\", "/").removeprefix("./")
        if name in table:
            repeated.append(name)
        if name:
            table[name] = values
    return table, repeated


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


def read_table(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read rows of a CSV or TSV, or of what Excel calls Unicode text."""
    return read_delimited(
        path, NAME_COLUMNS, check=lambda header: name_column(dict.fromkeys(header), path)
    )


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
    ".csv": read_table,
    ".tsv": read_table,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
# A list of pictures is a .txt as well, where pictures may be listed.
METADATA_READERS = {**READERS, ".txt": read_table}
