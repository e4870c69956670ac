"""The folder that clip-retrieval's ``inference`` writes and its ``index`` reads.

``img_emb/img_emb_N.npy`` beside ``metadata/metadata_N.parquet``, part by part,
row by row (clip_retrieval/clip_inference/writer.py of that project).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.ingest.interchange.columns import COLUMNS
from lookalike.ingest.interchange.files import (
    FACTS,
    NpyFile,
    array_portions,
    mapped,
    no_embeddings,
    place_of,
    read_facts,
    replacing,
    require_free_place,
)
from lookalike.ingest.interchange.parquet import arrow_table, parquet_library, table_lines
from lookalike.ingest.interchange.portions import (
    Facts,
    Opened,
    Portion,
    require_facts_fit,
    require_rows,
    require_same_count,
)

__all__ = ["ClipRetrieval"]

EMBEDDINGS = "img_emb"
METADATA = "metadata"
PART = re.compile(r"img_emb_(\d+)\.npy")

WRITTEN = {"image_path": str, "caption": str, **{k: v for k, v in COLUMNS.items() if k != "path"}}


class ClipRetrieval:
    """Parts of some ten thousand pictures, arrays and tables in folders of their own."""

    def require_free(self, place: str) -> None:
        """Refuse to write over something."""
        parquet_library()
        require_free_place(place)

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Write one part per portion."""
        library = parquet_library()
        with replacing(place) as folder:
            (folder / EMBEDDINGS).mkdir(parents=True)
            (folder / METADATA).mkdir()
            for number, portion in enumerate(portions):
                file = folder / EMBEDDINGS / f"img_emb_{number}.npy"
                with NpyFile(file, facts.space.dim, facts.dtype) as array:
                    array.append(portion.embeddings)
                table = arrow_table([written(line) for line in portion.lines], WRITTEN)
                library.parquet.write_table(table, table_of(folder, str(number)))
            (folder / FACTS).write_text(facts.to_json() + "\n", encoding="utf-8")

    def open(self, place: str) -> Opened:
        """Look at all parts."""
        folder = place_of(place)
        parts = parts_in(folder)
        shapes = [mapped(file) for _, file in parts]
        dims = {array.shape[1] for array in shapes}
        if len(dims) > 1:
            raise UsageError(f"The parts in {folder} hold embeddings of dims {sorted(dims)}.")
        counts = [len(array) for array in shapes]
        for (number, file), count in zip(parts, counts, strict=True):
            require_table(folder, number, file, count)
        facts, dim = read_facts(folder), dims.pop()
        require_facts_fit(facts, sum(counts), dim, place=str(folder))
        dtype = require_rows(shapes[0].shape, shapes[0].dtype, place=str(folder))

        def portions(size: int) -> Iterator[Portion]:
            for (number, file), count in zip(parts, counts, strict=True):
                yield from part_portions(folder, number, file, count, size)

        return Opened(str(folder / EMBEDDINGS), sum(counts), dim, dtype, facts, portions)


def written(line: Any) -> dict[str, Any]:
    """Name a line's columns as clip-retrieval does."""
    caption = json.loads(line["metadata"] or "{}").get("caption")
    text = caption if isinstance(caption, str) else None
    return {**line, "image_path": line["path"], "caption": text}


def parts_in(folder: Path) -> list[tuple[str, Path]]:
    """List the parts with their numbers as they are written, in order.

    Raises:
        UsageError: There are none.
    """
    files = (folder / EMBEDDINGS).glob("img_emb_*.npy")
    found = [(match[1], file) for file in files if (match := PART.fullmatch(file.name))]
    if not found:
        raise no_embeddings(folder, f"{EMBEDDINGS}/img_emb_0.npy")
    return sorted(found, key=lambda part: int(part[0]))


def table_of(folder: Path, number: str) -> Path:
    """Name the table of a part."""
    return folder / METADATA / f"metadata_{number}.parquet"


def require_table(folder: Path, number: str, file: Path, count: int) -> None:
    """Check that a part's table is there and fits.

    Raises:
        UsageError: It does not.
    """
    pa = parquet_library()
    table = table_of(folder, number)
    try:
        rows = pa.parquet.read_metadata(table).num_rows
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"The table {table}, which names the pictures of {file.name}, cannot be read: {error}."
        ) from error
    require_same_count(count, rows, place=str(file), table=str(table))


def part_portions(
    folder: Path, number: str, file: Path, count: int, size: int
) -> Iterator[Portion]:
    """Read one part."""
    tables = table_lines(table_of(folder, number), size)
    lines = (line for part in tables for line in part)
    return array_portions(lambda: mapped(file), count, lines, size)
