"""A bare FAISS index with the names of its rows beside it.

``index.faiss`` is a flat index of inner products (``IndexFlatIP``). Its file is
a header of 45 bytes and the rows as float32, so that it is written and read
without having all of it in memory, as FAISS itself would. Other indexes are
read through FAISS, and rows they compressed come back as good as they were kept.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.ingest.interchange.files import (
    FACTS,
    TableFile,
    array_portions,
    no_embeddings,
    place_of,
    read_facts,
    read_table,
    replacing,
    require_free_place,
    table_rows,
)
from lookalike.ingest.interchange.portions import (
    Facts,
    Opened,
    Portion,
    Rows,
    require_facts_fit,
    require_same_count,
)

__all__ = ["FaissFlat"]

INDEX = "index.faiss"
IDS = "image_ids.npy"
TABLE = "images.csv"

# Kind, dim, rows, two numbers that mean nothing any more, is trained, metric,
# and how many float32 numbers follow (faiss/impl/index_write.cpp).
HEADER = struct.Struct("<4siqqqBiQ")
FLAT_KINDS = {b"IxFI", b"IxF2", b"IxFl"}
INNER_PRODUCT = 0
UNUSED = 1 << 20


class FaissFlat:
    """A flat index, the image_id of each row, and a table of the images."""

    def require_free(self, place: str) -> None:
        """Refuse to write over something."""
        require_free_place(place)

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Write index, ids, table and facts."""
        dim, rows = facts.space.dim, 0
        with replacing(place) as folder:
            folder.mkdir()
            ids: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
            with (folder / INDEX).open("wb") as file, TableFile(folder / TABLE) as table:
                file.write(header(0, dim))
                for portion in portions:
                    file.write(np.ascontiguousarray(portion.embeddings, dtype="<f4").data)
                    table.append(portion.lines)
                    ids.append(np.array([line["image_id"] for line in portion.lines], np.int64))
                    rows += len(portion.lines)
                file.seek(0)
                file.write(header(rows, dim))
            np.save(folder / IDS, np.concatenate(ids))
            (folder / FACTS).write_text(facts.to_json() + "\n", encoding="utf-8")

    def open(self, place: str) -> Opened:
        """Look at a folder, or at a bare index."""
        path = place_of(place)
        folder = path if path.is_dir() else None
        file = path / INDEX if folder else path
        if not file.is_file():
            raise no_embeddings(path, INDEX)
        count, dim, read = open_index(file)
        table = folder / TABLE if folder and (folder / TABLE).is_file() else None
        facts = read_facts(folder) if folder else None
        require_facts_fit(facts, count, dim, place=str(file))
        if table is not None:
            require_same_count(count, table_rows(table), place=str(file), table=str(table))
        ids = None if table else read_ids(folder, count, file)

        def portions(size: int) -> Iterator[Portion]:
            lines: Iterable[Mapping[str, Any]] | None = None
            if table is not None:
                lines = read_table(table, is_own=facts is not None)
            elif ids is not None:
                lines = ({"path": str(name)} for name in ids)
            return array_portions(read, count, lines, size)

        dtype = "float32" if facts is None else facts.dtype
        return Opened(str(file), count, dim, dtype, facts, portions)


def header(rows: int, dim: int) -> bytes:
    """Make the header of a flat index."""
    return HEADER.pack(b"IxFI", dim, rows, UNUSED, UNUSED, 1, INNER_PRODUCT, rows * dim)


def read_ids(folder: Path | None, count: int, file: Path) -> NDArray[Any] | None:
    """Read the names of rows where only numbers stand beside the index."""
    if folder is None or not (folder / IDS).is_file():
        return None
    try:
        ids: NDArray[Any] = np.load(folder / IDS, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"The ids {folder / IDS} cannot be read ({error}).") from error
    require_same_count(count, len(ids), place=str(file), table=str(folder / IDS))
    return ids


def open_index(file: Path) -> tuple[int, int, Callable[[], Rows]]:
    """Find rows, dim, and a way to read the rows of an index.

    Raises:
        UsageError: It is no index, or one that cannot give its rows back.
    """
    with file.open("rb") as stream:
        start = stream.read(HEADER.size)
    if start[:4] in FLAT_KINDS and len(start) == HEADER.size:
        _, dim, rows, _, _, _, metric, numbers = HEADER.unpack(start)
        whole = HEADER.size + 4 * numbers == file.stat().st_size
        if metric in {0, 1} and numbers == rows * dim and dim > 0 and whole:
            return rows, dim, lambda: mapped_rows(file, rows, dim)
    return through_faiss(file)


def mapped_rows(file: Path, rows: int, dim: int) -> Rows:
    """Map the rows of a flat index."""
    if not rows:
        return np.empty((0, dim), dtype=np.float32)
    return np.memmap(file, dtype="<f4", mode="r", offset=HEADER.size, shape=(rows, dim))


def through_faiss(file: Path) -> tuple[int, int, Callable[[], Rows]]:
    """Read any other index into memory."""
    import faiss

    try:
        index = faiss.read_index(str(file))
        if hasattr(index, "make_direct_map"):
            index.make_direct_map()
        rows = index.reconstruct_n(0, index.ntotal)
    except RuntimeError as error:
        raise UsageError(
            f"The FAISS index {file} cannot be read, or does not give its rows back: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return len(rows), index.d, lambda: rows
