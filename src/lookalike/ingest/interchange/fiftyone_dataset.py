"""A FiftyOne data set: one sample per picture, its embedding in the field ``embedding``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lookalike.errors import MissingExtra, UsageError
from lookalike.ingest.interchange.columns import COLUMNS
from lookalike.ingest.interchange.portions import (
    Facts,
    Opened,
    Portion,
    Rows,
    require_facts_fit,
    require_rows,
)
from lookalike.ingest.slices import in_slices

__all__ = ["FiftyOneDataset"]

EMBEDDING = "embedding"
KEY = "lookalike"
# FiftyOne gives these names to things of its own.
PREFIX = "lookalike_"
OWN_FIELDS = {"id", "filepath", "tags", "metadata", "created_at", "last_modified_at"}


def fiftyone_library() -> Any:
    """Import FiftyOne, which starts its database.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        import fiftyone
    except ImportError:
        raise MissingExtra("fiftyone", "Reading and writing FiftyOne data sets") from None
    return fiftyone


class FiftyOneDataset:
    """A persistent data set in FiftyOne's own database; the place is its name."""

    def require_free(self, place: str) -> None:
        """Refuse to write over a data set."""
        if fiftyone_library().dataset_exists(place):
            raise UsageError(
                f"FiftyOne has a data set {place!r} already: name another one, or delete it."
            )

    def write(self, place: str, portions: Iterator[Portion], facts: Facts) -> None:
        """Add the samples portion by portion; a failure deletes the data set."""
        fiftyone = fiftyone_library()
        dataset = fiftyone.Dataset(place)
        try:
            for portion in portions:
                rows = np.asarray(portion.embeddings, dtype=np.float32)
                dataset.add_samples(
                    [
                        sample_of(fiftyone, line, row)
                        for line, row in zip(portion.lines, rows, strict=True)
                    ]
                )
            dataset.info[KEY] = facts.to_json()
            dataset.persistent = True
            dataset.save()
        except BaseException:
            fiftyone.delete_dataset(place)
            raise

    def open(self, place: str) -> Opened:
        """Look at a data set."""
        fiftyone = fiftyone_library()
        if not fiftyone.dataset_exists(place):
            raise UsageError(
                f"FiftyOne has no data set {place!r}: it lists them with 'fiftyone datasets list'."
            )
        dataset = fiftyone.load_dataset(place)
        text = dataset.info.get(KEY)
        facts = None if text is None else Facts.from_json(text, place=place)
        dim = facts.space.dim if facts is not None else 1
        for sample in dataset.iter_samples():
            dim = len(embedding_of(sample, place))
            break
        require_facts_fit(facts, len(dataset), dim, place=place)
        return Opened(
            os.path.abspath(os.path.join(os.sep, "fiftyone", place)),
            len(dataset),
            dim,
            "float32" if facts is None else facts.dtype,
            facts,
            lambda size: dataset_portions(dataset, place, size),
        )


def sample_of(fiftyone: Any, line: Mapping[str, Any], row: Rows) -> Any:
    """Turn a line into a sample; what Lookalike knows stands in fields of its own."""
    fields = {
        f"{PREFIX}{name}": line[name]
        for name in COLUMNS
        if name != "path" and line[name] not in {None, ""}
    }
    return fiftyone.Sample(filepath=line["path"], **{EMBEDDING: row}, **fields)


def embedding_of(sample: Any, place: str) -> Rows:
    """Read a sample's embedding.

    Raises:
        UsageError: It has none.
    """
    row = sample[EMBEDDING] if EMBEDDING in sample.field_names else None
    if row is None:
        raise UsageError(
            f"A sample of the FiftyOne data set {place!r} ({sample.filepath}) has nothing in "
            f"its field {EMBEDDING!r}: compute embeddings into that field first."
        )
    array = np.asarray(row, dtype=np.float32)
    require_rows((1, *array.shape), array.dtype, place=sample.filepath)
    return array


def line_of_sample(sample: Any) -> dict[str, Any]:
    """Turn a sample into a line."""
    own = {
        name[len(PREFIX) :]: sample[name] for name in sample.field_names if name.startswith(PREFIX)
    }
    if own:
        return {**dict.fromkeys(COLUMNS), **own, "path": sample.filepath}
    kept = {
        name: sample[name]
        for name in sample.field_names
        if name not in {*OWN_FIELDS, EMBEDDING}
        and isinstance(sample[name], str | int | float | bool)
    }
    return {**kept, "filepath": sample.filepath}


def dataset_portions(dataset: Any, place: str, size: int) -> Iterator[Portion]:
    """Read a data set, so many samples at a time."""
    for samples in in_slices(dataset.iter_samples(), size):
        rows = [embedding_of(sample, place) for sample in samples]
        if len({len(row) for row in rows}) > 1:
            raise UsageError(f"The FiftyOne data set {place!r} holds embeddings of several dims.")
        yield Portion([line_of_sample(sample) for sample in samples], np.stack(rows))
