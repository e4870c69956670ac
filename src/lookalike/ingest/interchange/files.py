"""Files and folders of an export: there whole, or not at all."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

import numpy as np

from lookalike.errors import StorageFull, UsageError
from lookalike.gallery.failures import FULL
from lookalike.gallery.segments import npy_header
from lookalike.ingest.delimited import number_or_text
from lookalike.ingest.interchange.columns import COLUMNS
from lookalike.ingest.interchange.portions import Facts, Portion, Rows, require_rows

__all__ = [
    "FACTS",
    "NpyFile",
    "TableFile",
    "array_portions",
    "mapped",
    "no_embeddings",
    "place_of",
    "read_facts",
    "read_table",
    "replacing",
    "require_free_place",
    "table_rows",
]

FACTS = "space.json"
LARGEST_FIELD = 2**30


def place_of(place: str) -> Path:
    """Expand ``~`` and make absolute."""
    return Path(os.path.abspath(os.path.expanduser(place)))


def require_free_place(place: str) -> None:
    """Refuse to write over something, or into a folder that is not there.

    Raises:
        UsageError: It cannot be written.
    """
    path = place_of(place)
    if os.path.lexists(path):
        raise UsageError(f"The export {path} is there already: name another place, or remove it.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"The export {path} cannot be written: {path.parent} is no folder that can be "
            "written to."
        )


@contextmanager
def replacing(place: str) -> Iterator[Path]:
    """Write beside a place, and move it there when it is whole.

    Raises:
        StorageFull: The disk is full; nothing is left.
        UsageError: It cannot be written.
    """
    path = place_of(place)
    partial = path.with_name(f".{path.name}.partial")
    remove(partial)
    try:
        yield partial
        os.rename(partial, path)
    except OSError as error:
        remove(partial)
        if error.errno in FULL:
            raise StorageFull(
                f"The disk is full, so {path} was not written: make room, or name another place."
            ) from error
        raise UsageError(
            f"The export {path} cannot be written ({error.strerror}): name another place."
        ) from error
    except BaseException:
        remove(partial)
        raise


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


class NpyFile:
    """A ``.npy`` file that grows row by row; its header tells their number at the end."""

    def __init__(self, path: Path, dim: int, dtype: str) -> None:
        self._dim = dim
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._rows = 0
        self._file: BinaryIO = path.open("wb")
        # A header has the same length for any number of rows: it is filled up to 128 bytes.
        self._file.write(npy_header((0, dim), self._dtype))

    def append(self, rows: Rows) -> None:
        """Write rows ``(n, dim)``."""
        self._file.write(np.ascontiguousarray(rows, dtype=self._dtype).data)
        self._rows += len(rows)

    def __enter__(self) -> NpyFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            if error is None:
                self._file.seek(0)
                header = npy_header((self._rows, self._dim), self._dtype)
                self._file.write(header)


class TableFile:
    """A CSV file with Lookalike's columns that grows line by line."""

    def __init__(self, path: Path) -> None:
        # Lines of one file end the same way on every system.
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.DictWriter(self._file, list(COLUMNS), lineterminator="\n")
        self._writer.writeheader()

    def append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write lines."""
        self._writer.writerows(lines)

    def __enter__(self) -> TableFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def read_facts(folder: Path) -> Facts | None:
    """Read what an export says about itself, None if another program wrote it."""
    path = folder / FACTS
    return Facts.from_json(path.read_bytes(), place=str(path)) if path.is_file() else None


@contextmanager
def opened_table(path: Path) -> Iterator[TextIO]:
    """Open a table for reading.

    Raises:
        UsageError: It is damaged, or no text.
    """
    # The metadata of one picture may take more than the 128 KiB that csv allows at first.
    csv.field_size_limit(LARGEST_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"The table {path} cannot be read ({error}): write it as CSV, in UTF-8."
        ) from error


def table_rows(path: Path) -> int:
    """Count the lines of a table, however many lines of text each of them takes."""
    with opened_table(path) as file:
        return max(0, sum(1 for line in csv.reader(file) if line) - 1)


def read_table(path: Path, *, is_own: bool) -> Iterator[Mapping[str, Any]]:
    """Read the lines of a table.

    Args:
        path: The file.
        is_own: Whether Lookalike wrote it, so that each column's type is known;
            elsewhere what is written as a number becomes one.
    """
    with opened_table(path) as file:
        for line in csv.DictReader(file):
            columns = {key: value for key, value in line.items() if key is not None}
            yield columns if is_own else {k: number_or_text(v) for k, v in columns.items()}


def mapped(path: Path) -> np.memmap[Any, np.dtype[Any]]:
    """Map a ``.npy`` file of embeddings.

    Raises:
        UsageError: It is missing, damaged, or holds something else.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"The embeddings {path} cannot be read ({error}).") from error
    if not isinstance(array, np.memmap):
        raise UsageError(f"{path} is no single array, but an archive: unpack it first.")
    require_rows(array.shape, array.dtype, place=str(path))
    return array


def array_portions(
    read: Callable[[], Rows], count: int, lines: Iterable[Mapping[str, Any]] | None, size: int
) -> Iterator[Portion]:
    """Cut an array on disk, and the table beside it, into portions.

    Args:
        read: Maps the array afresh: what an older mapping touched counts as memory in use.
        count: How many rows it has.
        lines: The table, if there is one.
        size: How many rows at a time.
    """
    waiting = None if lines is None else iter(lines)
    for start in range(0, count, size):
        rows = np.array(read()[start : start + size])
        yield Portion(
            [{} if waiting is None else next(waiting) for _ in range(len(rows))],
            rows,
        )


def no_embeddings(path: Path, wanted: str) -> UsageError:
    """Say that a place holds nothing of a format."""
    return UsageError(f"There is no {wanted} at {path}: check the path, and --format.")
