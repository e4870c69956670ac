"""Six pictures in a row of colours, whose rankings can be counted by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from lookalike.evaluation.datasets import ImageSet
from lookalike.evaluation.judging.makers import qrels_from_labels

# The encoder's embedding is the mean colour times (1, 2, 4): red with more and more green
# lies at 0, 11.3, 21.8, 31.0, 38.7 and 45 degrees.
GREENS = (0, 20, 40, 60, 80, 100)
LABELS = ("a", "a", "b", "b", "a", "b")
NAMES = ("a/0.png", "a/1.png", "b/2.png", "b/3.png", "a/4.png", "b/5.png")

MakeSet = Callable[..., ImageSet]


@pytest.fixture
def paint() -> Callable[[Path, int], None]:
    """Write a picture of one colour."""

    def write(file: Path, green: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 8), (200, green, 0)).save(os.fsencode(file), format="PNG")

    return write


@pytest.fixture
def make_set(tmp_path: Path, paint: Callable[[Path, int], None]) -> MakeSet:
    """Paint pictures and make a set of them."""

    def make(
        names: Sequence[str] = NAMES,
        greens: Sequence[int] = GREENS,
        labels: Sequence[str] = LABELS,
        *,
        queries: Sequence[str] | None = None,
        query_labels: Sequence[str] | None = None,
    ) -> ImageSet:
        for name, green in zip(names, greens, strict=True):
            paint(tmp_path / "pictures" / name, green)
        return ImageSet(
            name="row",
            root=tmp_path / "pictures",
            images=tuple(names),
            queries=tuple(names if queries is None else queries),
            judgements={
                "labels": qrels_from_labels(
                    names, labels, queries=queries, query_labels=query_labels
                )
            },
            labels=tuple(labels),
            fingerprint=f"{abs(hash((tuple(names), tuple(labels)))):016x}",
        )

    return make
