"""NumPy: ``embeddings.npy`` and ``images.csv`` in a folder, or a bare ``.npy`` file."""

from __future__ import annotations

from collections.abc import Iterator

from lookalike.ingest.interchange.files import (
    FACTS,
    NpyFile,
    TableFile,
    array_portions,
    mapped,
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
    require_facts_fit,
    require_rows,
    require_same_count,
)

__all__ = ["NumpyFiles"]

EMBEDDINGS = "embeddings.npy"
TABLE = "images.csv"


class NumpyFiles:
    """Rows of one array beside lines of one table; a bare array has row numbers for names."""

    def require_free(self, place: str) -> None:
        """Refuse to write over something."""
        require_free_place(place)

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Write array, table and facts."""
        with replacing(place) as folder:
            folder.mkdir()
            with (
                NpyFile(folder / EMBEDDINGS, facts.space.dim, facts.dtype) as array,
                TableFile(folder / TABLE) as table,
            ):
                for portion in portions:
                    array.append(portion.embeddings)
                    table.append(portion.lines)
            (folder / FACTS).write_text(facts.to_json() + "\n", encoding="utf-8")

    def open(self, place: str) -> Opened:
        """Look at a folder, or at a bare array."""
        path = place_of(place)
        file = path / EMBEDDINGS if path.is_dir() else path
        if not file.is_file():
            raise no_embeddings(path, EMBEDDINGS)
        array = mapped(file)
        count, dim = array.shape
        table = path / TABLE if path.is_dir() and (path / TABLE).is_file() else None
        facts = read_facts(path) if path.is_dir() else None
        require_facts_fit(facts, count, dim, place=str(file))
        if table is not None:
            require_same_count(count, table_rows(table), place=str(file), table=str(table))

        def portions(size: int) -> Iterator[Portion]:
            lines = None if table is None else read_table(table, is_own=facts is not None)
            return array_portions(lambda: mapped(file), count, lines, size)

        dtype = require_rows(array.shape, array.dtype, place=str(file))
        return Opened(str(file), count, dim, dtype, facts, portions)
