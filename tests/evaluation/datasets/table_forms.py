"""Tables in the forms that users write, and how many answers a set that is made of one has."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from lookalike.evaluation.judging.runs import Run


def positives(image_set, protocol="labels"):
    """How many images answer each query."""
    judged = image_set.judgements[protocol]
    depth = len(image_set.images)
    run = Run(
        image_set.queries,
        np.tile(np.arange(depth), (len(image_set.queries), 1)),
        np.tile(np.linspace(1, 0, depth, dtype=np.float32), (len(image_set.queries), 1)),
    )
    return judged.judge(run).positives.tolist()


def write_csv(file, rows):
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def write_table(file, rows):
    """Write rows in the form that the name of the file says."""
    if file.suffix == ".parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        pyarrow.parquet.write_table(pa.Table.from_pylist(rows), file)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        write_csv(file, rows)
        if file.suffix == ".tsv":
            file.write_text(file.read_text().replace(",", "\t"))
    return file
