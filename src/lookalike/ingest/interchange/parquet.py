"""One Parquet file: a fixed-size list column ``embedding`` beside the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import MissingExtra, UsageError
from lookalike.ingest.interchange.columns import COLUMNS
from lookalike.ingest.interchange.files import (
    no_embeddings,
    place_of,
    replacing,
    require_free_place,
)
from lookalike.ingest.interchange.portions import (
    Facts,
    Opened,
    Portion,
    Rows,
    require_facts_fit,
)

__all__ = ["ParquetFile", "arrow_table", "parquet_library", "table_lines"]

EMBEDDING = "embedding"
KEY = b"lookalike"


def parquet_library() -> Any:
    """Import pyarrow with its Parquet module.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("parquet", "Reading and writing Parquet") from None
    return pyarrow


def arrow_table(
    lines: Sequence[Mapping[str, Any]], columns: Mapping[str, type], embeddings: Rows | None = None
) -> Any:
    """Make an Arrow table of lines, and of embeddings if there are any.

    Args:
        lines: One mapping per row.
        columns: Their names and types.
        embeddings: ``(n, dim)``; stored as float32, which every reader knows.
    """
    pa = parquet_library()
    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    arrays = {
        name: pa.array([line.get(name) for line in lines], type=types[kind])
        for name, kind in columns.items()
    }
    if embeddings is not None:
        flat = pa.array(np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1))
        arrays[EMBEDDING] = pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1])
    return pa.table(arrays)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open a Parquet file for reading.

    Raises:
        UsageError: It is damaged, or something else.
    """
    pa = parquet_library()
    try:
        with pa.parquet.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"The Parquet file {path} cannot be read ({error}): write it anew."
        ) from error


def table_lines(path: Path, size: int) -> Iterator[list[dict[str, Any]]]:
    """Read the lines of a Parquet file, so many at a time."""
    with opened(path) as file:
        for batch in file.iter_batches(batch_size=size):
            yield batch.to_pylist()


class ParquetFile:
    """One file for everything, as data frames and query engines read it."""

    def require_free(self, place: str) -> None:
        """Refuse to write over something."""
        parquet_library()
        require_free_place(place)

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Write one row group per portion."""
        pa = parquet_library()
        empty = np.empty((0, facts.space.dim), dtype=np.float32)
        schema = arrow_table([], COLUMNS, empty).schema
        schema = schema.with_metadata({KEY: facts.to_json().encode()})
        with replacing(place) as path, pa.parquet.ParquetWriter(path, schema) as writer:
            for portion in portions:
                table = arrow_table(portion.lines, COLUMNS, portion.embeddings)
                writer.write_table(table.replace_schema_metadata(schema.metadata))

    def open(self, place: str) -> Opened:
        """Look at a file; its column ``embedding`` may be a list of any float type."""
        path = place_of(place)
        if not path.is_file():
            raise no_embeddings(path, "Parquet file")
        with opened(path) as file:
            schema, count = file.schema_arrow, file.metadata.num_rows
            dim = dim_of(file, path) if count else 1
        text = (schema.metadata or {}).get(KEY)
        facts = None if text is None else Facts.from_json(text, place=str(path))
        if facts is not None and not count:
            dim = facts.space.dim
        require_facts_fit(facts, count, dim, place=str(path))
        dtype = "float32" if facts is None else facts.dtype
        return Opened(
            str(path), count, dim, dtype, facts, lambda size: file_portions(path, dim, size)
        )


def dim_of(file: Any, path: Path) -> int:
    """Find the length of the embeddings: that of the first.

    Raises:
        UsageError: There is no such column.
    """
    if EMBEDDING not in file.schema_arrow.names:
        raise UsageError(
            f"The Parquet file {path} has no column {EMBEDDING!r}: call the column that holds the "
            f"embeddings so; it has {', '.join(file.schema_arrow.names)}."
        )
    first = next(file.iter_batches(batch_size=1, columns=[EMBEDDING])).column(0)
    try:
        return len(first[0].as_py())
    except TypeError:
        raise UsageError(
            f"The column {EMBEDDING!r} of the Parquet file {path} holds {first.type}, but "
            "embeddings are lists of floating-point numbers."
        ) from None


def file_portions(path: Path, dim: int, size: int) -> Iterator[Portion]:
    """Read a file, so many rows at a time."""
    with opened(path) as file:
        start = 0
        for batch in file.iter_batches(batch_size=size):
            column = batch.column(batch.schema.get_field_index(EMBEDDING))
            lines = batch.drop_columns([EMBEDDING]).to_pylist()
            yield Portion(lines, rows_of(column, dim, start, path))
            start += len(lines)


def rows_of(column: Any, dim: int, start: int, path: Path) -> Rows:
    """Turn a list column into rows ``(n, dim)``.

    Raises:
        UsageError: A list has another length, or is missing.
    """
    lengths = np.array([-1 if length is None else length for length in lengths_of(column)])
    wrong = np.flatnonzero(lengths != dim)
    if wrong.size:
        raise UsageError(
            f"Row {start + wrong[0]} of {path} has an embedding of "
            f"{max(0, lengths[wrong[0]])} numbers, but row 0 has one of {dim}."
        )
    rows = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(rows, dtype=np.float32).reshape(-1, dim)


def lengths_of(column: Any) -> list[int | None]:
    """Count the numbers in each list."""
    import pyarrow.compute

    lengths: list[int | None] = pyarrow.compute.list_value_length(column).to_pylist()
    return lengths
