"""The formats by name; a library that one of them needs is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping

from lookalike.errors import UsageError
from lookalike.ingest.interchange.clip_retrieval import ClipRetrieval
from lookalike.ingest.interchange.faiss_flat import FaissFlat
from lookalike.ingest.interchange.fiftyone_dataset import FiftyOneDataset
from lookalike.ingest.interchange.numpy_files import NumpyFiles
from lookalike.ingest.interchange.parquet import ParquetFile
from lookalike.ingest.interchange.portions import Format

__all__ = ["FORMATS", "named_format"]

FORMATS: Mapping[str, Format] = {
    "clip-retrieval": ClipRetrieval(),
    "parquet": ParquetFile(),
    "numpy": NumpyFiles(),
    "faiss": FaissFlat(),
    "fiftyone": FiftyOneDataset(),
}


def named_format(name: str) -> Format:
    """Find a format.

    Raises:
        UsageError: There is none of that name.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UsageError(f"There is no format {name!r}: use {', '.join(FORMATS)}.") from None
